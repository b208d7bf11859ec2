/**
 * Numbers of the frame on the screen, counted anew at every move of the slider: about a millisecond for 110,000 pixels.
 */

import {PROJECTED} from './fuse.js';

/** By code of the layer of regions, and what they are called. */
export const REGIONS = ['all', 'reflective', 'highlight'];

/**
 * @typedef {{pixels: number, before: number, after: number}} Region mean Abs Rel of predicted and of fused depth; NaN
 *   without pixels
 * @typedef {{precision: number, recall: number}} Found shares of a mask that are reflective, and of what is reflective
 *   that are in the mask; NaN without pixels
 * @typedef {{taken: number, mixed: number, dropped: number, regions: ?Object<string, Region>,
 *   found: ?{rule: Found, mined: Found, chance: number}}} FrameNumbers shares of all pixels by source, errors by region
 *   where there is truth, and how well masks find what is reflective where that is known; chance is the precision of
 *   pixels drawn at random
 */

/**
 * @param {import('./decode.js').Layers} layers
 * @param {{mm: Uint16Array, source: Uint8Array}} fused
 * @returns {FrameNumbers}
 */
export function frameNumbers(layers, fused) {
  const counts = [0, 0, 0, 0];
  for (const code of fused.source) counts[code & 3] += 1;
  const share = (code) => counts[code] / fused.source.length;
  return {
    taken: share(2),
    mixed: share(3),
    dropped: share(0),
    regions: layers.truth ? errorsByRegion(layers, fused.mm) : null,
    found: layers.regions ? foundBy(layers, fused.source) : null,
  };
}

/** The mined mask, if there is one, and the pixels that took projected depth. */
function foundBy({regions, mined}, source) {
  const count = {rule: {found: 0, both: 0}, mined: {found: 0, both: 0}};
  let reflective = 0;
  for (let i = 0; i < regions.length; i++) {
    const isReflective = Number(regions[i] > 0);
    reflective += isReflective;
    if (source[i] === PROJECTED) {
      count.rule.found += 1;
      count.rule.both += isReflective;
    }
    if (mined?.[i]) {
      count.mined.found += 1;
      count.mined.both += isReflective;
    }
  }
  const shares = ({found, both}) => ({precision: both / found, recall: both / reflective});
  return {rule: shares(count.rule), mined: shares(count.mined), chance: reflective / regions.length};
}

/** A highlight is reflective too, and everything is in `all`. */
function errorsByRegion({truth, predicted, regions}, fused) {
  const count = [0, 0, 0];
  const before = [0, 0, 0];
  const after = [0, 0, 0];
  for (let i = 0; i < truth.length; i++) {
    const t = truth[i];
    if (t === 0 || predicted[i] === 0 || fused[i] === 0) continue;
    const was = Math.abs(predicted[i] - t) / t;
    const is = Math.abs(fused[i] - t) / t;
    const deepest = regions ? regions[i] : 0;
    for (let region = 0; region <= deepest; region++) {
      count[region] += 1;
      before[region] += was;
      after[region] += is;
    }
  }
  const names = regions ? REGIONS : REGIONS.slice(0, 1);
  return Object.fromEntries(
    names.map((name, i) => [name, {pixels: count[i], before: before[i] / count[i], after: after[i] / count[i]}]),
  );
}
