/**
 * Where panes lie, and which part of the image they all show. Image places are in pixels with their corners at whole
 * numbers (pixel 0 reaches from 0 to 1), cells and places on the screen in CSS pixels.
 *
 * @typedef {{pane: string, left: number, top: number, width: number, height: number}} Cell
 * @typedef {{zoom: number, cx: number, cy: number}} Look the centre is a share of the image
 */

import {clamp} from './dom.js';
import {MOST_ZOOM} from './view.js';

export const GAP = 4;

/** Depth above, what is said about it below. A row with more panes has smaller ones. */
const ROWS = [
  ['rgb', 'predicted', 'projected', 'fused'],
  ['uncertainty', 'mined', 'reflective', 'source', 'error'],
];

/** Frames that are this much taller than wide stand in one row, others in two; beyond TALLEST they leave ground. */
const UPRIGHT = 1.25;
const TALLEST = 2;

/**
 * @param {number} width of all panes together
 * @param {number} most height that one pane alone may take
 * @param {[number, number]} size_hw of the image
 * @param {string} alone the pane that fills the grid, or ''
 * @param {string[]} panes that the run has
 * @returns {{cells: Cell[], height: number}}
 */
export function arrange(width, most, size_hw, alone, panes) {
  const shape = size_hw[0] / size_hw[1];
  const there = ROWS.map((row) => row.filter((pane) => panes.includes(pane)));
  const rows = shape > UPRIGHT ? [there.flat()] : there;
  const cells = [];
  let top = 0;
  for (const row of rows) {
    const across = (width - GAP * (row.length - 1)) / row.length;
    const tall = Math.round(across * Math.min(shape, TALLEST));
    row.forEach((pane, i) => cells.push({pane, left: i * (across + GAP), top, width: across, height: tall}));
    top += tall + GAP;
  }
  const height = top - GAP;
  if (alone) {
    const whole = Math.round(clamp((width * size_hw[0]) / size_hw[1], height, Math.max(most, height)));
    return {cells: [{pane: alone, left: 0, top: 0, width, height: whole}], height: whole};
  }
  return {cells, height};
}

/** Pixels of the screen to a pixel of the image. */
export function magnificationOf(cell, [height, width], look) {
  return Math.min(cell.width / width, cell.height / height) * look.zoom;
}

/** @returns {{x: number, y: number}} the place of the image under a place of the screen */
export function toImage(cell, size_hw, look, left, top) {
  const scale = magnificationOf(cell, size_hw, look);
  return {
    x: look.cx * size_hw[1] + (left - cell.left - cell.width / 2) / scale,
    y: look.cy * size_hw[0] + (top - cell.top - cell.height / 2) / scale,
  };
}

/** @returns {{left: number, top: number}} the place of the screen over a place of the image */
export function toScreen(cell, size_hw, look, x, y) {
  const scale = magnificationOf(cell, size_hw, look);
  return {
    left: cell.left + cell.width / 2 + (x - look.cx * size_hw[1]) * scale,
    top: cell.top + cell.height / 2 + (y - look.cy * size_hw[0]) * scale,
  };
}

/** Keep the image over the panes: nothing is gained by looking past its edges. @param {Look} look @returns {Look} */
export function held(look) {
  const zoom = clamp(look.zoom, 1, MOST_ZOOM);
  const half = 0.5 / zoom;
  return {zoom, cx: clamp(look.cx, half, 1 - half), cy: clamp(look.cy, half, 1 - half)};
}

/** Magnify by a factor, with the place under the hand held still. @returns {Look} */
export function zoomedAt(cell, size_hw, look, left, top, factor) {
  const under = toImage(cell, size_hw, look, left, top);
  const zoom = clamp(look.zoom * factor, 1, MOST_ZOOM);
  const kept = look.zoom / zoom;
  return held({
    zoom,
    cx: under.x / size_hw[1] + (look.cx - under.x / size_hw[1]) * kept,
    cy: under.y / size_hw[0] + (look.cy - under.y / size_hw[0]) * kept,
  });
}

/** Move the image by a distance on the screen. @returns {Look} */
export function panned(cell, size_hw, look, right, down) {
  const scale = magnificationOf(cell, size_hw, look);
  return held({
    zoom: look.zoom,
    cx: look.cx - right / scale / size_hw[1],
    cy: look.cy - down / scale / size_hw[0],
  });
}
