/**
 * What a pane says at one pixel, in words and metres.
 */

import {SOURCES} from './colours.js';
import {UNKNOWN} from './decode.js';
import {metres, percent, signed} from './dom.js';
import {arrayOf} from './painter.js';

const REGION_NAMES = ['not reflective', 'reflective', 'highlight'];

/**
 * The number behind a pixel: metres for depth, sigma and error, codes for regions and sources.
 * @param {import('./painter.js').DataSet} data @param {string} pane @param {number} x @param {number} y
 * @returns {?number} null where there is none
 */
export function valueAt(data, pane, x, y) {
  const {w, h} = data.layers;
  if (!(x >= 0 && y >= 0 && x < w && y < h)) return null;
  const i = y * w + x;
  const of = (name) => arrayOf(data, name)?.[i] ?? null;
  if (pane === 'source') return of('source');
  if (pane === 'reflective' || pane === 'regions') return of('regions');
  if (pane === 'mined') return of('mined');
  if (pane === 'uncertainty') return of('uncertainty') === UNKNOWN ? null : inMetres(of('uncertainty'));
  if (pane === 'error') {
    const [is, against] = [of('fused'), of('truth')];
    return is && against ? (is - against) / 1000 : null;
  }
  return inMetres(of(pane) || null);
}

function inMetres(mm) {
  return mm === null ? null : mm / 1000;
}

/** @returns {string} for the corner of a pane; '' where the pixel says nothing */
export function textAt(data, pane, x, y) {
  const {w, h} = data.layers;
  if (!(x >= 0 && y >= 0 && x < w && y < h)) return '';
  if (pane === 'rgb') return `${x}, ${y}`;
  const value = valueAt(data, pane, x, y);
  if (value === null) return pane === 'reflective' ? '' : 'none';
  if (pane === 'reflective') return REGION_NAMES[value];
  if (pane === 'mined') return value ? 'mined' : 'not mined';
  if (pane === 'source') return value === 3 ? `blended ${percent(shareOfWay(data, x, y))}` : SOURCES[value].name;
  if (pane === 'error') return signed(value);
  return pane === 'uncertainty' ? `σ ${metres(value)}` : metres(value);
}

/** How far a blend has gone from predicted to projected depth. */
function shareOfWay(data, x, y) {
  const [from, to, now] = ['predicted', 'projected', 'fused'].map((layer) => valueAt(data, layer, x, y));
  return from === to ? 0.5 : (now - from) / (to - from);
}
