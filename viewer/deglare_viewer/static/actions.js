/**
 * Everything a visitor can do, by name: hands, keys, charts and tables all come through here.
 */

import {clamp} from './dom.js';
import {LABELLED, STRATEGIES, liveStrategies} from './fuse.js';
import {distanceBy, followed, pinAt, pinOf} from './pins.js';
import {panesOf, toView} from './view.js';

/** @param {import('./viewport.js').Studio} studio */
export function createActions(studio) {
  const {store, manifest} = studio;
  const {state} = store;
  const last = manifest.frames.length - 1;
  const alphas = {};
  let rank = -1;

  const go = (frame) => store.set({frame: clamp(Math.round(frame), 0, last)});

  const step = (by) => go(state.frame + by);

  /** The frame with the tallest bar; asked again there, the next tallest. */
  function worst() {
    const order = manifest.bars.values.map((value, frame) => [value ?? -Infinity, frame]);
    order.sort((a, b) => b[0] - a[0]);
    rank = state.frame === order[rank]?.[1] ? (rank + 1) % order.length : 0;
    if (order.length) go(order[rank][1]);
  }

  function pin(x, y) {
    const shown = studio.live.shown();
    if (shown) store.set({pinned: pinAt(shown, manifest, x, y), second: null});
  }

  function measureTo(x, y) {
    const shown = studio.live.shown();
    if (shown) store.set({second: pinAt(shown, manifest, x, y)});
  }

  /** Metres between the two pins by one pane's depth. */
  function measured(pane) {
    const {pinned, second} = state;
    if (!pinned?.seen || !second?.seen) return null;
    const {data} = studio.panes.dataOf(pane);
    return data ? distanceBy(data, manifest, pane, pinned, second) : null;
  }

  /** Go to a frame with the point at a pixel of it. Its place in the world is kept where it is known. */
  function visit(frame, x, y, xyz = state.pinned?.xyz ?? null) {
    if (xyz) {
      store.set({pinned: pinOf(xyz, frame, x, y), second: null, frame});
      return;
    }
    store.set({waiting: {frame, x, y}, frame});
    settle();
  }

  /** A frame has come: pins move to their pixels in it, and a pixel of an address becomes a pin. */
  function settle() {
    const shown = studio.live.shown();
    if (!shown) return;
    const {waiting, pinned, second} = state;
    if (waiting?.frame === shown.frame) {
      store.set({waiting: null, pinned: pinAt(shown, manifest, waiting.x, waiting.y), second: null});
    } else {
      store.set({pinned: followed(pinned, shown, manifest), second: followed(second, shown, manifest)});
    }
  }

  /** A strategy keeps its threshold while others are tried. */
  function strategy(name) {
    const alpha = STRATEGIES[name]?.alpha;
    alphas[state.strategy] = state.alpha;
    store.set({strategy: name, alpha: alpha ? (alphas[name] ?? alpha.start) : state.alpha});
  }

  /** A threshold needs a strategy that has one: the published one, where there is an uncertainty. */
  function alpha(value) {
    const found = STRATEGIES[state.strategy]?.alpha;
    if (found) return store.set({alpha: clamp(value, 0, studio.mostAlpha(state.strategy))});
    const shown = studio.live.shown();
    if (!shown || !liveStrategies(shown.layers).includes('uncertainty')) return undefined;
    return store.set({strategy: 'uncertainty', alpha: clamp(value, 0, studio.mostAlpha('uncertainty'))});
  }

  function nudge(steps) {
    const size = STRATEGIES[state.strategy]?.alpha?.step ?? STRATEGIES.uncertainty.alpha.step;
    alpha(Math.round(state.alpha / size + steps) * size);
  }

  /** One pane fills the grid, or all of them share it. */
  function fill(pane) {
    if (panesOf(manifest).includes(pane)) store.set({alone: state.alone === pane ? '' : pane, swipe: null});
  }

  /** The pane that fills the grid beside predicted depth, or predicted beside fused. */
  function swipe() {
    if (state.swipe) return store.set({swipe: null});
    const pane = state.alone || 'fused';
    const over = pane === 'predicted' ? 'fused' : 'predicted';
    return store.set({swipe: {pane, over, at: 0.5, side: 'left'}});
  }

  /** Escape takes back one thing at a time. */
  function escape() {
    if (state.swipe) store.set({swipe: null});
    else if (state.second) store.set({second: null});
    else if (state.pinned) store.set({pinned: null});
    else if (state.alone) store.set({alone: ''});
    else store.set({zoom: 1, cx: 0.5, cy: 0.5});
  }

  const view = () => toView(state, manifest);

  function keep() {
    studio.tell({kind: 'keep', view: view(), note: ''});
    studio.say('This view goes to the list of kept failures.', 'kept', 3000);
  }

  async function apply() {
    if (state.strategy === LABELLED || !(await studio.dialogs.confirmApply())) return;
    const {strategy: name, alpha: value, teacher} = state;
    studio.tell({kind: 'apply', run: manifest.id, strategy: name, alpha: value, teacher});
  }

  function mine() {
    studio.tell({kind: 'mine', run: manifest.id});
  }

  return {
    go,
    step,
    worst,
    pin,
    measureTo,
    measured,
    visit,
    settle,
    strategy,
    alpha,
    nudge,
    fill,
    swipe,
    escape,
    view,
    keep,
    apply,
    mine,
    play: () => store.set({playing: !state.playing}),
    whole: () => store.set({alone: '', swipe: null, zoom: 1, cx: 0.5, cy: 0.5}),
  };
}
