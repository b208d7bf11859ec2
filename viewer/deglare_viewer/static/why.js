/**
 * Why the depth is wrong: the photometric loss along the ray of the pinned pixel, and the patches that it compares.
 */

import {askAboutPin} from './asking.js';
import {createChart, octavesOf} from './chart.js';
import {LAYER_COLOURS} from './colours.js';
import {h, isNumber, metres, setText} from './dom.js';
import {valueAt} from './readout.js';

/** A minimum this near to the surface is the surface: a share of its depth, and metres. */
const SAME_SHARE = 0.05;
const SAME_M = 0.1;

/** A surface whose loss is this near to the least is as good as the minimum. */
const AS_GOOD = 0.01;

/** Losses are drawn at least up to here, so that noise does not look like a valley. */
const LEAST_SHOWN = 0.05;

const EMPTY = 'Click a pixel to see which depth the photometric loss prefers there, and why.';

/** @param {import('./viewport.js').Studio} studio */
export function createWhy(studio) {
  const {store, beat, signal} = studio;
  const canvas = h('canvas', {'aria-label': 'Photometric loss over depth'});
  const chart = createChart(canvas);
  const sentence = h('p', {class: 'sentence', role: 'status'}, EMPTY);
  const strip = h('div', {class: 'patches'});
  const reading = h('output', {class: 'reading'});
  const key = h('div', {class: 'key'});
  const body = h('div', {class: 'plots'}, h('div', {class: 'plot'}, key, canvas), strip);
  const element = h(
    'section',
    {class: 'panel why empty'},
    h('header', {}, h('h3', {}, 'why: photometric loss along the ray'), reading),
    sentence,
    body,
  );
  let curve = null;

  function show(answer, at) {
    curve = {...answer, at};
    element.classList.remove('empty', 'waiting');
    setText(sentence, explain(answer, studio.regionAt(at.x, at.y)));
    strip.replaceChildren(...patchesOf(answer));
    follow();
  }

  /** What is fused just now, and by which teacher it was predicted, is for the panes to say, not for the disk. */
  function follow() {
    const shown = studio.live.shown();
    if (!curve || shown.frame !== curve.at.frame) return;
    const {x, y} = curve.at;
    const live = Object.fromEntries(['predicted', 'fused'].map((layer) => [layer, valueAt(shown, layer, x, y)]));
    curve = {...curve, marks: {...curve.marks, ...live}};
    key.replaceChildren(...keyOf(curve));
    beat(draw, 3);
  }

  function blank(text) {
    curve = null;
    element.classList.add('empty');
    element.classList.remove('waiting');
    setText(sentence, text);
    key.replaceChildren();
    strip.replaceChildren();
  }

  function draw() {
    if (!curve) return;
    const {depths_m: xs, errors: ys, best_m: best} = curve;
    const surface = surfaceOf(curve.marks);
    const markOf = ([name, value]) => ({
      x: value,
      colour: LAYER_COLOURS[name],
      label: name === 'minimum' || name === surface ? name : '',
      dash: name === 'minimum' ? [2, 3] : [],
    });
    const known = ys.filter(isNumber);
    const [low, high] = [Math.min(...xs), Math.max(...xs)];
    chart.draw({
      x: {low, high, isLog: true, unit: ' m', ticks: octavesOf(low, high)},
      y: {low: 0, high: Math.max(...known, LEAST_SHOWN) * 1.08},
      lines: [{xs, ys, colour: '#d8d8de', width: 1.75}],
      marks: named(curve)
        .filter(([, value]) => value >= low && value <= high)
        .map(markOf),
    });
    if (known.length) chart.dot(best, Math.min(...known), LAYER_COLOURS.minimum);
  }

  /** The loss at the depth under the hand. */
  function read(event) {
    const depth = curve && chart.valueAtX(event.clientX);
    const error = depth && curve.errors[nearestTo(curve.depths_m, depth)];
    setText(reading, depth ? `${metres(depth)}: ${isNumber(error) ? `loss ${error.toFixed(3)}` : 'not seen'}` : '');
  }

  canvas.addEventListener('pointermove', read, {signal});
  canvas.addEventListener('pointerleave', () => setText(reading, ''), {signal});
  askAboutPin(
    studio,
    (at, abort) => studio.source.why(at, abort),
    {
      waiting: () => element.classList.add('waiting'),
      answered: show,
      failed: (error) => blank(error.message),
      nothing: () => blank(EMPTY),
    },
    ['version'],
  );
  store.on(['fusion'], () => beat(follow, 3));
  const watcher = new ResizeObserver(() => beat(draw, 3));
  watcher.observe(canvas);
  signal.addEventListener('abort', () => watcher.disconnect());
  return {element};
}

/** Which of the marks is the surface, as far as is known. @returns {string|undefined} */
function surfaceOf(marks) {
  return ['truth', 'projected', 'fused'].find((one) => isNumber(marks[one]));
}

/** Depths that are known here, near to far. @returns {Array<[string, number]>} */
function named({marks, best_m: best}) {
  const found = Object.entries({...marks, minimum: best}).filter(([, value]) => isNumber(value));
  return found.sort((a, b) => a[1] - b[1]);
}

/** The names of the lines, with their numbers. */
function keyOf(curve) {
  return named(curve).map(([name, value]) =>
    h(
      'span',
      {class: name},
      h('i', {style: `background: ${LAYER_COLOURS[name]}`}),
      `${name} `,
      h('b', {}, metres(value)),
    ),
  );
}

/** A row for the surface and one for the minimum: this frame, then what its neighbours show at that depth. */
function patchesOf({patches, sources}) {
  if (!patches) return [];
  const patch = (src, title) => h('span', {class: 'patch', title}, h('img', {src, alt: title}));
  const target = () => patch(patches.target, 'this frame');
  const source = (what, depth) => (image, i) => {
    return patch(image, `frame ${sources[i]?.name} at ${metres(depth)}, the ${what}`);
  };
  return patches.at.map(({what, metres: depth, images}) =>
    h(
      'figure',
      {},
      h('figcaption', {}, `${what}, ${metres(depth)}`),
      h('div', {}, target(), ...images.map(source(what, depth))),
    ),
  );
}

/**
 * One plain sentence about a curve.
 * @param {{depths_m: number[], errors: Array<?number>, best_m: number, marks: Object<string, ?number>}} curve
 * @param {?string} region @returns {string}
 */
export function explain({depths_m: depths, errors, best_m: best, marks}, region) {
  const name = surfaceOf(marks);
  const known = errors.filter(isNumber);
  if (!known.length) return 'No neighbouring frame sees this pixel at any depth: matching says nothing here.';
  if (!name) return `Matching prefers ${metres(best)}; no surface is known here to compare it with.`;
  const surface = marks[name];
  const what = {truth: 'the true surface', projected: 'the projected surface', fused: 'the fused surface'}[name];
  const gap = best - surface;
  if (Math.abs(gap) <= Math.max(SAME_M, SAME_SHARE * surface)) {
    return `Matching alone finds the surface here: it prefers ${metres(best)}, and ${what} lies at ${metres(surface)}.`;
  }
  const there = errors[nearestTo(depths, surface)];
  if (isNumber(there) && there - Math.min(...known) < AS_GOOD) {
    return `The loss hardly tells depths apart: ${metres(best)} matches as well as ${what}, ${metres(surface)}.`;
  }
  const side = gap > 0 ? 'behind' : 'in front of';
  const start = `Matching prefers ${metres(best)}, ${metres(Math.abs(gap))} ${side} ${what}: `;
  if (gap > 0 && region === 'highlight') return `${start}there the mirrored light seems to be.`;
  if (gap > 0 && region === 'reflective') return `${start}there the mirrored things seem to be.`;
  return `${start}other frames look more alike there.`;
}

/** The index of the depth that is nearest to another. */
function nearestTo(depths, wanted) {
  return depths.reduce((best, depth, i) => (Math.abs(depth - wanted) < Math.abs(depths[best] - wanted) ? i : best), 0);
}
