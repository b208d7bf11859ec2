/**
 * Hands on the mesh: drag turns, shift or the right button moves, the wheel comes nearer, a click picks. Where there is
 * a brush, drag paints, and the middle or right button turns.
 *
 * @typedef {{may: (event: PointerEvent) => boolean, begin: (event: PointerEvent) => void,
 *   follow: (event: PointerEvent) => void, end: () => void}} Brush
 */

import {clamp} from './dom.js';
import {approached, shifted, turned} from './orbit.js';

const CLICK_PX = 4;
const TURN = 0.008;
const WHEEL = 0.002;
const PINCH = 0.01;
const MOST_PX = 200;

/**
 * @param {HTMLCanvasElement} canvas @param {AbortSignal} signal
 * @param {{orbit: () => ?import('./orbit.js').Orbit, moved: (orbit: import('./orbit.js').Orbit) => void,
 *   pick: (event: PointerEvent) => void, up: number[], brush?: Brush}} view
 */
export function attachMeshHand(canvas, signal, {orbit, moved, pick, up, brush}) {
  let drag = null;
  let isPainting = false;
  const listen = (kind, work, options = {}) => canvas.addEventListener(kind, work, {signal, ...options});

  listen('contextmenu', (event) => event.preventDefault());
  listen('pointerdown', (event) => {
    if (!orbit()) return;
    canvas.setPointerCapture(event.pointerId);
    isPainting = event.button === 0 && Boolean(brush?.may(event));
    if (isPainting) brush.begin(event);
    else drag = {from: event, start: orbit(), isMove: false, shifts: event.shiftKey || (event.button === 2 && !brush)};
  });
  listen('pointermove', (event) => {
    if (isPainting) for (const one of event.getCoalescedEvents?.() ?? [event]) brush.follow(one);
    if (!drag) return;
    const [right, down] = [event.clientX - drag.from.clientX, event.clientY - drag.from.clientY];
    drag.isMove ||= Math.hypot(right, down) > CLICK_PX;
    if (!drag.isMove) return;
    const metre = drag.start.distance / canvas.clientHeight;
    if (drag.shifts) moved(shifted(drag.start, right * metre, down * metre));
    else moved(turned(drag.start, up, -right * TURN, -down * TURN));
  });
  listen('pointerup', (event) => {
    endStroke();
    const wasClick = drag && !drag.isMove && event.button === 0;
    drag = null;
    if (wasClick) pick(event);
  });
  listen('pointercancel', () => {
    endStroke(); // what was painted up to here counts
    drag = null;
  });
  listen('wheel', wheel, {passive: false});

  function endStroke() {
    if (isPainting) brush.end();
    isPainting = false;
  }

  function wheel(event) {
    if (!orbit()) return;
    event.preventDefault();
    const pixels = clamp(event.deltaY * (event.deltaMode === 1 ? 16 : 1), -MOST_PX, MOST_PX);
    moved(approached(orbit(), Math.exp(pixels * (event.ctrlKey ? PINCH : WHEEL))));
  }
}
