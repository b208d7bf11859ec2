/**
 * Points of the surface that the visitor pinned. A pin is a place in the world: it stays on its surface from frame to
 * frame, out of sight where a frame does not see it.
 *
 * @typedef {{x: number, y: number, seen: boolean, hidden: boolean, xyz: ?number[], from: {frame: number, x: number,
 *   y: number}}} Pin pixel in the frame on the screen; `hidden` where something stands before the point there
 */

import {project, toCamera, toWorld, unproject} from './geometry.js';
import {valueAt} from './readout.js';

/** A surface this much nearer than the point hides it: a share of its depth, and metres. */
const HIDES_SHARE = 0.05;
const HIDES_M = 0.05;

/** Panes and layers that measure with their own depth; the others measure with fused depth. */
const OWN_DEPTH = ['predicted', 'projected', 'truth'];

/** Which depth places a point, best first. */
const PLACED_BY = ['projected', 'fused', 'predicted'];

/**
 * The point of the surface under a pixel.
 * @param {import('./painter.js').DataSet} data with its `frame` @param {Object} manifest @returns {Pin}
 */
export function pinAt(data, manifest, x, y) {
  const z = PLACED_BY.map((layer) => valueAt(data, layer, x, y)).find((metres) => metres) ?? null;
  const pose = manifest.poses[data.frame];
  const xyz = z && pose ? toWorld(pose, unproject(manifest.camera, x, y, z)) : null;
  return {x, y, seen: true, hidden: false, xyz, from: {frame: data.frame, x, y}};
}

/**
 * A pin that is known by its place in the world, as a mesh or a list of views tells it.
 * @returns {Pin}
 */
export function pinOf(xyz, frame, x, y) {
  return {x, y, seen: true, hidden: false, xyz, from: {frame, x, y}};
}

/** The same pin in the frame that is shown now. @param {?Pin} pin @returns {?Pin} */
export function followed(pin, data, manifest) {
  if (!pin) return null;
  if (data.frame === pin.from.frame) return {...pin, x: pin.from.x, y: pin.from.y, seen: true, hidden: false};
  const pose = manifest.poses[data.frame];
  const at = pin.xyz && pose && project(manifest.camera, toCamera(pose, pin.xyz));
  const [height, width] = manifest.size_hw;
  const [x, y] = at ? [Math.round(at.x), Math.round(at.y)] : [-1, -1];
  if (!(x >= 0 && y >= 0 && x < width && y < height)) return {...pin, seen: false};
  const surface = valueAt(data, 'projected', x, y);
  return {...pin, x, y, seen: true, hidden: Boolean(surface) && surface < at.z * (1 - HIDES_SHARE) - HIDES_M};
}

/**
 * Metres between two pinned points by one pane's own depth; null where there is none at one of them.
 * @param {import('./painter.js').DataSet} data @param {string} pane
 */
export function distanceBy(data, manifest, pane, a, b) {
  const layer = OWN_DEPTH.includes(pane) && data.layers[pane] ? pane : 'fused';
  const [from, to] = [a, b].map(({x, y}) => {
    const z = valueAt(data, layer, x, y);
    return z ? unproject(manifest.camera, x, y, z) : null;
  });
  return from && to ? Math.hypot(...from.map((value, i) => value - to[i])) : null;
}
