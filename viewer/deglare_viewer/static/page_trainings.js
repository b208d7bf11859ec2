/**
 * How trainings went: a small chart for each quantity, a line for each training, steps below.
 */

import {createChart} from './chart.js';
import {h, isNumber, later} from './dom.js';

const COLOURS = ['#6fb1fc', '#f2a65a', '#5fd38d', '#ff9fd0', '#c9b1ff', '#e1e1e1'];
const DRAW_MS = 30;
const LEFT_PX = 46;
const RIGHT_PX = 16;
/** Of the largest value: axes show at least so much. */
const LEAST_SPAN = 0.2;
const MOST_DIGITS = 4;

/**
 * @param {{element: HTMLElement, props: Object, watch: Function}} gradio `props.value` is JSON:
 *   `{trainings: [{name, says}], charts: [{title, hint, lines: [{of, xs, ys}]}]}`; `of` is the place of its training
 */
export function attachTrainings({element, props, watch}) {
  const place = element.querySelector('.dg-trainings');
  const redraw = later(DRAW_MS, new AbortController().signal, () => charts.forEach((chart) => chart.draw()));
  const watcher = new ResizeObserver(redraw);
  let charts = [];

  function take() {
    const told = JSON.parse(props.value);
    const held = charts.find((chart) => chart.at() !== null);
    charts = told.charts.map((one) => createOne(one, held?.title === one.title ? held.at() : null));
    const legend = h('ul', {class: 'legend'}, ...told.trainings.map(nameOf));
    const none = told.trainings.length ? null : h('p', {class: 'dg-quiet'}, 'Choose a training.');
    place.replaceChildren(legend, ...charts.map((chart) => chart.element), ...(none ? [none] : []));
    watcher.disconnect();
    charts.forEach((chart) => watcher.observe(chart.element));
  }

  watch('value', take);
  take();
}

function nameOf({name, says}, place) {
  const colour = h('i', {style: `background:${COLOURS[place % COLOURS.length]}`});
  return h('li', {title: says}, colour, h('b', {}, name), h('span', {}, says));
}

/** One chart; a hand on it reads off the step below. @param {?number} at where a hand is already */
function createOne({title, hint, lines}, at) {
  const canvas = h('canvas', {'aria-label': `${title} over steps`});
  const reading = h('output', {class: 'reading'});
  const element = h('figure', {}, h('figcaption', {title: hint}, h('b', {}, title), reading), canvas);
  const chart = createChart(canvas);
  const xs = lines.flatMap((line) => line.xs);
  const ys = lines.flatMap((line) => line.ys);
  const x = {low: 0, high: Math.max(...xs, 1)};
  const y = spanOf(ys);

  function draw() {
    if (!canvas.clientWidth) return;
    const marks = isNumber(at) ? [{x: at, colour: '#ffffff', width: 1}] : [];
    const drawn = lines.map(({of, ...line}) => ({...line, colour: COLOURS[of % COLOURS.length]}));
    chart.draw({x, y, lines: drawn, marks, left: LEFT_PX, right: RIGHT_PX, format: digitsOf(y)});
    for (const line of drawn) if (line.xs.length === 1 || reaches(line.xs)) dot(line);
    reading.replaceChildren(isNumber(at) ? `step ${at}: ` : '', ...drawn.flatMap((line, i) => readingOf(line, i)));
  }

  function dot(line) {
    const i = nearest(line.xs, at ?? line.xs[0]);
    chart.dot(line.xs[i], line.ys[i], line.colour);
  }

  /** Whether a training has come as far as the hand. */
  const reaches = (steps) => isNumber(at) && at <= steps.at(-1);

  /** What a line says at the step below the hand, or at its end. */
  function readingOf({xs: steps, ys: values, colour}, i) {
    const value = isNumber(at) ? values[nearest(steps, at)] : values.at(-1);
    const text = isNumber(at) && !reaches(steps) ? '–' : short(value);
    return [i ? ' · ' : '', h('span', lines.length > 1 ? {style: `color:${colour}`} : {}, text)];
  }

  canvas.addEventListener('pointermove', (event) => {
    const value = chart.valueAtX(event.clientX);
    if (!isNumber(value)) return;
    at = xs.reduce((best, one) => (Math.abs(one - value) < Math.abs(best - value) ? one : best), xs[0]);
    draw();
  });
  canvas.addEventListener('pointerleave', () => {
    at = null;
    draw();
  });
  return {element, title, draw, at: () => at};
}

/** From 0 where that hides nothing, else around what there is; never so near that noise looks like a change. */
function spanOf(ys) {
  const [least, most] = [Math.min(...ys), Math.max(...ys)];
  if (least >= 0 && least < most * 0.6) return {low: 0, high: most * 1.06};
  const span = Math.max(most - least, LEAST_SPAN * Math.max(Math.abs(most), Math.abs(least))) || 1;
  const middle = (most + least) / 2;
  return {low: middle - span * 0.6, high: middle + span * 0.6};
}

function nearest(xs, at) {
  return xs.reduce((best, one, i) => (Math.abs(one - at) < Math.abs(xs[best] - at) ? i : best), 0);
}

/** Ticks of an axis: as many digits as tell them apart. */
function digitsOf({low, high}) {
  const digits = Math.max(0, 1 - Math.floor(Math.log10(high - low)));
  return (value) => (digits > MOST_DIGITS ? value.toExponential(1) : value.toFixed(digits));
}

function short(value) {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}
