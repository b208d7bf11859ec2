/**
 * Live fusion: the strategies of `deglare.fusion` on one frame, to the last pixel, while a hand moves a slider.
 *
 * It runs once per move, here, and the shader colours what comes out: panes, numbers and hover read one and the same
 * result. Numbers are rounded to float32 wherever Python works in float32, so that a pixel exactly at a threshold falls
 * to the same side. The rules for missing depth are those of `deglare/fusion/labels.py`.
 */

import {UNKNOWN} from './decode.js';

const {fround} = Math;
const DROPPED = 0;
const PREDICTED = 1;
export const PROJECTED = 2;
const BLENDED = 3;

/** The strategy's name for what is on disk. */
export const LABELLED = 'labelled';

/** Standard deviations of the gap at which half of the way is gone, as in `Blend`. */
const GAP_DEVIATIONS = 2 * 1.4826;

/** Depth in metres by millimetre, as `read_depth` computes it, and sigma as `read_uncertainty` does. */
const DEPTH_M = Float32Array.from({length: 65536}, (_, mm) => fround(mm * fround(0.001)));
const SIGMA_M = Float32Array.from({length: 65536}, (_, mm) => mm / 1000);

/**
 * A strategy says how far a pixel moves from predicted to projected depth, given both, the uncertainty in millimetres,
 * and whether the pixel was mined. A switch says 0 or 1; a blend anything between.
 *
 * @typedef {{label: string, about: string, alpha: ?{unit: string, start: number, most: number, step: number},
 *   needs: string[], blends: boolean,
 *   share: (rule: Rule) => (p: number, q: number, u: number, m: number) => number}} Strategy
 * @typedef {{strategy: string, alpha: number, levels: {sigma_m: number, gap: number}, range_m: number[]}} Rule
 */

/** @type {Object<string, Strategy>} */
export const STRATEGIES = {
  uncertainty: {
    label: 'uncertainty ≥ α',
    about: 'Projected depth where the uncertainty reaches α metres, as published.',
    alpha: {unit: 'm', start: 0.4, most: 1, step: 0.01},
    needs: ['projected', 'uncertainty'],
    blends: false,
    share({alpha}) {
      const reaches = reaching(alpha);
      return (p, q, u) => Number(reaches(u));
    },
  },
  'uncertainty-relative': {
    label: 'uncertainty ≥ α · depth',
    about: 'The same with a threshold that grows with the predicted depth.',
    alpha: {unit: '', start: 0.15, most: 0.5, step: 0.005},
    needs: ['projected', 'uncertainty'],
    blends: false,
    share({alpha}) {
      const part = fround(alpha);
      return (p, q, u) => Number(u !== UNKNOWN && SIGMA_M[u] >= fround(DEPTH_M[p] * part));
    },
  },
  difference: {
    label: 'prediction behind by α',
    about: 'Projected depth where the prediction lies more than a share α behind it, as glare does.',
    alpha: {unit: '', start: 0.25, most: 1, step: 0.01},
    needs: ['projected'],
    blends: false,
    share({alpha}) {
      const factor = fround(1 + alpha);
      return (p, q) => Number(DEPTH_M[p] > fround(DEPTH_M[q] * factor));
    },
  },
  mask: {
    label: 'mined mask',
    about: 'Projected depth where triplet mining finds a reflection.',
    alpha: null,
    needs: ['projected', 'mined'],
    blends: false,
    share: () => (p, q, u, m) => m,
  },
  union: {
    label: 'mined or σ ≥ α',
    about: 'Projected depth where triplet mining finds a reflection, or the uncertainty reaches α metres.',
    alpha: {unit: 'm', start: 0.4, most: 1, step: 0.01},
    needs: ['projected', 'uncertainty', 'mined'],
    blends: false,
    share({alpha}) {
      const reaches = reaching(alpha);
      return (p, q, u, m) => Number(m || reaches(u));
    },
  },
  intersection: {
    label: 'mined and σ ≥ α',
    about: 'Projected depth where triplet mining finds a reflection and the uncertainty reaches α metres as well.',
    alpha: {unit: 'm', start: 0.4, most: 1, step: 0.01},
    needs: ['projected', 'uncertainty', 'mined'],
    blends: false,
    share({alpha}) {
      const reaches = reaching(alpha);
      return (p, q, u, m) => Number(m && reaches(u));
    },
  },
  blend: {
    label: 'blend by uncertainty',
    about: 'Moved towards projected depth, the farther the larger the uncertainty; half of the way at its median.',
    alpha: null,
    needs: ['projected', 'uncertainty'],
    blends: true,
    share({levels}) {
      return (p, q, u) => (u === UNKNOWN ? 0 : shareOfWay(SIGMA_M[u], levels.sigma_m));
    },
  },
  'blend-gap': {
    label: 'blend by gap',
    about: 'Moved towards projected depth, the farther the prediction lies behind it.',
    alpha: null,
    needs: ['projected'],
    blends: true,
    share: ({levels}) => byGap(levels.gap),
  },
  'blend-both': {
    label: 'blend by either',
    about: 'Whichever of the two blends moves farther.',
    alpha: null,
    needs: ['projected', 'uncertainty'],
    blends: true,
    share({levels}) {
      const gap = byGap(levels.gap);
      return (p, q, u) => Math.max(u === UNKNOWN ? 0 : shareOfWay(SIGMA_M[u], levels.sigma_m), gap(p, q));
    },
  },
  'blend-agreed': {
    label: 'blend by both',
    about: 'As far as uncertainty and gap agree on: never away from the camera, and not where the networks are sure.',
    alpha: null,
    needs: ['projected', 'uncertainty'],
    blends: true,
    share({levels}) {
      const gap = byGap(levels.gap);
      return (p, q, u) => Math.min(u === UNKNOWN ? 0 : shareOfWay(SIGMA_M[u], levels.sigma_m), gap(p, q));
    },
  },
  predicted: {
    label: 'predicted only',
    about: 'No fusion: what the teacher says.',
    alpha: null,
    needs: [],
    blends: false,
    share: () => () => 0,
  },
  projected: {
    label: 'projected only',
    about: 'The fused surface wherever there is any.',
    alpha: null,
    needs: ['projected'],
    blends: false,
    share: () => () => 1,
  },
};

/** The strategies that a run's layers allow. @param {import('./decode.js').Layers} layers @returns {string[]} */
export function liveStrategies(layers) {
  return Object.keys(STRATEGIES).filter((name) => STRATEGIES[name].needs.every((need) => layers[need]));
}

/** Those that only lack the mined mask. @param {import('./decode.js').Layers} layers @returns {string[]} */
export function waitingStrategies(layers) {
  const live = liveStrategies({...layers, mined: true});
  return layers.mined ? [] : live.filter(needsMined);
}

/** @param {string} name @returns {boolean} whether a strategy goes by what was mined */
export const needsMined = (name) => Boolean(STRATEGIES[name]?.needs.includes('mined'));

/** Whether an uncertainty is known and reaches α metres. */
function reaching(alpha) {
  const least = fround(alpha);
  return (u) => u !== UNKNOWN && SIGMA_M[u] >= least;
}

/** x^2 / (x^2 + m^2), and 1 for every x above 0 where m is 0. */
function shareOfWay(doubt, scale) {
  if (fround(scale) === 0) return Number(doubt > 0);
  const ratio = fround(fround(scale) / doubt);
  return fround(1 / fround(fround(ratio * ratio) + 1));
}

/** By how far the prediction lies behind projected depth, as a share of that. */
function byGap(level) {
  const scale = GAP_DEVIATIONS * level;
  return (p, q) => {
    const gap = fround(fround(DEPTH_M[p] - DEPTH_M[q]) / DEPTH_M[q]);
    return gap > 0 ? shareOfWay(gap, scale) : 0;
  };
}

/** @param {number[]} range_m @returns {[number, number]} the millimetres of projected depth that is believed */
export function believedRange([nearest, farthest]) {
  let low = Math.max(1, Math.floor(nearest * 1000) - 1);
  while (DEPTH_M[low] < fround(nearest)) low += 1;
  let high = Math.min(65535, Math.ceil(farthest * 1000) + 1);
  while (high > 0 && DEPTH_M[high] > fround(farthest)) high -= 1;
  return [low, high];
}

/**
 * Fuse one frame.
 *
 * @param {import('./decode.js').Layers} layers
 * @param {Rule} rule
 * @param {{mm?: Uint16Array, source?: Uint8Array}} [spare] arrays that may be written again
 * @returns {{mm: Uint16Array, source: Uint8Array}} depth in millimetres, 0 none, and where it is from
 */
export function fuse(layers, rule, spare = {}) {
  const {predicted, projected, uncertainty, mined} = layers;
  if (rule.strategy === LABELLED) return {mm: layers.fused || predicted, source: layers.source || allFrom(predicted)};
  const count = predicted.length;
  const mm = spare.mm?.length === count ? spare.mm : new Uint16Array(count);
  const source = spare.source?.length === count ? spare.source : new Uint8Array(count);
  const strategy = STRATEGIES[rule.strategy];
  const share = strategy.share(rule);
  const [low, high] = believedRange(rule.range_m);
  const usesProjected = projected && rule.strategy !== 'predicted';
  const moved = strategy.blends ? BLENDED : PROJECTED;
  for (let i = 0; i < count; i++) {
    const p = predicted[i];
    let q = usesProjected ? projected[i] : 0;
    if (q < low || q > high) q = 0;
    if (p === 0) {
      mm[i] = q;
      source[i] = q ? PROJECTED : DROPPED;
      continue;
    }
    const way = q ? share(p, q, uncertainty ? uncertainty[i] : UNKNOWN, mined ? mined[i] : 0) : 0;
    source[i] = way > 0 ? moved : PREDICTED;
    mm[i] = way > 0 ? Math.round(p + (q - p) * way) : p;
  }
  return {mm, source};
}

function allFrom(predicted) {
  return Uint8Array.from(predicted, (mm) => (mm ? PREDICTED : DROPPED));
}
