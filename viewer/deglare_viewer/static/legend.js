/**
 * The keys to all colours: bars with numbers at their ends, maps by name, and ticks for the values under the hand.
 */

import {ERROR_LIMIT_M, SIGMA_LIMIT_M, gradient} from './colours.js';
import {clamp, h, metres, percent} from './dom.js';
import {valueAt} from './readout.js';

/** @param {import('./viewport.js').Studio} studio */
export function createLegend(studio) {
  const {store, beat, manifest} = studio;
  const {state} = store;
  const [near, far] = manifest.range_m;
  const beyond = manifest.beyond > 0 ? `${percent(manifest.beyond)} beyond` : '';
  const bars = [
    bar('depth', 'viridis', [near, far], metres(near), metres(far), beyond, 'fused'),
    bar(
      manifest.has.truth ? 'error' : 'moved',
      'RdBu_r',
      [-ERROR_LIMIT_M, ERROR_LIMIT_M],
      `−${ERROR_LIMIT_M} m`,
      `+${ERROR_LIMIT_M} m`,
      manifest.has.truth ? 'red: too far' : 'red: moved away',
      'error',
    ),
    bar('σ', 'magma', [0, SIGMA_LIMIT_M], '0', `${SIGMA_LIMIT_M} m`, '', 'uncertainty'),
  ];
  const element = h('div', {class: 'legend', 'aria-label': 'Colours'}, ...bars.map((one) => one.element));

  function point() {
    const data = studio.live.shown();
    const at = state.hover ?? (state.pinned?.seen ? state.pinned : null);
    for (const {tick, range, of} of bars) {
      const value = at && data?.fused ? valueAt(data, of, at.x, at.y) : null;
      tick.hidden = value === null;
      if (value !== null) tick.style.left = `${clamp((value - range[0]) / (range[1] - range[0]), 0, 1) * 100}%`;
    }
  }

  store.on(['hover', 'pinned', 'fusion'], () => beat(point, 3));
  return {element};
}

/** @param {string} of the pane whose value the tick shows */
function bar(name, map, range, low, high, note, of) {
  const tick = h('i', {hidden: true});
  const strip = h('span', {class: 'strip', style: `background: ${gradient(map)}`}, tick);
  const title = `${name}: ${map}, one range for the whole run`;
  const element = h(
    'span',
    {class: 'bar', title},
    h('b', {}, name),
    h('span', {}, low),
    strip,
    h('span', {}, high),
    h('em', {}, [map, note].filter(Boolean).join(' · ')),
  );
  return {element, tick, range, of};
}

/** A bar for something else, such as the colours of the mesh. */
export function smallBar(element, {map, low, high, unit, what}) {
  const number = (value) => `${Number(value.toFixed(2))}${unit ? ` ${unit}` : ''}`.replace('-', '−');
  element.replaceChildren(
    h('span', {}, number(low)),
    h('span', {class: 'strip', style: `background: ${gradient(map)}`}),
    h('span', {}, number(high)),
  );
  element.title = `${what}: ${map}`;
}
