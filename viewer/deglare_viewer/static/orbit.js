/**
 * A camera that turns around a point, for looking at a mesh.
 *
 * @typedef {{right: number[], down: number[], forward: number[], eye: number[], distance: number}} Orbit
 *   axes of length 1; the pivot lies at `distance` along `forward`
 */

import {add, axisOf, centreOf, cross, dot, scale, subtract, turn, unit} from './geometry.js';

const LEAST_M = 0.05;
const MOST_M = 200;

/** Steepest look up or down, as a cosine: past the pole, up and down would change places. */
const STEEPEST = 0.995;

/** The camera of a frame, turning around what lies in its middle. @returns {Orbit} */
export function orbitOfPose(pose, distance) {
  return {
    right: axisOf(pose, 0),
    down: axisOf(pose, 1),
    forward: axisOf(pose, 2),
    eye: centreOf(pose),
    distance,
  };
}

/** Where up is: against the mean of what the cameras call down. */
export function upOf(poses) {
  const sum = poses.reduce((total, pose) => add(total, axisOf(pose, 1)), [0, 0, 0]);
  return scale(unit(sum), -1);
}

/** The whole of a scene from above its cameras' side. @returns {Orbit} */
export function orbitOfWhole(middle, radius, poses, up) {
  const ahead = poses.reduce((total, pose) => add(total, axisOf(pose, 2)), [0, 0, 0]);
  const level = subtract(ahead, scale(up, dot(ahead, up)));
  const heading = Math.hypot(...level) > 1e-6 ? unit(level) : unit(cross(up, [1, 0.1, 0.01]));
  const forward = unit(add(heading, scale(up, -0.85)));
  const right = unit(cross(forward, up));
  const distance = radius * 2.4;
  return {forward, right, down: cross(forward, right), eye: subtract(middle, scale(forward, distance)), distance};
}

/** @param {Orbit} orbit */
export function pivotOf({eye, forward, distance}) {
  return add(eye, scale(forward, distance));
}

/** Turn by angles in radians about up and about the camera's right. @returns {Orbit} */
export function turned(orbit, up, sideways, upwards) {
  const pivot = pivotOf(orbit);
  let axes = [orbit.right, orbit.down, orbit.forward].map((axis) => turn(axis, up, sideways));
  const tilted = axes.map((axis) => turn(axis, axes[0], upwards));
  if (Math.abs(dot(tilted[2], up)) < STEEPEST) axes = tilted;
  const [right, down, forward] = axes.map(unit);
  return {right, down, forward, distance: orbit.distance, eye: subtract(pivot, scale(forward, orbit.distance))};
}

/** Move sideways, by metres at the pivot. @returns {Orbit} */
export function shifted(orbit, right, down) {
  return {...orbit, eye: add(orbit.eye, add(scale(orbit.right, -right), scale(orbit.down, -down)))};
}

/** Come nearer to the pivot, or go away from it. @returns {Orbit} */
export function approached(orbit, factor) {
  const distance = Math.min(Math.max(orbit.distance * factor, LEAST_M), MOST_M);
  return {...orbit, distance, eye: subtract(pivotOf(orbit), scale(orbit.forward, distance))};
}

/** Half of the field of view of the frames, as tangents across and down. @returns {[number, number]} */
export function fieldOf(camera, [height, width]) {
  return [width / 2 / camera.fx, height / 2 / camera.fy];
}

/** The same for a picture of another shape, into which a frame's whole image fits. @returns {[number, number]} */
export function fittedField([tanX, tanY], aspect) {
  return aspect > tanX / tanY ? [tanY * aspect, tanY] : [tanX, tanX / aspect];
}

/** From the eye through a place of the picture; `x` and `y` run from -1 to 1, right and down. */
export function rayThrough({right, down, forward}, [tanX, tanY], x, y) {
  return add(forward, add(scale(right, x * tanX), scale(down, y * tanY)));
}
