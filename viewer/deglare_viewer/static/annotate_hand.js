/**
 * The pointer on the picture: brush, rubber and polygon; the wheel zooms, and the middle or right button or space moves.
 */

import {rounded} from './annotate_rasters.js';

const LEAST_STEP = 0.6;
const MOST_POINTS = 15_000;
const CLOSES_WITHIN_PX = 9;

/**
 * @param {HTMLCanvasElement} canvas @param {ReturnType<typeof import('./annotate_sight.js').createSight>} sight
 * @param {{tool: () => string, radius: () => number, surface: () => string, colour: () => string,
 *   may: () => boolean, drawing: (stroke: ?Object, isPart: boolean) => void, done: (stroke: Object) => void}} desk
 * @param {AbortSignal} signal
 */
export function attachHand(canvas, sight, desk, signal) {
  /** @type {?{kind: string, points: number[][]}} what is being drawn */
  let stroke = null;
  let moving = null;
  let isSpace = false;
  const listen = (target, name, work, options = {}) => target.addEventListener(name, work, {signal, ...options});

  const place = (event) => sight.at(event).map(rounded);
  const isPolygon = () => desk.tool() === 'polygon';

  function ringAt(event) {
    const [x, y] = sight.at(event);
    const isShown = desk.may() && !moving && !isSpace && !isPolygon();
    sight.point(isShown ? {x, y, radius: desk.radius(), colour: desk.colour()} : null);
    canvas.style.cursor = moving ? 'grabbing' : isSpace ? 'grab' : isShown ? 'none' : desk.may() ? 'crosshair' : 'default';
  }

  function begun(points) {
    if (isPolygon()) return {kind: 'polygon', points, surface: desk.surface()};
    const radius = rounded(desk.radius());
    return desk.tool() === 'erase' ? {kind: 'erase', points, radius} : {kind: 'paint', points, radius, surface: desk.surface()};
  }

  function end() {
    const whole = stroke;
    stroke = null;
    desk.drawing(null, false);
    if (whole && whole.points.length >= (whole.kind === 'polygon' ? 3 : 1)) desk.done(whole);
  }

  listen(canvas, 'pointerdown', (event) => {
    if (event.button !== 0 || isSpace || !desk.may()) {
      if (event.button === 0 || event.button === 1 || event.button === 2) moving = [event.clientX, event.clientY];
    } else if (isPolygon()) corner(event);
    else {
      stroke = begun([place(event)]);
      desk.drawing(stroke, false);
    }
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
    document.activeElement?.blur?.();
    ringAt(event);
  });

  function corner(event) {
    const point = place(event);
    if (!stroke) stroke = begun([point]);
    else if (isNear(event, stroke.points[0]) && stroke.points.length > 2) return end();
    else stroke.points.push(point);
    desk.drawing(stroke, false);
  }

  const isNear = (event, point) => {
    const [x, y] = sight.place(...point);
    return Math.hypot(event.clientX - x, event.clientY - y) < CLOSES_WITHIN_PX;
  };

  listen(canvas, 'pointermove', (event) => {
    if (moving) {
      sight.move(event.clientX - moving[0], event.clientY - moving[1]);
      moving = [event.clientX, event.clientY];
    } else if (stroke && stroke.kind !== 'polygon') {
      for (const one of event.getCoalescedEvents?.() ?? [event]) follow(one);
    } else if (stroke) desk.drawing({...stroke, hover: sight.at(event)}, false);
    ringAt(event);
  });

  function follow(event) {
    const point = place(event);
    const last = stroke.points[stroke.points.length - 1];
    if (Math.hypot(point[0] - last[0], point[1] - last[1]) < LEAST_STEP) return;
    stroke.points.push(point);
    desk.drawing(stroke, true);
    if (stroke.points.length >= MOST_POINTS) {
      end();
      stroke = begun([point]);
    }
  }

  listen(canvas, 'pointerup', () => {
    if (moving) moving = null;
    else if (stroke && stroke.kind !== 'polygon') end();
  });
  listen(canvas, 'pointercancel', () => {
    moving = null;
    if (stroke && stroke.kind !== 'polygon') end(); // what was drawn up to here counts
  });
  listen(canvas, 'pointerleave', () => !stroke && sight.point(null));
  listen(canvas, 'contextmenu', (event) => event.preventDefault());
  listen(canvas, 'dblclick', () => stroke?.kind === 'polygon' && close());
  listen(document, 'keyup', (event) => event.key === ' ' && (isSpace = false));
  listen(window, 'blur', () => (isSpace = false));

  /** A double click has put its corner twice. */
  function close() {
    const {points} = stroke;
    const [one, other] = points.slice(-2);
    if (points.length > 3 && Math.hypot(one[0] - other[0], one[1] - other[1]) < 2) points.pop();
    end();
  }

  return {
    isDrawing: () => stroke !== null,
    close: () => stroke?.kind === 'polygon' && close(),
    /** Give up a polygon, or its last corner. */
    back() {
      if (stroke?.kind !== 'polygon') return false;
      stroke.points.pop();
      if (!stroke.points.length) stroke = null;
      desk.drawing(stroke, false);
      return true;
    },
    give() {
      const was = stroke !== null;
      stroke = null;
      desk.drawing(null, false);
      return was;
    },
    space: () => (isSpace = true),
    /** The frame is about to change: a stroke that is under way belongs to the one before. */
    leave: () => stroke && (stroke.kind === 'polygon' && stroke.points.length < 3 ? ((stroke = null), desk.drawing(null, false)) : end()),
  };
}
