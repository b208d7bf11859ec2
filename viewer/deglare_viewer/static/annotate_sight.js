/**
 * A picture with masks over it, which can be zoomed and moved. Nothing here knows what the masks mean.
 *
 * @typedef {Object} Layer
 * @property {Uint8Array} mask @property {(code: number) => ?number[]} rgba of a code, null for nothing
 * @property {?Path2D} [border] @property {string} [colour] of the border @property {boolean} [dashed]
 */

import {clamp} from './dom.js';

/** Drawn by the processor: pixels change with every stroke, and where a graphics card is imitated it is 20 times faster. */
const IN_MEMORY = {willReadFrequently: true};

const MOST_ZOOM = 40;
const SMOOTH_UP_TO = 3;

/** @param {HTMLCanvasElement} canvas @param {AbortSignal} signal */
export function createSight(canvas, signal) {
  const context = canvas.getContext('2d', IN_MEMORY);
  const paint = document.createElement('canvas');
  const view = {zoom: 1, x: 0.5, y: 0.5}; // what lies in the middle, as shares of the picture
  let shown = {picture: null, size: [1, 1], layers: [], over: null};
  let cursor = null;
  let asked = 0;
  let ratio = 1;

  function fit() {
    const {clientWidth: w, clientHeight: h} = canvas;
    const [rows, columns] = shown.size;
    const scale = Math.min(w / columns, h / rows) * view.zoom;
    return {scale, left: w / 2 - view.x * columns * scale, top: h / 2 - view.y * rows * scale};
  }

  function draw() {
    asked = 0;
    ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
    const {scale, left, top} = fit();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * left, ratio * top);
    const [rows, columns] = shown.size;
    if (shown.picture) {
      context.imageSmoothingEnabled = scale < SMOOTH_UP_TO;
      context.imageSmoothingQuality = 'high';
      context.drawImage(shown.picture, 0, 0, columns, rows);
    }
    if (shown.layers.length) fill();
    for (const layer of shown.layers) outline(layer, scale);
    shown.over?.(context, scale);
    if (cursor) ring(scale);
  }

  function fill() {
    const [rows, columns] = shown.size;
    if (paint.width !== columns || paint.height !== rows) Object.assign(paint, {width: columns, height: rows});
    const pixels = new ImageData(columns, rows);
    const words = new Uint32Array(pixels.data.buffer);
    for (const {mask, rgba} of shown.layers) {
      const colours = Array.from({length: 256}, (_, code) => asWord(code ? rgba(code) : null));
      for (let i = 0; i < mask.length; i++) if (colours[mask[i]]) words[i] = colours[mask[i]];
    }
    paint.getContext('2d', IN_MEMORY).putImageData(pixels, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(paint, 0, 0);
  }

  function outline({border, colour, dashed}, scale) {
    if (!border) return;
    context.lineCap = 'square';
    context.setLineDash([]);
    context.strokeStyle = 'rgb(0 0 0 / .65)';
    context.lineWidth = 3 / scale;
    context.stroke(border);
    if (dashed) context.setLineDash([5 / scale, 4 / scale]);
    context.strokeStyle = colour;
    context.lineWidth = 1.4 / scale;
    context.stroke(border);
    context.setLineDash([]);
  }

  function ring(scale) {
    const {x, y, radius, colour} = cursor;
    for (const [width, style] of [
      [3, 'rgb(0 0 0 / .7)'],
      [1.4, colour],
    ]) {
      context.beginPath();
      context.arc(x + 0.5, y + 0.5, radius, 0, 2 * Math.PI);
      context.lineWidth = width / scale;
      context.strokeStyle = style;
      context.stroke();
    }
  }

  const soon = () => (asked ||= requestAnimationFrame(draw));

  /** A place on the screen in pixels of the picture, whose centres lie on whole numbers. */
  function at(event) {
    const box = canvas.getBoundingClientRect();
    const {scale, left, top} = fit();
    return [(event.clientX - box.left - left) / scale - 0.5, (event.clientY - box.top - top) / scale - 0.5];
  }

  function zoomAt(event, factor) {
    const [x, y] = at(event);
    const zoom = clamp(view.zoom * factor, 1, MOST_ZOOM);
    const [rows, columns] = shown.size;
    const share = view.zoom / zoom;
    const [px, py] = [(x + 0.5) / columns, (y + 0.5) / rows];
    Object.assign(view, {zoom, x: px + (view.x - px) * share, y: py + (view.y - py) * share});
    keepInside();
  }

  /** No more of the picture leaves the window than has to. */
  function keepInside() {
    const {clientWidth: w, clientHeight: h} = canvas;
    const {scale} = fit();
    const [rows, columns] = shown.size;
    const inside = (middle, share) => (share >= 1 ? 0.5 : clamp(middle, share / 2, 1 - share / 2));
    view.x = inside(view.x, w / (columns * scale));
    view.y = inside(view.y, h / (rows * scale));
    soon();
  }

  const wheel = (event) => {
    event.preventDefault();
    zoomAt(event, Math.exp(-clamp(event.deltaY, -120, 120) * 0.0022));
  };
  canvas.addEventListener('wheel', wheel, {signal, passive: false});
  const watcher = new ResizeObserver(soon);
  watcher.observe(canvas);
  signal.addEventListener('abort', () => watcher.disconnect());

  return {
    at,
    zoomAt,
    /** @param {{picture: ?CanvasImageSource, size: number[], layers: Layer[], over?: Function}} next drawn at once */
    show(next) {
      shown = next;
      cancelAnimationFrame(asked);
      draw();
    },
    move(dx, dy) {
      const {scale} = fit();
      view.x -= dx / (shown.size[1] * scale);
      view.y -= dy / (shown.size[0] * scale);
      keepInside();
    },
    whole() {
      Object.assign(view, {zoom: 1, x: 0.5, y: 0.5});
      soon();
    },
    /** @param {?{x: number, y: number, radius: number, colour: string}} next */
    point(next) {
      cursor = next;
      soon();
    },
    view: () => ({...view}),
    /** Where a pixel lies on the screen, for whoever tests with a real pointer. */
    place(x, y) {
      const box = canvas.getBoundingClientRect();
      const {scale, left, top} = fit();
      return [box.left + left + (x + 0.5) * scale, box.top + top + (y + 0.5) * scale];
    },
  };
}

/** A colour as the four bytes of a pixel in one number. */
function asWord(rgba) {
  if (!rgba) return 0;
  const [r, g, b, a] = rgba;
  return ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
