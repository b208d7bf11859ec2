/**
 * What hands do over the panes: point, click, drag, pinch, turn the wheel, pull a border.
 */

import {clamp} from './dom.js';
import {GAP, panned, zoomedAt} from './lens.js';

const CLICK_PX = 4;
const BORDER_PX = 6;
const DOUBLE_MS = 500;

/** A page that is being scrolled goes on scrolling when panes come under the cursor. */
const SCROLL_MS = 250;

/** A pinch on a trackpad arrives as a wheel with the control key held, in smaller steps. */
const WHEEL = 0.0018;
const PINCH = 0.012;

/**
 * @param {import('./viewport.js').Studio} studio
 * @param {ReturnType<import('./panes.js').createPanes>} panes
 */
export function attachHand(studio, panes) {
  const {store, actions, signal, manifest} = studio;
  const {state} = store;
  const {element} = panes;
  const pointers = new Map();
  let drag = null;
  let scrolledAt = -Infinity;
  let before = {at: -Infinity, pinned: null, second: null};

  const look = () => ({zoom: state.zoom, cx: state.cx, cy: state.cy});
  const listen = (kind, work, options = {}) => element.addEventListener(kind, work, {signal, ...options});

  listen('pointermove', (event) => {
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, event);
    if (pointers.size === 2) return pinch();
    if (drag) return move(event);
    const at = panes.placeAt(event.clientX, event.clientY);
    element.style.cursor = borderAt(at) ? 'col-resize' : at.inside ? 'crosshair' : 'default';
    store.set({hover: at.inside ? {x: at.x, y: at.y} : null});
  });
  listen('pointerleave', () => store.set({hover: null}));

  listen('pointerdown', (event) => {
    if (event.button !== 0) return;
    document.activeElement?.blur?.(); // keys are for the frames again
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    const at = panes.placeAt(event.clientX, event.clientY);
    drag = {at, from: event, look: look(), border: borderAt(at), moved: false};
    if (pointers.size === 2) drag = {...drag, moved: true, apart: spread(), middle: middle()};
  });
  listen('pointerup', (event) => {
    const wasClick = drag && !drag.moved && pointers.size === 1;
    pointers.delete(event.pointerId);
    if (wasClick && !drag.border) click(event);
    if (!pointers.size) drag = null;
  });
  listen('pointercancel', (event) => {
    pointers.delete(event.pointerId);
    drag = null;
  });

  listen('wheel', wheel, {passive: false});
  document.addEventListener('scroll', (event) => (scrolledAt = event.timeStamp), {
    signal,
    capture: true,
    passive: true,
  });
  listen('dblclick', (event) => {
    const {cell} = panes.placeAt(event.clientX, event.clientY);
    if (!cell) return;
    store.set({pinned: before.pinned, second: before.second}); // the two clicks were not meant for a pin
    actions.fill(state.alone ? '' : cell.pane);
  });

  function move(event) {
    const [right, down] = [event.clientX - drag.from.clientX, event.clientY - drag.from.clientY];
    if (Math.hypot(right, down) > CLICK_PX) drag.moved = true;
    if (!drag.moved) return;
    if (drag.border) return pullBorder(event);
    if (drag.at.cell) store.set({...panned(drag.at.cell, manifest.size_hw, drag.look, right, down), hover: null});
  }

  function click(event) {
    const {at} = drag;
    if (!at.inside) return;
    if (event.timeStamp - before.at > DOUBLE_MS)
      before = {at: event.timeStamp, pinned: state.pinned, second: state.second};
    if (event.shiftKey && state.pinned?.seen) actions.measureTo(at.x, at.y);
    else actions.pin(at.x, at.y);
  }

  function wheel(event) {
    const at = panes.placeAt(event.clientX, event.clientY);
    const steps = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 120 : 1;
    const isOut = event.deltaY > 0;
    const isPageScroll = state.zoom === 1 && !event.ctrlKey && (isOut || event.timeStamp - scrolledAt < SCROLL_MS);
    if (!at.cell || isPageScroll) return;
    event.preventDefault();
    if (state.zoom > 1 && !event.ctrlKey && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
      const right = event.shiftKey && !event.deltaX ? event.deltaY : event.deltaX;
      store.set(panned(at.cell, manifest.size_hw, look(), -right * steps, 0));
      return;
    }
    const factor = Math.exp(-clamp(event.deltaY * steps, -240, 240) * (event.ctrlKey ? PINCH : WHEEL));
    store.set(zoomedAt(at.cell, manifest.size_hw, look(), at.left, at.top, factor));
  }

  function pinch() {
    const at = panes.placeAt(middle().clientX, middle().clientY);
    if (!at.cell || !drag?.apart) return;
    const factor = spread() / drag.apart;
    const moved = [middle().clientX - drag.middle.clientX, middle().clientY - drag.middle.clientY];
    const zoomed = zoomedAt(at.cell, manifest.size_hw, drag.look, at.left - moved[0], at.top - moved[1], factor);
    store.set(panned(at.cell, manifest.size_hw, zoomed, ...moved));
  }

  function spread() {
    const [a, b] = [...pointers.values()];
    return Math.max(Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), 1);
  }

  function middle() {
    const [a, b] = [...pointers.values()];
    return {clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2};
  }

  /** The border between two panes side by side, or the handle of the swipe, near a place. */
  function borderAt({left, top}) {
    const cells = panes.cells();
    const {swipe} = state;
    const swiped = swipe && cells.find((cell) => cell.pane === swipe.pane);
    if (swiped && within(top, swiped) && Math.abs(left - swiped.left - swiped.width * swipe.at) < BORDER_PX) {
      return {handle: swiped};
    }
    const first = cells.find(
      (cell) => within(top, cell) && Math.abs(left - cell.left - cell.width - GAP / 2) < BORDER_PX,
    );
    const next = first && cells.find((cell) => cell.top === first.top && cell.left > first.left);
    return next ? {first, next} : null;
  }

  /** To the left, the right pane comes over the left one; to the right, the other way round. */
  function pullBorder(event) {
    const left = panes.placeAt(event.clientX, event.clientY).left;
    const {first, next, handle} = drag.border;
    if (handle) {
      const at = clamp((left - handle.left) / handle.width, 0, 1);
      const isShut = state.swipe.side === 'left' ? at < 0.02 : at > 0.98;
      return store.set({swipe: isShut && !state.alone ? null : {...state.swipe, at}, hover: null});
    }
    const isLeft = left < next.left;
    const cell = isLeft ? first : next;
    const at = clamp((left - cell.left) / cell.width, 0, 1);
    const swipe = isLeft
      ? {pane: first.pane, over: next.pane, at, side: 'right'}
      : {pane: next.pane, over: first.pane, at, side: 'left'};
    store.set({swipe: at > 0.02 && at < 0.98 ? swipe : null, hover: null});
  }

  function within(top, cell) {
    return top >= cell.top && top < cell.top + cell.height;
  }
}
