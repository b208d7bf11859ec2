/**
 * Draws a mesh, the cameras that saw it and one pinned point with WebGL2. Faces are seen from free space only: from
 * outside, one looks through the walls into the room. Some faces may be marked in colours of their own.
 */

import {ACCENT, NOTHING} from './colours.js';
import {add, axisOf, centreOf, clipFromWorld, scale} from './geometry.js';
import {createProgram, createTarget} from './gl.js';

const SURFACE_VERTEX = `#version 300 es
uniform mat4 clip_from_world;
in vec3 position, normal, tone;
out vec3 place, up, shade;
void main() {
  place = position;
  up = normal;
  shade = tone;
  gl_Position = clip_from_world * vec4(position, 1);
}`;

/**
 * A soft light at the eye: surfaces that turn away are darker, never black. Or, with a reach, not a picture but how far
 * away everything is, in 24 bits of it.
 */
const SURFACE_FRAGMENT = `#version 300 es
precision highp float;
uniform vec3 eye, forward;
uniform float ambient, reach;
uniform vec4 tint;
in vec3 place, up, shade;
out vec4 colour;
void main() {
  if (reach > 0.0) {
    uint steps = uint(clamp(dot(place - eye, forward) / reach, 0.0, 1.0) * 16777215.0);
    colour = vec4(float(steps >> 16u), float((steps >> 8u) & 255u), float(steps & 255u), 255.0) / 255.0;
    return;
  }
  float facing = abs(dot(normalize(up + vec3(1e-6)), normalize(eye - place)));
  colour = vec4(mix(shade, tint.rgb, tint.a) * mix(ambient, 1.0, facing), 1);
}`;

const FLAT_VERTEX = `#version 300 es
uniform mat4 clip_from_world;
uniform float size;
in vec3 position;
void main() {
  gl_Position = clip_from_world * vec4(position, 1);
  gl_PointSize = size;
}`;

const FLAT_FRAGMENT = `#version 300 es
precision highp float;
uniform vec4 paint;
uniform bool is_ring;
out vec4 colour;
void main() {
  float away = length(gl_PointCoord - 0.5) * 2.0;
  if (is_ring && (away > 1.0 || (away < 0.68 && away > 0.22))) discard;
  colour = paint;
}`;

/** @param {WebGL2RenderingContext} gl */
export function createScene(gl) {
  const surface = createProgram(gl, SURFACE_VERTEX, SURFACE_FRAGMENT);
  const flat = createProgram(gl, FLAT_VERTEX, FLAT_FRAGMENT);
  const lines = createPoints(gl, flat);
  const marks = createPoints(gl, flat);
  let mesh = null;
  let marked = [];

  /** Take in another mesh. @param {Object} arrays positions, normals, colours, faces */
  function load(arrays) {
    if (mesh) [...mesh.buffers].forEach((buffer) => gl.deleteBuffer(buffer));
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    const buffers = [
      attribute(gl, surface, 'position', arrays.positions, gl.FLOAT, false),
      attribute(gl, surface, 'normal', arrays.normals, gl.BYTE, true),
      attribute(gl, surface, 'tone', arrays.colours, gl.UNSIGNED_BYTE, true),
      gl.createBuffer(),
    ];
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers[3]);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, arrays.faces, gl.STATIC_DRAW);
    mesh = {array, buffers, count: arrays.faces.length};
    marked = [];
  }

  /** Show some faces in other colours. @param {Array<{corners: Uint32Array, tint: number[]}>} lists of three corners each */
  function mark(lists) {
    for (const {buffer} of marked) gl.deleteBuffer(buffer);
    gl.bindVertexArray(null);
    marked = lists.map(({corners, tint}) => {
      const buffer = gl.createBuffer();
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, corners, gl.DYNAMIC_DRAW);
      return {buffer, tint, count: corners.length};
    });
  }

  /**
   * @param {{orbit: import('./orbit.js').Orbit, tan: [number, number], reach: number, ambient: number,
   *   cameras: Float32Array, here: ?Float32Array, pin: ?number[], ratio: number}} what `reach` is how far to see
   */
  function draw({orbit, tan, reach, ambient, cameras, here, pin, ratio}) {
    const clip = clipOf(orbit, tan, reach);
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(...NOTHING.map((value) => value / 255), 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.CULL_FACE);
    if (mesh) {
      drawSurface(orbit, clip, ambient, 0);
      gl.depthFunc(gl.LEQUAL);
      for (const {buffer, tint, count} of marked) {
        gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffer);
        gl.uniform4f(surface.locations.tint, ...tint);
        gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0);
      }
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, mesh.buffers[3]);
      gl.depthFunc(gl.LESS);
    }
    gl.disable(gl.CULL_FACE);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(flat);
    gl.uniformMatrix4fv(flat.locations.clip_from_world, false, clip);
    drawFlat(lines, gl.LINES, cameras, [1, 1, 1, 0.28]);
    gl.disable(gl.DEPTH_TEST);
    if (here) drawFlat(lines, gl.LINES, here, [1, 1, 1, 1]);
    if (pin) {
      gl.uniform1f(flat.locations.size, 15 * ratio);
      drawFlat(marks, gl.POINTS, new Float32Array(pin), [0, 0, 0, 0.6], true);
      gl.uniform1f(flat.locations.size, 13 * ratio);
      drawFlat(marks, gl.POINTS, new Float32Array(pin), [...ACCENT.map((value) => value / 255), 1], true);
    }
    gl.disable(gl.BLEND);
  }

  function drawSurface({eye, forward}, clip, ambient, reach) {
    gl.useProgram(surface);
    gl.uniformMatrix4fv(surface.locations.clip_from_world, false, clip);
    gl.uniform3f(surface.locations.eye, ...eye);
    gl.uniform3f(surface.locations.forward, ...forward);
    gl.uniform1f(surface.locations.ambient, ambient);
    gl.uniform1f(surface.locations.reach, reach);
    gl.uniform4f(surface.locations.tint, 0, 0, 0, 0);
    gl.bindVertexArray(mesh.array);
    gl.drawElements(gl.TRIANGLES, mesh.count, gl.UNSIGNED_INT, 0);
  }

  /**
   * How far away the surface is, pixel by pixel.
   * @param {{orbit: import('./orbit.js').Orbit, tan: [number, number], reach: number, width: number, height: number}} what
   * @returns {Float32Array} along the forward axis in metres, row by row from the top; infinite where nothing is
   */
  function distances({orbit, tan, reach, width, height}) {
    const target = createTarget(gl, width, height);
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.CULL_FACE);
    drawSurface(orbit, clipOf(orbit, tan, reach), 0, reach);
    const bytes = new Uint8Array(width * height * 4);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    target.free();
    const metres = new Float32Array(width * height);
    for (let row = 0, i = 0; row < height; row++) {
      let at = (height - 1 - row) * width * 4; // pictures of WebGL begin at the bottom
      for (let column = 0; column < width; column++, i++, at += 4) {
        const steps = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
        metres[i] = bytes[at + 3] ? (steps / 16777215) * reach : Infinity;
      }
    }
    return metres;
  }

  function drawFlat({array, buffer}, mode, positions, paint, isRing = false) {
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, positions, gl.DYNAMIC_DRAW);
    gl.uniform4f(flat.locations.paint, ...paint);
    gl.uniform1i(flat.locations.is_ring, Number(isRing));
    gl.drawArrays(mode, 0, positions.length / 3);
  }

  /** Wait until everything is drawn: for measuring how long it takes. */
  function finish() {
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  return {load, mark, draw, distances, finish, isEmpty: () => mesh === null};
}

/** From the world to the picture. */
export function clipOf(orbit, tan, reach) {
  return clipFromWorld(orbit, tan[0], tan[1], Math.max(0.02, orbit.distance * 0.02), reach);
}

/** @returns {WebGLBuffer} */
function attribute(gl, program, name, data, type, isNormalised) {
  const buffer = gl.createBuffer();
  const location = gl.getAttribLocation(program, name);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
  gl.enableVertexAttribArray(location);
  gl.vertexAttribPointer(location, 3, type, isNormalised, 0, 0);
  return buffer;
}

function createPoints(gl, program) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  return {array, buffer: attribute(gl, program, 'position', new Float32Array(3), gl.FLOAT, false)};
}

/**
 * A camera as a pyramid of lines.
 * @param {number[]} pose @param {[number, number]} tan half of its field of view @param {number} size in metres
 * @returns {number[]} ends of lines, three numbers each
 */
export function pyramid(pose, [tanX, tanY], size) {
  const tip = centreOf(pose);
  const [right, down, forward] = [axisOf(pose, 0), axisOf(pose, 1), axisOf(pose, 2)];
  const corners = [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ].map(([x, y]) => add(tip, scale(add(forward, add(scale(right, x * tanX), scale(down, y * tanY))), size)));
  return corners.flatMap((corner, i) => [...tip, ...corner, ...corner, ...corners[(i + 1) % 4]]);
}
