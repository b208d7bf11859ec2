/**
 * Cameras and rigid motions. Camera axes are x right, y down, z forward; poses are `world_T_cam`, 16 numbers row by
 * row. A pixel's centre lies on whole numbers, as everywhere in deglare.
 *
 * @typedef {{fx: number, fy: number, cx: number, cy: number}} Camera
 * @typedef {number[]} Vector three numbers
 */

/** @returns {Vector} a camera point in the world @param {number[]} pose @param {Vector} p */
export function toWorld(pose, [x, y, z]) {
  return [0, 4, 8].map((row) => pose[row] * x + pose[row + 1] * y + pose[row + 2] * z + pose[row + 3]);
}

/** @returns {Vector} a world point in camera axes @param {number[]} pose @param {Vector} p */
export function toCamera(pose, p) {
  const d = [p[0] - pose[3], p[1] - pose[7], p[2] - pose[11]];
  return [0, 1, 2].map((column) => pose[column] * d[0] + pose[4 + column] * d[1] + pose[8 + column] * d[2]);
}

/** @returns {Vector} the camera point at z-depth `z` behind a pixel @param {Camera} camera */
export function unproject(camera, x, y, z) {
  return [((x - camera.cx) / camera.fx) * z, ((y - camera.cy) / camera.fy) * z, z];
}

/** @returns {?{x: number, y: number, z: number}} where a camera point is seen; null behind the camera */
export function project(camera, [x, y, z]) {
  return z > 0 ? {x: (camera.fx * x) / z + camera.cx, y: (camera.fy * y) / z + camera.cy, z} : null;
}

/** @param {number[]} pose @returns {Vector} where the camera stands */
export function centreOf(pose) {
  return [pose[3], pose[7], pose[11]];
}

/** @param {number[]} pose @param {0|1|2} axis @returns {Vector} one of the camera's axes in the world */
export function axisOf(pose, axis) {
  return [pose[axis], pose[4 + axis], pose[8 + axis]];
}

export const add = (a, b) => a.map((value, i) => value + b[i]);
export const subtract = (a, b) => a.map((value, i) => value - b[i]);
export const scale = (a, factor) => a.map((value) => value * factor);
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
export const distance = (a, b) => Math.hypot(...subtract(a, b));

/** @param {Vector} a @returns {Vector} of length 1; zero stays zero */
export function unit(a) {
  const length = Math.hypot(...a);
  return length > 0 ? scale(a, 1 / length) : a;
}

/** Turn a vector about a unit axis. @param {Vector} v @param {Vector} axis @param {number} angle in radians */
export function turn(v, axis, angle) {
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const sideways = cross(axis, v);
  const along = dot(axis, v) * (1 - c);
  return v.map((value, i) => value * c + sideways[i] * s + axis[i] * along);
}

/**
 * From the world to the clip space of WebGL, column by column.
 * @param {{right: Vector, down: Vector, forward: Vector, eye: Vector}} view
 * @param {number} tanX half of the field of view, as a tangent, across
 * @param {number} tanY and up and down
 * @param {number} near @param {number} far
 * @returns {Float32Array}
 */
export function clipFromWorld({right, down, forward, eye}, tanX, tanY, near, far) {
  const depth = (far + near) / (far - near);
  const offset = (-2 * far * near) / (far - near);
  const row = (axis, factor) => [...scale(axis, factor), -dot(axis, eye) * factor];
  const x = row(right, 1 / tanX);
  const y = row(down, -1 / tanY);
  const w = row(forward, 1);
  const z = w.map((value, i) => value * depth + (i === 3 ? offset : 0));
  const matrix = new Float32Array(16);
  for (let column = 0; column < 4; column++) matrix.set([x[column], y[column], z[column], w[column]], column * 4);
  return matrix;
}
