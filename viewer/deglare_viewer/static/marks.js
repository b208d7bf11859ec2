/**
 * What lies over a pane: the cross-hair, the pinned points, the line between them, the handle of the swipe. They are
 * small elements of the page, moved about: a whole canvas on top would cost more than the panes themselves.
 */

import {h, setText} from './dom.js';
import {magnificationOf, toScreen} from './lens.js';

const LEAST_PX = 5;

/** @param {import('./viewport.js').Studio} studio */
export function createMarks(studio) {
  const {state} = studio.store;
  const {size_hw} = studio.manifest;
  const cross = h('i', {class: 'cross'}, h('i', {}), h('i', {}), h('i', {}), h('i', {}));
  const pin = h('i', {class: 'pin'});
  const second = h('i', {class: 'pin second'});
  const line = h('i', {class: 'line'});
  const tag = h('output', {class: 'tag'});
  const handle = h('i', {class: 'handle'}, h('b', {}), h('em', {}), h('em', {}));
  const elements = [line, second, pin, tag, cross, handle];

  /** @param {import('./lens.js').Cell} cell */
  function draw(cell) {
    const {hover, pinned, second: other, swipe} = state;
    const both = Boolean(pinned?.seen && other?.seen);
    put(cross, cell, hover);
    put(pin, cell, pinned?.seen ? pinned : null);
    put(second, cell, other?.seen ? other : null);
    if (hover) cross.style.setProperty('--gap', `${Math.max(LEAST_PX, magnificationOf(cell, size_hw, state) / 2)}px`);
    pin.classList.toggle('hidden', Boolean(pinned?.hidden));
    line.hidden = tag.hidden = !both;
    if (both) measure(cell, pinned, other);
    handle.hidden = swipe?.pane !== cell.pane;
    if (!handle.hidden) pull(cell, swipe);
  }

  function placeOf(cell, {x, y}) {
    const {left, top} = toScreen(cell, size_hw, state, x + 0.5, y + 0.5);
    return [left - cell.left, top - cell.top];
  }

  /** Move a mark to its pixel, or out of sight. */
  function put(mark, cell, at) {
    mark.hidden = !at;
    if (!at) return;
    const [left, top] = placeOf(cell, at);
    mark.style.transform = `translate(${left}px, ${top}px)`;
  }

  /** The line between the points, and their distance by this pane's own depth. */
  function measure(cell, from, to) {
    const [[x0, y0], [x1, y1]] = [placeOf(cell, from), placeOf(cell, to)];
    const apart = studio.actions.measured(cell.pane);
    line.style.width = `${Math.hypot(x1 - x0, y1 - y0)}px`;
    line.style.transform = `translate(${x0}px, ${y0}px) rotate(${Math.atan2(y1 - y0, x1 - x0)}rad)`;
    tag.hidden = apart === null;
    tag.style.transform = `translate(${(x0 + x1) / 2}px, ${(y0 + y1) / 2}px) translate(-50%, -50%)`;
    if (apart !== null) setText(tag, `${apart.toFixed(2)} m`);
  }

  /** The handle stands where one pane ends and the other begins; it names both. */
  function pull(cell, {at, side, over, pane}) {
    handle.style.transform = `translate(${Math.round(cell.width * at)}px, 0)`;
    const [left, right] = side === 'left' ? [over, pane] : [pane, over];
    setText(handle.children[1], left);
    setText(handle.children[2], right);
  }

  return {elements, draw};
}
