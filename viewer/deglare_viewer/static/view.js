/**
 * A view has an address: one flat object that is the permalink, the kept failure and the notebook's argument.
 *
 * @typedef {{run?: string, frame?: string, x?: number, y?: number, alpha?: number, strategy?: string,
 *   teacher?: string, panes?: string, zoom?: number, cx?: number, cy?: number, compare?: string}} View
 */

import {clamp, isNumber} from './dom.js';
import {LABELLED, STRATEGIES, needsMined} from './fuse.js';

export const VIEW_KEYS = [
  'run',
  'frame',
  'x',
  'y',
  'alpha',
  'strategy',
  'teacher',
  'panes',
  'zoom',
  'cx',
  'cy',
  'compare',
];

/** Panes in the order of their keys, 1 to 9. */
export const PANES = [
  'rgb',
  'predicted',
  'projected',
  'fused',
  'uncertainty',
  'reflective',
  'source',
  'error',
  'mined',
];

/** The panes of a run: the last one only where something was mined. @param {Object} manifest @returns {string[]} */
export const panesOf = (manifest) => PANES.filter((pane) => pane !== 'mined' || manifest.has.mined);

export const MOST_ZOOM = 40;

/** Why strategies that go by a mask cannot be chosen. */
export const NOT_MINED =
  'Nothing is mined in this run yet: press “mine reflections” beside the threshold, or run deglare label with --mine.';

/**
 * What is worth saying about a state; what is as it always begins is left out.
 * @param {Object} state @param {Object} manifest @returns {View}
 */
export function toView(state, manifest) {
  const view = {run: manifest.id, frame: manifest.frames[state.frame], strategy: state.strategy};
  if (state.pinned?.seen) Object.assign(view, {x: state.pinned.x, y: state.pinned.y});
  if (STRATEGIES[state.strategy]?.alpha) view.alpha = round(state.alpha, 4);
  if (state.teacher !== manifest.base) view.teacher = state.teacher;
  if (state.alone) view.panes = state.alone;
  if (state.zoom !== 1)
    Object.assign(view, {zoom: round(state.zoom, 3), cx: round(state.cx, 4), cy: round(state.cy, 4)});
  if (state.compare) view.compare = state.compare;
  return view;
}

/**
 * The part of a state that a view speaks of. Whatever makes no sense for this run is left out.
 * @param {Object<string, *>} view its values may be text, as in an address @param {Object} manifest
 * @returns {{patch: Object, pin: ?{x: number, y: number}, complaint: ?string}}
 */
export function fromView(view, manifest) {
  const patch = {};
  const frame = manifest.frames.indexOf(view.frame);
  if (frame >= 0) patch.frame = frame;
  const known = view.strategy === LABELLED ? manifest.has.fused : view.strategy in STRATEGIES;
  const lacksMined = needsMined(view.strategy) && !manifest.has.mined;
  if (known && !lacksMined) patch.strategy = view.strategy;
  const alpha = number(view.alpha);
  if (alpha !== null) patch.alpha = clamp(alpha, 0, 10);
  if (manifest.teachers.includes(view.teacher)) patch.teacher = view.teacher;
  if (view.panes !== undefined) patch.alone = panesOf(manifest).includes(view.panes) ? view.panes : '';
  const zoom = number(view.zoom);
  if (zoom !== null) {
    patch.zoom = clamp(zoom, 1, MOST_ZOOM);
    patch.cx = clamp(number(view.cx) ?? 0.5, 0, 1);
    patch.cy = clamp(number(view.cy) ?? 0.5, 0, 1);
  }
  if (typeof view.compare === 'string') patch.compare = view.compare;
  const unknown = view.frame && frame < 0;
  return {
    patch,
    pin: unknown ? null : pixelOf(view, manifest.size_hw),
    complaint: unknown
      ? `This run has no frame ${view.frame}: it has ${manifest.frames.length} others.`
      : lacksMined
        ? NOT_MINED
        : null,
  };
}

function pixelOf(view, [height, width]) {
  const x = number(view.x);
  const y = number(view.y);
  const inside = x !== null && y !== null && x >= 0 && y >= 0 && x < width && y < height;
  return inside ? {x: Math.floor(x), y: Math.floor(y)} : null;
}

/** A finite number, or null for anything else. Text counts, since an address is text. */
function number(value) {
  if (typeof value === 'string' && value.trim() !== '') return isNumber(Number(value)) ? Number(value) : null;
  return isNumber(value) ? value : null;
}

/**
 * The page's address with a view in its query; other parameters stay.
 * @param {Location} location @param {View} view @returns {string}
 */
export function addressOf(location, view) {
  const query = new URLSearchParams(location.search);
  for (const key of VIEW_KEYS) query.delete(key);
  for (const [key, value] of Object.entries(view)) query.set(key, String(value));
  return `${location.pathname}?${query}${location.hash}`;
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}
