/**
 * A picture on which a polygon is drawn: a click adds a corner, a drag moves one, a double click on one removes it.
 */

import {h} from '../static/dom.js';

const NS = 'http://www.w3.org/2000/svg';
const CORNER_PX = 6;

function svg(tag, attributes) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** Anywidget calls this for every place where the widget is shown. */
function render({model, el}) {
  const [height, width] = model.get('_size_hw');
  const picture = h('img', {src: model.get('_picture'), alt: 'the frame', draggable: 'false'});
  const drawing = svg('svg', {viewBox: `0 0 ${width} ${height}`});
  el.classList.add('deglare-polygon');
  el.replaceChildren(h('div', {class: 'frame'}, picture, drawing));
  let held = -1;

  /** Pixels, whose centres are at whole numbers, from a place on the page. */
  function pixelAt(event) {
    const box = drawing.getBoundingClientRect();
    const at = (share, size) => Math.round(Math.min(Math.max(share * size - 0.5, 0), size - 1) * 10) / 10;
    return [
      at((event.clientX - box.left) / box.width, width),
      at((event.clientY - box.top) / box.height, height),
    ];
  }

  function set(points) {
    model.set('points', points);
    model.save_changes();
  }

  function draw() {
    const points = model.get('points').map(([x, y]) => [x + 0.5, y + 0.5]);
    const area = svg('polygon', {points: points.map((point) => point.join(',')).join(' ')});
    const radius = (CORNER_PX * width) / Math.max(drawing.clientWidth, 1);
    const corners = points.map(([x, y], i) => svg('circle', {cx: x, cy: y, r: radius, 'data-corner': i}));
    drawing.replaceChildren(area, ...corners);
  }

  const cornerOf = (event) => Number(event.target.dataset?.corner ?? -1);

  drawing.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    held = cornerOf(event);
    if (held < 0) {
      set([...model.get('points'), pixelAt(event)]);
      held = model.get('points').length - 1;
    }
    drawing.setPointerCapture(event.pointerId);
  });
  drawing.addEventListener('pointermove', (event) => {
    if (held >= 0) set(model.get('points').map((point, i) => (i === held ? pixelAt(event) : point)));
  });
  for (const kind of ['pointerup', 'pointercancel']) drawing.addEventListener(kind, () => (held = -1));
  drawing.addEventListener('dblclick', (event) => {
    const [x, y] = pixelAt(event);
    const away = ([px, py]) => Math.hypot(px - x, py - y);
    const points = model.get('points');
    const nearest = points.reduce((best, point) => Math.min(best, away(point)), Infinity);
    set(points.filter((point) => away(point) > nearest + 2)); // the corner, and what the two clicks added to it
  });

  const watcher = new ResizeObserver(draw);
  watcher.observe(drawing);
  model.on('change:points', draw);
  draw();
  return () => {
    watcher.disconnect();
    model.off('change:points', draw);
    el.replaceChildren();
  };
}

export default {render};
