/**
 * Error and coverage of the whole run over the threshold of the published strategy. Click to set it.
 */

import {REFLECTIVE, css} from './colours.js';
import {createChart} from './chart.js';
import {h, isNumber, percent, setText} from './dom.js';

const COLOURS = {all: '#c9c9d0', reflective: css(REFLECTIVE), highlight: '#ff9fd0'};
const DASHES = {all: [], reflective: [], highlight: [4, 3]};

/** Thresholds beyond which less than this share of pixels is replaced are not shown. */
const NOTHING_LEFT = 0.001;
const LEAST_SHOWN_M = 0.5;

/** @param {import('./viewport.js').Studio} studio */
export function createCurves(studio) {
  const {store, beat, signal, actions} = studio;
  const {state} = store;
  const error = h('canvas', {'aria-label': 'Error over the threshold'});
  const coverage = h('canvas', {'aria-label': 'Share of replaced pixels over the threshold'});
  const charts = [createChart(error), createChart(coverage)];
  const note = h('p', {class: 'note'});
  const reading = h('output', {class: 'reading'});
  const plots = h('div', {class: 'plots'}, error, coverage);
  const element = h(
    'section',
    {class: 'panel curves empty'},
    h(
      'header',
      {},
      h('h3', {title: 'Of the whole run, fused by uncertainty; click to set α'}, 'error and coverage over α'),
      reading,
    ),
    note,
    plots,
  );
  let curves = null;
  let asked = null;

  async function load() {
    asked?.abort();
    const abort = (asked = new AbortController());
    element.classList.toggle('empty', !curves);
    setText(note, 'Fusing the run at every threshold …');
    try {
      const found = await studio.source.curves(state.teacher, abort.signal);
      if (signal.aborted || abort.signal.aborted) return;
      curves = found;
      setText(note, '');
      element.classList.remove('empty');
      store.set({mostAlpha: mostShown(found)});
      beat(draw, 3);
    } catch (problem) {
      if (!abort.signal.aborted && !signal.aborted) setText(note, problem.message);
    }
  }

  function draw() {
    if (!curves) return;
    const x = {low: 0, high: studio.mostAlpha('uncertainty'), unit: ' m'};
    const marker = state.strategy === 'uncertainty' ? [{x: state.alpha, colour: '#ffffff', width: 1}] : [];
    const hasError = Boolean(curves.regions.all?.abs_rel);
    error.hidden = !hasError;
    plots.classList.toggle('single', !hasError);
    if (hasError) drawOne('abs_rel', charts[0], x, marker, false);
    drawOne('replaced', charts[1], x, marker, true);
    setText(reading, marker.length ? readingAt(state.alpha) : '');
  }

  function drawOne(what, chart, x, marks, hasTicks) {
    const lines = Object.entries(curves.regions)
      .filter(([, found]) => found?.[what])
      .map(([region, found]) => ({
        xs: curves.alphas_m,
        ys: found[what],
        colour: COLOURS[region] ?? '#c9c9d0',
        dash: DASHES[region],
        label: what === 'replaced' && lineCount() > 1 ? '' : region,
      }));
    const shown = lines.flatMap((line) => line.ys.filter((y, i) => isNumber(y) && curves.alphas_m[i] <= x.high));
    const y =
      what === 'replaced' ? {low: 0, high: 1, ticks: [0, 0.5, 1]} : {low: 0, high: Math.max(...shown, 1e-3) * 1.08};
    const format = what === 'replaced' ? (value) => `${value * 100}%` : undefined;
    const isError = what === 'abs_rel';
    const title = isError ? 'Abs Rel' : 'replaced';
    chart.draw({x, y, lines, marks, right: 62, hasTicks, format, title, isTitleLow: isError});
    if (marks.length) {
      for (const line of lines) {
        const value = valueOn(line.ys, state.alpha);
        if (isNumber(value)) chart.dot(state.alpha, value, line.colour);
      }
    }
  }

  function lineCount() {
    return curves.regions.all?.abs_rel ? 2 : 1;
  }

  /** Between two computed thresholds the value is in between too. */
  function valueOn(ys, alpha) {
    const xs = curves.alphas_m;
    const i = xs.findIndex((value) => value >= alpha);
    if (i <= 0) return ys[Math.max(i, 0)];
    const share = (alpha - xs[i - 1]) / (xs[i] - xs[i - 1]);
    return ys[i - 1] + (ys[i] - ys[i - 1]) * share;
  }

  function readingAt(alpha) {
    const {all} = curves.regions;
    const replaced = `${percent(valueOn(all.replaced, alpha))} replaced`;
    return all.abs_rel ? `${valueOn(all.abs_rel, alpha).toFixed(3)} · ${replaced}` : replaced;
  }

  for (const [canvas, chart] of [
    [error, charts[0]],
    [coverage, charts[1]],
  ]) {
    const pull = (event) => curves && actions.alpha(chart.valueAtX(event.clientX));
    canvas.addEventListener(
      'pointerdown',
      (event) => {
        canvas.setPointerCapture(event.pointerId);
        store.set({strategy: 'uncertainty'});
        pull(event);
      },
      {signal},
    );
    canvas.addEventListener('pointermove', (event) => event.buttons & 1 && pull(event), {signal});
  }
  const watcher = new ResizeObserver(() => beat(draw, 3));
  watcher.observe(element);
  signal.addEventListener('abort', () => {
    watcher.disconnect();
    asked?.abort();
  });
  store.on(['alpha', 'strategy', 'mostAlpha'], () => beat(draw, 3));
  store.on(['teacher', 'version'], load);
  return {element, load};
}

/** Where thresholds stop to matter. */
function mostShown({alphas_m, regions}) {
  const end = alphas_m.findIndex((_, i) => regions.all.replaced[i] < NOTHING_LEFT);
  const most = end < 0 ? alphas_m.at(-1) : alphas_m[end];
  return Math.max(LEAST_SHOWN_M, Math.ceil(most * 10) / 10);
}
