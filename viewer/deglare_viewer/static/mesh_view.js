/**
 * The picture of the mesh: as the frame on the screen sees it, and on from frame to frame, until a hand turns it.
 */

import {fitCanvas, later} from './dom.js';
import {centreOf} from './geometry.js';
import {releaseContext, watchContext} from './gl.js';
import {attachMeshHand} from './mesh_hand.js';
import {clipOf, createScene, pyramid} from './mesh_scene.js';
import {fieldOf, fittedField, orbitOfPose, orbitOfWhole, rayThrough, upOf} from './orbit.js';

const MOST_CAMERAS = 80;

/** Sizes of drawn cameras, as a share of the mesh's. */
const CAMERA = 0.035;
const CAMERA_HERE = 0.09;

/** How dark surfaces get that turn away, with the colours of the image and with others. */
const AMBIENT_RGB = 0.62;
const AMBIENT = 0.45;

/** A mesh that takes longer than this to draw does not follow the frames while they run past. */
const SLOW_MS = 8;
const REST_MS = 350;
const PRIORITY = 9;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{manifest: Object, beat: ReturnType<typeof import('./store.js').createBeat>, signal: AbortSignal}} place
 * @param {{frame: () => number, ahead: () => ?number, pin?: () => ?number[], pick?: (ray: {origin: number[],
 *   direction: number[]}) => void, brush?: import('./mesh_hand.js').Brush, restored: () => void, moved: () => void}} host
 *   which frame is looked at, how far away its middle is, what is pinned, what a click does, what paints; told of a
 *   context that came back, and of another view
 */
export function createMeshView(canvas, {manifest, beat, signal}, host) {
  const gl = canvas.getContext('webgl2', {alpha: false, antialias: true});
  const up = upOf(manifest.poses);
  const field = fieldOf(manifest.camera, manifest.size_hw);
  let scene = gl && createScene(gl);
  let whole = {middle: [0, 0, 0], radius: 3};
  let cameras = new Float32Array(0);
  let ambient = AMBIENT;
  let orbit = null;
  let follows = true;
  let isSlow = false;

  /** Another mesh, or the same in other colours. @param {Object} arrays @param {boolean} isRgb */
  function load(arrays, isRgb) {
    scene.load(arrays);
    whole = extentOf(arrays.positions, manifest.poses.map(centreOf));
    ambient = isRgb ? AMBIENT_RGB : AMBIENT;
    cameras = camerasOf(whole.radius * CAMERA);
    if (!orbit) toFrame();
    draw();
    isSlow = timeOf(draw) > SLOW_MS;
  }

  /** Milliseconds until a picture is really there. */
  function timeOf(work) {
    scene.finish();
    const start = performance.now();
    work();
    scene.finish();
    return performance.now() - start;
  }

  function camerasOf(size) {
    const step = Math.ceil(manifest.poses.length / MOST_CAMERAS);
    const some = manifest.poses.filter((_, i) => i % step === 0);
    return new Float32Array(some.flatMap((pose) => pyramid(pose, field, size)));
  }

  function draw() {
    if (!scene || !orbit || scene.isEmpty() || gl.isContextLost()) return;
    const {width, height, ratio} = fitCanvas(canvas);
    scene.draw({
      orbit,
      ratio,
      ambient,
      tan: fittedField(field, width / height),
      reach: reachOf(orbit),
      cameras: follows ? new Float32Array(0) : cameras,
      here: follows ? null : new Float32Array(pyramid(manifest.poses[host.frame()], field, whole.radius * CAMERA_HERE)),
      pin: host.pin?.() ?? null,
    });
  }

  const drawNext = () => beat(draw, PRIORITY);
  const drawAtRest = later(REST_MS, signal, drawNext);

  /** @param {import('./orbit.js').Orbit} next @param {boolean} isFrames whether it goes on with the frames */
  function look(next, isFrames) {
    orbit = next;
    follows = isFrames;
    host.moved();
    drawNext();
  }

  const orbitOfFrame = () => orbitOfPose(manifest.poses[host.frame()], host.ahead() || 2);
  const reachOf = ({distance}) => whole.radius * 6 + distance * 2;

  const toFrame = () => look(orbitOfFrame(), true);
  const toWhole = () => look(orbitOfWhole(whole.middle, whole.radius, manifest.poses, up), false);

  /** Another frame is looked at. */
  function frameChanged() {
    if (follows && orbit) orbit = orbitOfFrame();
    if (isSlow) drawAtRest();
    else drawNext();
  }

  /** The ray from the eye through a place on the screen. */
  function pick(event) {
    const box = canvas.getBoundingClientRect();
    const tan = fittedField(field, box.width / box.height);
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    host.pick?.({origin: orbit.eye, direction: rayThrough(orbit, tan, x * 2 - 1, y * 2 - 1)});
  }

  /** How everything lies on the screen now, in its pixels, and how far away what is seen is. */
  function sight() {
    const [width, height] = [Math.round(canvas.clientWidth), Math.round(canvas.clientHeight)];
    const what = {orbit, tan: fittedField(field, width / height), reach: reachOf(orbit), width, height};
    return {...what, clip: clipOf(orbit, what.tan, what.reach), metres: scene.distances(what)};
  }

  /** Faces in other colours, as `createScene` takes them. */
  function mark(lists) {
    scene?.mark(lists);
    drawNext();
  }

  const hand = {orbit: () => orbit, moved: (next) => look(next, false), pick, up, brush: host.brush};
  attachMeshHand(canvas, signal, hand);
  if (gl) {
    watchContext(canvas, signal, {
      lost: () => (scene = null),
      restored() {
        scene = createScene(gl);
        host.restored();
      },
    });
    signal.addEventListener('abort', () => releaseContext(gl));
  }
  const watcher = new ResizeObserver(drawNext);
  watcher.observe(canvas);
  signal.addEventListener('abort', () => watcher.disconnect());
  const isReady = () => scene !== null;
  return {load, mark, sight, toFrame, toWhole, frameChanged, drawNext, follows: () => follows, isReady};
}

/**
 * The middle and the size of a mesh, without its farthest scraps, and of the cameras that saw it.
 * @param {Float32Array} positions @param {number[][]} centres
 */
function extentOf(positions, centres) {
  const step = 3 * Math.max(1, Math.floor(positions.length / 3 / 5000));
  const sides = [0, 1, 2].map((axis) => {
    const values = [];
    for (let i = axis; i < positions.length; i += step) values.push(positions[i]);
    values.sort((a, b) => a - b);
    const at = (share) => values[Math.floor((values.length - 1) * share)] ?? 0;
    const cameras = centres.map((centre) => centre[axis]);
    return [Math.min(at(0.02), ...cameras), Math.max(at(0.98), ...cameras)];
  });
  const middle = sides.map(([low, high]) => (low + high) / 2);
  return {middle, radius: Math.max(Math.hypot(...sides.map(([low, high]) => high - low)) / 2, 0.1)};
}
