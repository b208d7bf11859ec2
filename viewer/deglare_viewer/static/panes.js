/**
 * The panes: one canvas under one grid of labels. They share one zoom, one cross-hair and one range of colours.
 */

import {fitCanvas, h, later} from './dom.js';
import {releaseContext, watchContext} from './gl.js';
import {arrange, magnificationOf, toImage, toScreen} from './lens.js';
import {canDraw, createPainter, tapsFor} from './painter.js';
import {createPaneLabel} from './pane_label.js';
import {PANES, panesOf} from './view.js';

/** How much of the window's height a pane may take when it is alone. */
const ALONE_SHARE = 0.72;

/** Panes that show another run while two are compared. */
const OF_BOTH = new Set(['predicted', 'projected', 'fused', 'source', 'error']);

/** Panes that change with the threshold. */
const MOVED_BY_FUSION = ['fused', 'source', 'error'];

/** A machine that takes longer than this for all panes draws roughly while a hand moves. */
const SLOW_MS = 12;
const REST_MS = 180;

/**
 * @param {import('./viewport.js').Studio} studio
 */
export function createPanes(studio) {
  const {store, beat, signal, manifest} = studio;
  const {state} = store;
  const canvas = h('canvas', {class: 'picture'});
  const labels = new Map(PANES.map((pane, i) => [pane, createPaneLabel(studio, pane, String(i + 1))]));
  const element = h(
    'div',
    {class: 'panes', role: 'group', 'aria-label': 'Views of one frame; ? lists the keys'},
    canvas,
    ...[...labels.values()].map((label) => label.element),
  );
  const gl = canvas.getContext('webgl2', {alpha: false, antialias: false, depth: false, preserveDrawingBuffer: true});
  let painter = gl && createPainter(gl);
  let cells = [];
  const stale = new Set(PANES);
  let isSlow = null;
  let isFine = true;
  const drawn = {count: 0, frame: -1, alpha: NaN, strategy: '', at: 0};

  /** Boxes for the width there is. */
  function layout() {
    const most = window.innerHeight * ALONE_SHARE;
    const found = arrange(element.clientWidth, most, manifest.size_hw, state.alone, panesOf(manifest));
    cells = found.cells;
    element.style.height = `${found.height}px`;
    for (const [pane, label] of labels) {
      const cell = cells.find((one) => one.pane === pane);
      label.element.hidden = !cell;
      if (cell) label.place(cell);
    }
    spoil(PANES);
  }

  /** The data set that a pane shows just now. */
  function dataOf(pane) {
    const isOther = state.comparing && OF_BOTH.has(pane) && studio.live.other();
    return isOther ? {slot: 'other', data: studio.live.other()} : {slot: 'own', data: studio.live.shown()};
  }

  /** Ask for panes to be drawn anew with the next frame of the screen. */
  function spoil(panes) {
    for (const pane of panes) stale.add(pane);
    beat(draw, 1);
  }

  /** Draw what is stale; the other panes stay as they are. */
  function paint() {
    const {width, height} = canvas;
    const {ratio} = fitCanvas(canvas);
    if (canvas.width !== width || canvas.height !== height) spoil(PANES);
    if (stale.size === PANES.length) painter.clear();
    for (const cell of cells) {
      if (isStale(cell)) drawCell(cell, ratio);
    }
    stale.clear();
  }

  function isStale({pane}) {
    const {swipe} = state;
    return stale.has(pane) || (swipe?.pane === pane && stale.has(swipe.over));
  }

  function draw() {
    const shown = studio.live.shown();
    if (!painter || !shown?.fused || gl.isContextLost()) return;
    paint();
    isSlow ??= isSlowHere();
    if (isSlow && !isFine && isShrunk()) refine();
    isFine = !isSlow;
    describe();
    Object.assign(drawn, {
      count: drawn.count + 1,
      frame: shown.frame,
      alpha: state.alpha,
      strategy: state.strategy,
      at: performance.now(),
    });
    element.dispatchEvent(new CustomEvent('drawn', {bubbles: true, detail: drawn}));
  }

  /** Whether any pane averages texels. */
  function isShrunk() {
    const ratio = canvas.width / canvas.clientWidth;
    return cells.some((cell) => tapsFor(magnificationOf(cell, manifest.size_hw, state) * ratio) > 1);
  }

  /** Whether it takes long to draw all panes well, found out once. */
  function isSlowHere() {
    finish();
    const start = performance.now();
    spoil(PANES);
    paint();
    finish();
    return performance.now() - start > SLOW_MS;
  }

  /** Where drawing is slow it is done roughly while a hand moves, and well once it rests. */
  const refine = later(REST_MS, signal, () => {
    isFine = true;
    spoil(PANES);
  });

  function drawCell(cell, ratio) {
    drawPane(cell.pane, cell, cell, ratio);
    const {swipe} = state;
    if (swipe?.pane === cell.pane) drawPane(swipe.over, sideOf(cell, swipe), cell, ratio);
  }

  function drawPane(pane, box, cell, ratio) {
    const {slot, data} = dataOf(pane);
    if (!data?.fused || !canDraw(data, pane)) return;
    const [height, width] = manifest.size_hw;
    const lens = {
      centre: [state.cx * width, state.cy * height],
      magnification: magnificationOf(cell, manifest.size_hw, state) * ratio,
      isRough: isSlow && !isFine,
    };
    painter.draw(pane, slot, data, scaled(box, ratio), scaled(cell, ratio), lens, manifest.range_m);
  }

  /** Titles, marks, and the values under the cross-hair or at the pinned point. */
  function describe() {
    const at = state.hover ?? (state.pinned?.seen ? state.pinned : null);
    for (const cell of cells) {
      const {slot, data} = dataOf(cell.pane);
      labels.get(cell.pane).tell(cell, data, slot === 'other' ? studio.compared() : null, at);
    }
  }

  /** The pane and the pixel of the image at a place of the page. */
  function placeAt(clientX, clientY) {
    const box = element.getBoundingClientRect();
    const [left, top] = [clientX - box.left, clientY - box.top];
    const cell = cells.find(
      (one) => left >= one.left && left < one.left + one.width && top >= one.top && top < one.top + one.height,
    );
    if (!cell) return {cell: null, left, top, inside: false};
    const {x, y} = toImage(cell, manifest.size_hw, state, left, top);
    const [height, width] = manifest.size_hw;
    return {
      cell,
      left,
      top,
      x: Math.floor(x),
      y: Math.floor(y),
      inside: x >= 0 && y >= 0 && x < width && y < height,
    };
  }

  /** Colour of a pixel of the image as drawn in a pane just now; null where it is out of sight. */
  function pixel(pane, x, y) {
    const cell = cells.find((one) => one.pane === pane);
    if (!cell || gl.isContextLost()) return null;
    const {left, top} = toScreen(cell, manifest.size_hw, state, x + 0.5, y + 0.5);
    const isSeen =
      left >= cell.left && left < cell.left + cell.width && top >= cell.top && top < cell.top + cell.height;
    if (!isSeen) return null;
    const ratio = canvas.width / canvas.clientWidth;
    const colour = new Uint8Array(4);
    const row = canvas.height - 1 - Math.floor(top * ratio);
    gl.readPixels(Math.floor(left * ratio), row, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, colour);
    return [...colour];
  }

  /** Wait, in the same task, until what was drawn is on the canvas: for measuring. */
  function finish() {
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  if (gl) {
    watchContext(canvas, signal, {
      lost: () => (painter = null),
      restored() {
        painter = createPainter(gl);
        spoil(PANES);
      },
    });
    signal.addEventListener('abort', () => releaseContext(gl));
  }
  const watcher = new ResizeObserver(() => beat(layout));
  watcher.observe(element);
  signal.addEventListener('abort', () => watcher.disconnect());
  store.on(['alone', 'version'], () => beat(layout));
  store.on(['arrivals', 'zoom', 'cx', 'cy', 'swipe', 'comparing'], () => spoil(PANES));
  store.on(['fusion'], () => spoil(state.comparing ? PANES : MOVED_BY_FUSION));
  store.on(['hover', 'pinned', 'second'], () => beat(describe, 2));

  return {element, gl, drawn, placeAt, pixel, finish, cells: () => cells, dataOf};
}

/** The part of a cell on one side of the swipe. */
function sideOf(cell, {at, side}) {
  const split = Math.round(cell.width * at);
  if (side === 'left') return {...cell, width: split};
  return {...cell, left: cell.left + split, width: cell.width - split};
}

/** In whole pixels of the canvas. */
function scaled({left, top, width, height}, ratio) {
  const [l, t] = [Math.round(left * ratio), Math.round(top * ratio)];
  return {
    left: l,
    top: t,
    width: Math.round((left + width) * ratio) - l,
    height: Math.round((top + height) * ratio) - t,
  };
}
