/**
 * Small line charts on a canvas: two axes with few ticks, lines, and marks that name a place.
 *
 * @typedef {{low: number, high: number, isLog?: boolean, unit?: string, ticks?: number[]}} Axis
 * @typedef {{xs: number[], ys: Array<?number>, colour: string, dash?: number[], width?: number, label?: string}} Line
 * @typedef {{x: number, colour: string, label?: string, dash?: number[], width?: number}} Mark
 */

import {fitCanvas, isNumber, penOf} from './dom.js';

const FONT = '11px system-ui, sans-serif';
const INK = '#8f8f99';
const RULE = '#34343a';
const GROUND = '#1f1f22';
const MARGIN = {left: 34, right: 10, top: 8, bottom: 18};
const LABEL_PX = 13;

/**
 * A chart on a canvas. `draw` says where things went, so that a hand can point at them.
 * @param {HTMLCanvasElement} canvas
 */
export function createChart(canvas) {
  const pen = penOf(canvas);
  let frame = null;

  /** @param {{x: Axis, y: Axis, lines: Line[], marks: Mark[], left?: number, right?: number, hasTicks?: boolean,
   *   format?: (value: number) => string, title?: string, isTitleLow?: boolean}} chart */
  function draw({
    x,
    y,
    lines,
    marks = [],
    left = MARGIN.left,
    right = MARGIN.right,
    hasTicks = true,
    format,
    title = '',
    isTitleLow = false,
  }) {
    const {width, height, ratio} = fitCanvas(canvas);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = FONT;
    const bottom = height - (hasTicks ? MARGIN.bottom : 5);
    frame = {left, right: width - right, top: MARGIN.top, bottom, x, y};
    const labels = placedLabels(marks);
    frame.top += Math.max(0, ...labels.map((label) => label.row + 1)) * LABEL_PX;
    drawAxes(hasTicks, format);
    for (const mark of marks) drawMark(mark);
    pen.save();
    pen.beginPath();
    pen.rect(frame.left - 1, frame.top - 3, frame.right - frame.left + 2, bottom - frame.top + 4);
    pen.clip();
    for (const line of lines) drawLine(line);
    pen.restore();
    drawEndLabels(lines);
    labels.forEach(drawLabel);
    drawTitle(title, isTitleLow);
  }

  function drawAxes(hasTicks, format = (value) => shorten(value)) {
    const {left, right, top, bottom, x, y} = frame;
    pen.strokeStyle = RULE;
    pen.lineWidth = 1;
    pen.fillStyle = INK;
    pen.textBaseline = 'middle';
    pen.textAlign = 'right';
    for (const tick of y.ticks ?? ticksOf(y.low, y.high, 3)) {
      const at = Math.round(atY(tick)) + 0.5;
      line(left, at, right, at);
      pen.fillText(format(tick), left - 5, at);
    }
    line(left + 0.5, top, left + 0.5, bottom);
    if (!hasTicks) return;
    pen.textBaseline = 'alphabetic';
    pen.textAlign = 'center';
    const ticks = x.ticks ?? ticksOf(x.low, x.high, 5);
    ticks.forEach((tick, i) => {
      const at = Math.round(atX(tick)) + 0.5;
      line(at, bottom, at, bottom + 3);
      pen.fillText(shorten(tick) + (i === ticks.length - 1 ? (x.unit ?? '') : ''), at, bottom + 14);
    });
  }

  function drawLine({xs, ys, colour, dash = [], width = 1.5}) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.lineJoin = 'round';
    pen.setLineDash(dash);
    pen.beginPath();
    let isDown = false;
    xs.forEach((value, i) => {
      if (!isNumber(ys[i])) {
        isDown = false;
        return;
      }
      if (isDown) pen.lineTo(atX(value), atY(ys[i]));
      else pen.moveTo(atX(value), atY(ys[i]));
      isDown = true;
    });
    pen.stroke();
    pen.setLineDash([]);
  }

  function drawMark({x, colour, dash = [], width = 1.5}) {
    if (!isNumber(x)) return;
    const at = atX(x);
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    line(at, frame.top, at, frame.bottom);
    pen.setLineDash([]);
  }

  /** Names of lines at their right ends, moved apart where they would meet. */
  function drawEndLabels(lines) {
    const named = lines.filter((one) => one.label && one.ys.some(isNumber));
    const places = named.map((one) => ({one, at: atY(one.ys.findLast(isNumber))})).sort((a, b) => a.at - b.at);
    spreadOut(places, LABEL_PX, frame.top, frame.bottom);
    pen.textAlign = 'left';
    pen.textBaseline = 'middle';
    for (const {one, at} of places) {
      pen.fillStyle = one.colour;
      pen.fillText(one.label, frame.right + 6, at);
    }
  }

  /** Names of marks go above the plot, in as many rows as it takes to keep them apart; row 0 is the lowest. */
  function placedLabels(marks) {
    const ends = [];
    const named = marks.filter((mark) => mark.label && isNumber(mark.x)).sort((a, b) => b.x - a.x);
    return named.map((mark) => {
      const width = pen.measureText(mark.label).width;
      const start = Math.min(Math.max(atX(mark.x) - 3, frame.left), frame.right - width);
      let row = ends.findIndex((end) => start + width < end - 8);
      if (row < 0) row = ends.length;
      ends[row] = start;
      return {mark, start, row};
    });
  }

  function drawLabel({mark, start, row}) {
    const base = frame.top - 5 - row * LABEL_PX;
    pen.strokeStyle = mark.colour;
    pen.lineWidth = 1;
    line(atX(mark.x), base + 3, atX(mark.x), frame.top);
    pen.textAlign = 'left';
    pen.textBaseline = 'alphabetic';
    pen.lineWidth = 4;
    pen.strokeStyle = GROUND; // lines behind the text are rubbed out
    pen.strokeText(mark.label, start, base);
    pen.fillStyle = mark.colour;
    pen.fillText(mark.label, start, base);
  }

  /** What the upright axis counts, in the corner at the right where the lines leave room. */
  function drawTitle(title, isLow) {
    pen.font = FONT;
    pen.textAlign = 'right';
    pen.textBaseline = isLow ? 'bottom' : 'top';
    pen.fillStyle = INK;
    pen.fillText(title, frame.right - 4, isLow ? frame.bottom - 3 : frame.top + 1);
  }

  /** A point on the plot, with a dark rim. */
  function dot(x, y, colour) {
    pen.beginPath();
    pen.arc(atX(x), atY(y), 4, 0, Math.PI * 2);
    pen.fillStyle = colour;
    pen.strokeStyle = GROUND;
    pen.lineWidth = 2;
    pen.stroke();
    pen.fill();
  }

  function line(x0, y0, x1, y1) {
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
  }

  function atX(value) {
    const {x, left, right} = frame;
    const share = x.isLog ? Math.log(value / x.low) / Math.log(x.high / x.low) : (value - x.low) / (x.high - x.low);
    return left + share * (right - left);
  }

  function atY(value) {
    const {y, top, bottom} = frame;
    return bottom - ((value - y.low) / (y.high - y.low)) * (bottom - top);
  }

  /** The value of x under a place of the page. */
  function valueAtX(clientX) {
    if (!frame) return null;
    const {x, left, right} = frame;
    const share = (clientX - canvas.getBoundingClientRect().left - left) / (right - left);
    const inside = Math.min(Math.max(share, 0), 1);
    return x.isLog ? x.low * (x.high / x.low) ** inside : x.low + inside * (x.high - x.low);
  }

  return {draw, dot, valueAtX};
}

/** Move sorted places apart by at least a distance, within limits. */
function spreadOut(places, apart, low, high) {
  places.forEach((place, i) => {
    place.at = Math.max(place.at, i ? places[i - 1].at + apart : low);
  });
  for (let i = places.length - 1; i >= 0; i--) {
    const most = i === places.length - 1 ? high : places[i + 1].at - apart;
    places[i].at = Math.min(places[i].at, most);
  }
}

/** About `count` round numbers between two values. @returns {number[]} */
export function ticksOf(low, high, count) {
  const rough = (high - low) / count;
  if (!(rough > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-6); i * step <= high + step * 1e-6; i++) ticks.push(i * step);
  return ticks;
}

/** Halves and doubles of a metre between two depths. @returns {number[]} */
export function octavesOf(low, high) {
  return [0.25, 0.5, 1, 2, 4, 8, 16, 32].filter((metres) => metres >= low * 0.999 && metres <= high * 1.001);
}

function shorten(value) {
  return String(Number(value.toFixed(3)));
}
