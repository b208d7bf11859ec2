/**
 * The mesh to be painted on: whatever is marked there is carried to every frame that sees it.
 */

import {button, h, setText} from './dom.js';
import {rgbOf, SURFACES} from './annotate_look.js';
import {applyStroke, packedRuns} from './annotate_rasters.js';
import {seenFaces} from './mesh_brush.js';
import {createMeshView} from './mesh_view.js';
import {overHttp} from './source.js';
import {createBeat} from './store.js';

/** How much of a mark's colour is seen. */
const TINT = 0.62;
const LOADING = 'Loading the mesh …';
const ANOTHER = 'The mesh of this run is not the one that is marked any more: reload the page.';

/**
 * @param {{now: Object, run: string, overview: Object, saving: Object, frames: Object, may: () => boolean,
 *   done: (stroke: Object) => void, colour: () => string}} desk @param {AbortSignal} signal
 */
export function createMeshDesk({now, run, overview, saving, frames, may, done, colour}, signal) {
  const name = overview.mesh;
  const canvas = h('canvas', {class: 'mesh', tabindex: '-1', 'aria-label': 'the mesh, to be painted on'});
  const ring = h('i', {class: 'ring', hidden: true});
  const note = h('p', {class: 'quiet', role: 'status'}, LOADING);
  const corner = h('div', {class: 'corner'});
  const element = h('div', {class: 'solid', hidden: true}, canvas, ring, note, corner);
  const codes = overview.surfaces;
  const tints = SURFACES.map((one) => [codes[one.name], [...rgbOf(one.colour).map((value) => value / 255), TINT]]);
  const beat = createBeat(signal);
  let arrays = null;
  let view = null;
  let opening = null;
  let marks = new Uint8Array(0);
  /** @type {?{seen: ReturnType<typeof seenFaces>, chosen: Uint8Array, last: number[], surface: ?string}} */
  let stroke = null;

  /** Fetch the mesh, once. */
  async function open() {
    element.hidden = false;
    frames.wantMarks(name);
    opening ??= load().catch((error) => {
      opening = null;
      setText(note, `${error.message}`);
    });
    await opening;
    view?.frameChanged();
    draw();
  }

  async function load() {
    setText(note, LOADING);
    const source = overHttp('', run);
    const manifest = await source.manifest();
    const fetched = await source.mesh('predicted', 'rgb', signal);
    if (signal.aborted) return;
    arrays = fetched.arrays;
    view = createMeshView(canvas, {manifest, beat, signal}, {
      frame: () => Math.max(manifest.frames.indexOf(now.frame), 0),
      ahead: () => null,
      brush: {may: (event) => may() && !event.shiftKey && Boolean(arrays), begin, follow, end},
      restored: show,
      moved: tellFollows,
    });
    const toFrame = button('frame view', 'as this frame sees it', view.toFrame);
    corner.replaceChildren(toFrame, button('whole', 'the whole mesh', view.toWhole));
    show();
  }

  function tellFollows() {
    corner.firstChild?.setAttribute('aria-pressed', String(view?.follows() ?? true));
  }

  function show() {
    if (!view?.isReady()) return setText(note, 'This browser gives no WebGL2, which the mesh is drawn with.');
    setText(note, '');
    view.load(arrays, true);
    return draw();
  }

  const count = () => (arrays ? arrays.faces.length / 3 : 0);

  /** What is saved, then what is not yet, then what is being painted. */
  function draw() {
    if (element.hidden || !view || !arrays) return;
    const base = frames.get(name)?.base;
    const isKnown = !base || base.length === count();
    setText(note, isKnown ? '' : ANOTHER);
    marks = base && isKnown ? base.slice() : new Uint8Array(count());
    for (const {stroke: one} of saving.strokes(now.name, name)) {
      if (one.count === count()) applyStroke(marks, [1, count()], one, codes[one.surface] ?? 0);
    }
    if (stroke) for (let i = 0; i < marks.length; i++) if (stroke.chosen[i]) marks[i] = codes[stroke.surface] ?? 0;
    beat(paint);
  }

  function paint() {
    view.mark(now.isHidden ? [] : tints.map(([code, tint]) => ({corners: cornersOf(code), tint})).filter(({corners}) => corners.length));
  }

  function cornersOf(code) {
    const found = [];
    for (let i = 0; i < marks.length; i++) if (marks[i] === code) found.push(arrays.faces[3 * i], arrays.faces[3 * i + 1], arrays.faces[3 * i + 2]);
    return Uint32Array.from(found);
  }

  /* The brush */

  const placeOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  /** As large on the screen as it is over the picture. */
  const radius = () => now.radius * Math.min(canvas.clientWidth / overview.size_hw[1], canvas.clientHeight / overview.size_hw[0]);

  function begin(event) {
    const place = placeOf(event);
    stroke = {seen: seenFaces(arrays, view.sight()), chosen: new Uint8Array(count()), last: place, surface: now.tool === 'erase' ? null : now.surface};
    touch(place);
  }

  function follow(event) {
    if (stroke) touch(placeOf(event));
  }

  function touch(place) {
    const code = codes[stroke.surface] ?? 0;
    stroke.seen.under(stroke.last, place, radius(), (face) => {
      stroke.chosen[face] = 1;
      marks[face] = code;
    });
    stroke.last = place;
    beat(paint);
  }

  function end() {
    const whole = stroke;
    stroke = null;
    if (whole?.chosen.some(Boolean)) done({kind: 'faces', count: count(), runs: packedRuns(whole.chosen), surface: whole.surface});
    else draw();
  }

  function follows(event) {
    const [x, y] = placeOf(event);
    const isShown = may() && !event.shiftKey && (event.buttons & 6) === 0;
    ring.hidden = !isShown;
    canvas.style.cursor = isShown ? 'none' : 'grab';
    const size = `${2 * radius()}px`;
    Object.assign(ring.style, {left: `${x}px`, top: `${y}px`, width: size, height: size, borderColor: colour()});
  }

  canvas.addEventListener('pointermove', follows, {signal});
  canvas.addEventListener('pointerdown', () => document.activeElement?.blur?.(), {signal});
  canvas.addEventListener('pointerleave', () => (ring.hidden = true), {signal});

  return {
    element,
    open,
    draw,
    close: () => (element.hidden = true),
    isOpen: () => !element.hidden,
    frameChanged: () => view?.frameChanged(),
    marks: () => marks,
    count: () => marks.reduce((sum, code) => sum + (code > 0), 0),
    /** Whether everything is there to be painted on. */
    isReady: () => Boolean(view && frames.get(name)?.state),
    view: () => view,
  };
}
