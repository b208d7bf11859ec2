/**
 * Where a visitor who names no place begins: at the worst frame, on the patch that is farthest off.
 */

import {UNKNOWN} from './decode.js';

/** Side of a block and steps between blocks, in pixels. */
const BLOCK = 10;
const STEP = 4;

/** The border of the image, as a share of its sides: neighbouring frames often do not see it. */
const MARGIN = 0.08;

/** Mean difference of neighbouring pixels beyond which more texture is no better. */
const ENOUGH_TEXTURE = 4;

/** The frame with the tallest bar. @param {{bars: {values: Array<?number>}}} manifest @returns {number} */
export function worstFrame({bars: {values}}) {
  const tallest = Math.max(...values.map((value) => value ?? -Infinity));
  return Math.max(values.indexOf(tallest), 0);
}

/**
 * The middle of the block of pixels whose prediction is most too far: on highlights where they are known, else on
 * reflective pixels, else anywhere. Without truth, of the block that the teachers agree on least. Blocks without
 * texture are passed over: nothing can be matched there, so there is little to explain.
 * @param {import('./decode.js').Layers} layers @returns {?{x: number, y: number}}
 */
export function worstPixel(layers) {
  const {w, h, regions} = layers;
  const badness = layers.truth ? tooFar : layers.uncertainty ? disagreement : null;
  if (!badness) return null;
  for (const least of regions ? [2, 1, 0] : [0]) {
    for (const margin of [MARGIN, 0]) {
      const found = worstBlock(layers, least, badness, Math.round(margin * w), Math.round(margin * h));
      if (found) return found;
    }
  }
  return null;
}

/** The middle of the worst block of a region, some pixels away from the border of the image. */
function worstBlock(layers, least, badness, aside, below) {
  let best = {score: 0, at: null};
  for (let y = below; y + BLOCK <= layers.h - below; y += STEP) {
    for (let x = aside; x + BLOCK <= layers.w - aside; x += STEP) {
      const score = scoreOf(layers, x, y, least, badness);
      if (score > best.score) best = {score, at: {x: x + BLOCK / 2, y: y + BLOCK / 2}};
    }
  }
  return best.at;
}

/** A block with a pixel outside the region or without depth, or a prediction that is too near, counts for nothing. */
function scoreOf(layers, left, top, least, badness) {
  const {w, rgb} = layers;
  let bad = 0;
  let texture = 0;
  for (let y = top; y < top + BLOCK; y++) {
    for (let x = left; x < left + BLOCK; x++) {
      const i = y * w + x;
      const here = (layers.regions?.[i] ?? 0) >= least ? badness(layers, i) : null;
      if (here === null) return 0;
      bad += here;
      texture += x > left ? Math.abs(rgb[3 * i + 1] - rgb[3 * i - 2]) : 0;
    }
  }
  return bad * Math.min(texture / BLOCK ** 2, ENOUGH_TEXTURE);
}

function tooFar({truth, predicted}, i) {
  return truth[i] && predicted[i] ? predicted[i] - truth[i] : null;
}

function disagreement({uncertainty}, i) {
  return uncertainty[i] === UNKNOWN ? null : uncertainty[i];
}
