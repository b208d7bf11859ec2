/**
 * The frames on the screen: fetched when asked for, fused anew when the rule changes, of one run or of two.
 */

import {frameNumbers} from './numbers.js';
import {createFrames} from './frames.js';
import {LABELLED, fuse} from './fuse.js';
import {SourceError} from './source.js';

/** @param {import('./viewport.js').Studio} studio */
export function createLive(studio) {
  const {store, beat, signal, manifest} = studio;
  const {state} = store;
  const fetchOwn = (frame, abort) => studio.source.layers(frame, state.teacher, abort);
  const own = createFrames(fetchOwn, manifest.frames.length, signal);
  /** @type {?{id: string, manifest: Object, frames: ReturnType<typeof createFrames>}} */
  let compared = null;
  let shown = null;
  let other = null;
  let stamp = 0;
  let arrivals = 0;
  let direction = 1;

  /** A frame in the place of the one before it, whose arrays are used again. */
  const inPlaceOf = (old, frame, layers, of) => ({...old, frame, layers, of});

  /** Show the frame of the state as soon as it is there; one that is overtaken on its way is never shown. */
  async function load() {
    const {frame, teacher} = state;
    if (shown && frame !== shown.frame) direction = frame > shown.frame ? 1 : -1;
    if (state.compare) loadOther(frame);
    const ready = own.have(frame);
    try {
      const layers = ready ? (own.want(frame, direction), ready) : await own.want(frame, direction);
      if (signal.aborted || state.frame !== frame || state.teacher !== teacher) return;
      shown = inPlaceOf(shown, frame, layers, manifest);
      arrivals += 1;
      studio.say(null, 'frame');
      beat(refuse, 0);
    } catch (error) {
      if (!signal.aborted && state.frame === frame) studio.say(sentence(error, frame), 'frame');
    }
  }

  /** The frame of the same name in the run that is compared. */
  async function loadOther(frame) {
    if (!compared) return;
    const place = compared.manifest.frames.indexOf(manifest.frames[frame]);
    if (place < 0) {
      other = null;
      studio.say(`${compared.manifest.name} has no frame ${manifest.frames[frame]} to compare with.`, 'compare');
      beat(refuse, 0);
      return;
    }
    try {
      const layers = await compared.frames.want(place, direction);
      if (signal.aborted || state.frame !== frame) return;
      other = inPlaceOf(other, frame, layers, compared.manifest);
      studio.say(null, 'compare');
      beat(refuse, 0);
    } catch (error) {
      if (!signal.aborted && state.frame === frame) studio.say(sentence(error, frame), 'compare');
    }
  }

  /** Fuse what is on the screen by the rule of the moment; only then is a new frame said to be shown. */
  function refuse() {
    for (const one of [shown, other]) {
      if (one) apply(one);
    }
    if (shown) store.set({fusion: stamp, arrivals, shown: shown.frame});
  }

  function apply(one) {
    const {levels, projected_range_m: range_m} = one.of;
    one.fused = fuse(one.layers, {strategy: state.strategy, alpha: state.alpha, levels, range_m}, one.spare);
    if (state.strategy !== LABELLED) one.spare = one.fused; // arrays of ours: labels on disk are never written over
    one.numbers = frameNumbers(one.layers, one.fused);
    one.stamp = ++stamp;
  }

  /** Take up a second run, or let go of it. */
  async function compare() {
    const id = state.compare;
    if (compared?.id === id) return;
    compared = null;
    other = null;
    studio.say(null, 'compare');
    beat(refuse, 0);
    if (!id || !studio.source.other) return;
    try {
      const source = studio.source.other(id);
      const found = await source.manifest();
      if (signal.aborted || state.compare !== id) return;
      if (String(found.size_hw) !== String(manifest.size_hw)) {
        studio.say(`${found.name} has frames of another size: runs are compared pixel by pixel.`, 'compare');
        return;
      }
      const fetchLayers = (frame, abort) => source.layers(frame, undefined, abort);
      compared = {id, manifest: found, frames: createFrames(fetchLayers, found.frames.length, signal)};
      store.set({comparedName: found.name});
      loadOther(state.frame);
    } catch (error) {
      if (!signal.aborted) studio.say(sentence(error), 'compare');
    }
  }

  /** Everything was written anew, or comes from another teacher. */
  function forget() {
    own.forget();
    compared?.frames.forget();
    load();
  }

  function sentence(error, frame) {
    if (error instanceof SourceError) return error.message;
    const what = frame === undefined ? 'The run' : `Frame ${manifest.frames[frame]}`;
    return `${what} could not be read (${error.message}): reload this page, or label the run again.`;
  }

  store.on(['frame'], load);
  store.on(['teacher', 'version'], forget);
  store.on(['alpha', 'strategy'], () => beat(refuse, 0));
  store.on(['compare'], compare);

  return {
    load,
    compare,
    shown: () => shown,
    other: () => other,
    compared: () => compared,
    frames: own,
  };
}
