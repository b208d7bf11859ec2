/**
 * Colour of one pane. One triangle covers the canvas; the scissor box keeps it within the pane.
 *
 * Where the pane is smaller than the image, several texels are averaged as colours; where it is larger, every pixel of
 * the image is a sharp square.
 */

import {NOTHING, REFLECTIVE, SOURCES} from './colours.js';

export const VERTEX = `#version 300 es
void main() {
  gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0);
}`;

const vec3 = (rgb) => `vec3(${rgb.map((value) => `${value}.0 / 255.0`).join(', ')})`;

/** How each kind of pane turns a texel into a colour: the body of `vec3 at(ivec2 texel)`. */
const COLOURING = {
  rgb: 'return texelFetch(rgb, texel, 0).rgb;',
  depth: `
  uint value = texelFetch(layer, texel, 0).r;
  return value == 0u ? NOTHING : mapped(share(float(value)), 0);`,
  amount: `
  uint value = texelFetch(layer, texel, 0).r;
  return value == 65535u ? NOTHING : mapped(share(float(value)), 1);`,
  regions: `
  vec3 seen = texelFetch(rgb, texel, 0).rgb;
  uint region = texelFetch(layer, texel, 0).r;
  return region == 0u ? seen : mix(seen, TINT, region == 1u ? 0.55 : 0.85);`,
  source: `
  uint value = texelFetch(layer, texel, 0).r;
  if (value != 3u) return SOURCES[int(value & 3u)];
  float start = float(texelFetch(from, texel, 0).r); // a blend has the colours of both its ends
  float end = float(texelFetch(to, texel, 0).r);
  float now = float(texelFetch(against, texel, 0).r);
  return mix(SOURCES[1], SOURCES[2], start == end ? 0.5 : clamp((now - start) / (end - start), 0.0, 1.0));`,
  error: `
  uint value = texelFetch(layer, texel, 0).r;
  uint truth = texelFetch(against, texel, 0).r;
  if (value == 0u || truth == 0u) return NOTHING;
  return mapped(share(float(value) - float(truth)), 2);`,
};

/**
 * The shader of one kind of pane: each has its own, so that software renderers do no work in vain.
 * @param {string} kind @param {number} taps texels that are averaged along each side of a pixel of the canvas
 */
export function fragment(kind, taps) {
  return `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;

uniform sampler2D rgb, maps;       // the image; colour maps in rows: depth, amount, error
uniform usampler2D layer, against; // millimetres or codes; what errors and blends are measured against
uniform usampler2D from, to;       // the ends of a blend: predicted and projected depth
uniform vec2 range;                // in metres at the two ends of the map
uniform vec2 middle, centre;       // of the pane in the canvas, and the image's pixel that is shown there
uniform vec2 size;                 // of the image
uniform float step_px;             // pixels of the image to a pixel of the canvas
out vec4 colour;

const vec3 NOTHING = ${vec3(NOTHING)};
const vec3 TINT = ${vec3(REFLECTIVE)};
const vec3 SOURCES[4] = vec3[4](${SOURCES.map((source) => vec3(source.colour)).join(', ')});

vec3 mapped(float share, int row) {
  return texelFetch(maps, ivec2(int(clamp(share, 0.0, 255.5 / 256.0) * 256.0), row), 0).rgb;
}

float share(float millimetres) {
  return (millimetres * 0.001 - range.x) / (range.y - range.x);
}

vec3 at(ivec2 texel) {
  ${COLOURING[kind]}
}

vec3 seen(vec2 pixel) {
  vec2 place = floor(centre + (pixel - middle) * vec2(step_px, -step_px));
  bool inside = all(greaterThanEqual(place, vec2(0))) && all(lessThan(place, size));
  return inside ? at(ivec2(place)) : NOTHING;
}

void main() {
  ${taps === 1 ? 'vec3 sum = seen(gl_FragCoord.xy);' : averaged(taps)}
  colour = vec4(sum, 1);
}`;
}

function averaged(taps) {
  return `vec3 sum = vec3(0);
  for (int i = 0; i < ${taps * taps}; i++) {
    vec2 aside = (vec2(i % ${taps}, i / ${taps}) + 0.5) / ${taps}.0 - 0.5;
    sum += seen(gl_FragCoord.xy + aside) / ${taps * taps}.0;
  }`;
}
