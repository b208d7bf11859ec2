/**
 * The picture of the mesh: as the frame on the screen sees it, and on from frame to frame, until a hand turns it.
 */

import {fitCanvas, later} from './dom.js';
import {centreOf} from './geometry.js';
import {releaseContext, watchContext} from './gl.js';
import {attachMeshHand} from './mesh_hand.js';
import {createScene, pyramid} from './mesh_scene.js';
import {fieldOf, fittedField, orbitOfPose, orbitOfWhole, rayThrough, upOf} from './orbit.js';
import {valueAt} from './readout.js';

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
 * @param {import('./viewport.js').Studio} studio @param {HTMLCanvasElement} canvas
 * @param {{restored: () => void, moved: () => void}} told of a context that came back, and of another view
 */
export function createMeshView(studio, canvas, {restored, moved}) {
  const {store, beat, signal, manifest} = studio;
  const {state} = store;
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
      reach: whole.radius * 6 + orbit.distance * 2,
      cameras: follows ? new Float32Array(0) : cameras,
      here: follows ? null : new Float32Array(pyramid(manifest.poses[state.frame], field, whole.radius * CAMERA_HERE)),
      pin: state.pinned?.xyz ?? null,
    });
  }

  const drawNext = () => beat(draw, PRIORITY);
  const drawAtRest = later(REST_MS, signal, drawNext);

  /** @param {import('./orbit.js').Orbit} next @param {boolean} isFrames whether it goes on with the frames */
  function look(next, isFrames) {
    orbit = next;
    follows = isFrames;
    moved();
    drawNext();
  }

  function orbitOfFrame() {
    const shown = studio.live.shown();
    const [height, width] = manifest.size_hw;
    const ahead = shown && valueAt(shown, 'projected', width >> 1, height >> 1);
    return orbitOfPose(manifest.poses[state.frame], ahead || 2);
  }

  const toFrame = () => look(orbitOfFrame(), true);
  const toWhole = () => look(orbitOfWhole(whole.middle, whole.radius, manifest.poses, up), false);

  function frameChanged() {
    if (follows && orbit) orbit = orbitOfFrame();
    if (isSlow) drawAtRest();
    else drawNext();
  }

  /** Ask which surface lies under a click, and pin it in a frame that sees it. */
  async function pick(event) {
    const box = canvas.getBoundingClientRect();
    const tan = fittedField(field, box.width / box.height);
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const direction = rayThrough(orbit, tan, x * 2 - 1, y * 2 - 1);
    try {
      const found = await studio.source.pick({origin: orbit.eye, direction, frame: state.frame}, signal);
      if (!found.hit) studio.say('There is no surface under that click.', 'pick', 3000);
      else if (found.frame === null) studio.say('No frame sees that point.', 'pick', 3000);
      else studio.actions.visit(found.frame, found.x, found.y, found.xyz);
    } catch (error) {
      if (!signal.aborted) studio.say(error.message, 'pick', 6000);
    }
  }

  attachMeshHand(canvas, signal, {orbit: () => orbit, moved: (next) => look(next, false), pick, up});
  if (gl) {
    watchContext(canvas, signal, {
      lost: () => (scene = null),
      restored() {
        scene = createScene(gl);
        restored();
      },
    });
    signal.addEventListener('abort', () => releaseContext(gl));
  }
  const watcher = new ResizeObserver(drawNext);
  watcher.observe(canvas);
  signal.addEventListener('abort', () => watcher.disconnect());
  store.on(['shown'], frameChanged);
  store.on(['pinned'], drawNext);
  return {load, toFrame, toWhole, follows: () => follows, isReady: () => scene !== null};
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
