/**
 * Numbers of the frame on the screen, counted anew at every move of the slider: about a millisecond for 110,000 pixels.
 */

/** By code of the layer of regions, and what they are called. */
export const REGIONS = ['all', 'reflective', 'highlight'];

/**
 * @typedef {{pixels: number, before: number, after: number}} Region mean Abs Rel of predicted and of fused depth; NaN
 *   without pixels
 * @typedef {{taken: number, mixed: number, dropped: number, regions: ?Object<string, Region>}} FrameNumbers shares of
 *   all pixels by source, and errors by region where there is truth
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
  };
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
