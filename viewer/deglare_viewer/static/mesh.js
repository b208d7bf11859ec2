/**
 * The mesh in the corner: what was fused, the cameras, the pinned point. A click pins.
 */

import {chooser, fitCanvas, h, later, setText} from './dom.js';
import {releaseContext, watchContext} from './gl.js';
import {smallBar} from './legend.js';
import {createScene, pyramid} from './mesh_scene.js';
import {approached, fieldOf, fittedField, orbitOfPose, orbitOfWhole, rayThrough, shifted, turned, upOf} from './orbit.js';
import {valueAt} from './readout.js';

const CLICK_PX = 4;
const TURN = 0.008;
const MOST_CAMERAS = 80;

/** A mesh that takes longer than this to draw does not follow the frames while they run past. */
const SLOW_MS = 8;
const REST_MS = 350;

/** @param {import('./viewport.js').Studio} studio */
export function createMesh(studio) {
  const {store, beat, signal, manifest} = studio;
  const {state} = store;
  const canvas = h('canvas', {tabindex: 0, 'aria-label': 'Mesh: drag to turn, click to pin a point'});
  const note = h('p', {class: 'note', role: 'status'}, 'The mesh comes once the first frame is there.');
  const legend = h('div', {class: 'scale'});
  const kinds = h('div', {class: 'segmented', role: 'group', 'aria-label': 'Mesh of which depth'});
  const colours = ['rgb', manifest.has.truth && 'error', 'uncertainty', 'views'].filter(Boolean);
  const toFrameButton = h('button', {class: 'text', title: 'As this frame sees it (m)', onclick: () => toFrame()}, 'frame view');
  const element = h(
    'section',
    {class: 'panel mesh'},
    h('header', {}, h('h3', {}, 'mesh'), kinds, chooser('colour', colours.map((name) => ({value: name, text: name})), 'rgb', (name) => select({colour: name}))),
    h('div', {class: 'stage'}, canvas, note, h('div', {class: 'corner'}, toFrameButton, h('button', {class: 'text', title: 'The whole mesh (o)', onclick: () => toWhole()}, 'whole'))),
    legend,
  );
  const gl = canvas.getContext('webgl2', {alpha: false, antialias: true});
  const up = upOf(manifest.poses);
  const field = fieldOf(manifest.camera, manifest.size_hw);
  const kept = new Map();
  let scene = gl && createScene(gl);
  let chosen = {of: 'predicted', colour: 'rgb'};
  let whole = {middle: [0, 0, 0], radius: 3};
  let cameras = new Float32Array(0);
  let orbit = null;
  let follows = true;
  let isSlow = false;
  let isWanted = false;
  let asked = null;

  for (const of of manifest.has.fused ? ['predicted', 'fused'] : ['predicted']) {
    kinds.append(h('button', {'aria-pressed': String(of === chosen.of), title: `Fused from ${of} depth`, onclick: () => select({of})}, of));
  }

  function select(change) {
    chosen = {...chosen, ...change};
    [...kinds.children].forEach((one) => one.setAttribute('aria-pressed', String(one.textContent === chosen.of)));
    load();
  }

  /** Fetch what is chosen, unless it was there before. */
  async function load() {
    if (!scene || !isWanted) return;
    const key = `${chosen.of}/${chosen.colour}`;
    asked?.abort();
    const abort = (asked = new AbortController());
    try {
      if (!kept.has(key)) {
        setText(note, chosen.of === 'fused' ? 'Fusing the labels to a mesh …' : 'Loading the mesh …');
        kept.set(key, await studio.source.mesh(chosen.of, chosen.colour, abort.signal));
      }
      if (abort.signal.aborted || signal.aborted) return;
      show(kept.get(key));
    } catch (error) {
      if (!abort.signal.aborted && !signal.aborted) setText(note, error.message);
    }
  }

  function show({header, arrays}) {
    setText(note, header.faces ? '' : 'This mesh has no faces.');
    scene.load(arrays);
    whole = extentOf(arrays.positions);
    cameras = camerasOf(whole.radius * 0.035);
    legend.replaceChildren();
    if (header.legend) smallBar(legend, header.legend);
    if (!orbit) toFrame();
    draw();
    measure();
  }

  /** One more picture, waited for, tells whether this machine draws meshes fast. */
  function measure() {
    scene.finish();
    const start = performance.now();
    draw();
    scene.finish();
    isSlow = performance.now() - start > SLOW_MS;
  }

  function camerasOf(size) {
    const step = Math.ceil(manifest.poses.length / MOST_CAMERAS);
    const some = manifest.poses.filter((_, i) => i % step === 0);
    return new Float32Array(some.flatMap((pose) => pyramid(pose, field, size)));
  }

  function draw() {
    if (!scene || !orbit || scene.isEmpty() || gl.isContextLost()) return;
    const {width, height, ratio} = fitCanvas(canvas);
    const pose = manifest.poses[state.frame];
    scene.draw({
      orbit,
      ratio,
      tan: fittedField(field, width / height),
      reach: whole.radius * 6 + orbit.distance * 2,
      ambient: chosen.colour === 'rgb' ? 0.62 : 0.45,
      cameras: follows ? new Float32Array(0) : cameras,
      here: follows ? null : new Float32Array(pyramid(pose, field, whole.radius * 0.09)),
      pin: state.pinned?.xyz ?? null,
    });
    toFrameButton.setAttribute('aria-pressed', String(follows));
  }

  const drawSoon = later(REST_MS, signal, () => beat(draw, 9));

  /** As the frame sees it, and on from frame to frame until a hand turns it. */
  function toFrame() {
    follows = true;
    lookFromFrame();
    beat(draw, 9);
  }

  function lookFromFrame() {
    const shown = studio.live.shown();
    const [height, width] = manifest.size_hw;
    const ahead = shown && valueAt(shown, 'projected', width >> 1, height >> 1);
    orbit = orbitOfPose(manifest.poses[state.frame], ahead || 2);
  }

  function toWhole() {
    follows = false;
    orbit = orbitOfWhole(whole.middle, whole.radius, manifest.poses, up);
    beat(draw, 9);
  }

  function moved(next) {
    follows = false;
    orbit = next;
    beat(draw, 9);
  }

  function frameChanged() {
    if (follows && orbit) lookFromFrame();
    if (isSlow) drawSoon();
    else beat(draw, 9);
  }

  async function pick(event) {
    const box = canvas.getBoundingClientRect();
    const tan = fittedField(field, box.width / box.height);
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const direction = rayThrough(orbit, tan, x * 2 - 1, y * 2 - 1);
    try {
      const found = await studio.source.pick({origin: orbit.eye, direction, frame: state.frame});
      if (signal.aborted) return;
      if (!found.hit) studio.say('There is no surface under that click.', 'pick', 3000);
      else if (found.frame === null) studio.say('No frame sees that point.', 'pick', 3000);
      else studio.actions.visit(found.frame, found.x, found.y, found.xyz);
    } catch (error) {
      if (!signal.aborted) studio.say(error.message, 'pick', 6000);
    }
  }

  attachOrbit(canvas, signal, {orbit: () => orbit, moved, pick, up});
  if (gl) {
    watchContext(canvas, signal, {
      lost: () => (scene = null),
      restored() {
        scene = createScene(gl);
        load();
      },
    });
    signal.addEventListener('abort', () => releaseContext(gl));
  }
  const watcher = new ResizeObserver(() => beat(draw, 9));
  watcher.observe(canvas);
  const seen = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting || isWanted || !studio.live.shown()) return;
    isWanted = true;
    load();
  });
  signal.addEventListener('abort', () => [watcher, seen].forEach((one) => one.disconnect()));
  store.on(['shown'], () => {
    if (!isWanted) seen.observe(canvas);
    frameChanged();
  });
  store.on(['pinned'], () => beat(draw, 9));
  store.on(['version'], () => {
    kept.clear();
    load();
  });
  return {element, gl, toFrame, toWhole};
}

/** Drag turns, shift or the right button moves, the wheel comes nearer, a click picks. */
function attachOrbit(canvas, signal, {orbit, moved, pick, up}) {
  let drag = null;
  const listen = (kind, work, options = {}) => canvas.addEventListener(kind, work, {signal, ...options});
  listen('contextmenu', (event) => event.preventDefault());
  listen('pointerdown', (event) => {
    if (!orbit()) return;
    canvas.setPointerCapture(event.pointerId);
    drag = {x: event.clientX, y: event.clientY, start: orbit(), moved: false, shifts: event.shiftKey || event.button === 2};
  });
  listen('pointermove', (event) => {
    if (!drag) return;
    const [right, down] = [event.clientX - drag.x, event.clientY - drag.y];
    if (Math.hypot(right, down) > CLICK_PX) drag.moved = true;
    if (!drag.moved) return;
    const metre = drag.start.distance / canvas.clientHeight;
    if (drag.shifts) moved(shifted(drag.start, right * metre, down * metre));
    else moved(turned(drag.start, up, -right * TURN, -down * TURN));
  });
  listen('pointerup', (event) => {
    const wasClick = drag && !drag.moved && event.button === 0;
    drag = null;
    if (wasClick) pick(event);
  });
  listen('wheel', (event) => {
    if (!orbit()) return;
    event.preventDefault();
    const steps = event.deltaMode === 1 ? 16 : 1;
    moved(approached(orbit(), Math.exp(Math.max(-200, Math.min(200, event.deltaY * steps)) * (event.ctrlKey ? 0.01 : 0.002))));
  }, {passive: false});
}

/** The middle and the size of a mesh, without its farthest scraps. @param {Float32Array} positions */
function extentOf(positions) {
  const step = 3 * Math.max(1, Math.floor(positions.length / 3 / 5000));
  const sides = [0, 1, 2].map((axis) => {
    const values = [];
    for (let i = axis; i < positions.length; i += step) values.push(positions[i]);
    values.sort((a, b) => a - b);
    return [values[Math.floor(values.length * 0.02)] ?? 0, values[Math.floor(values.length * 0.98)] ?? 1];
  });
  const middle = sides.map(([low, high]) => (low + high) / 2);
  return {middle, radius: Math.max(Math.hypot(...sides.map(([low, high]) => high - low)) / 2, 0.1)};
}
