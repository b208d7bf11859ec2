/**
 * Questions about the pinned point that only Python can answer: asked once the hand rests, and only the newest counts.
 */

import {later} from './dom.js';

const REST_MS = 120;

/**
 * @param {import('./viewport.js').Studio} studio
 * @param {(at: {frame: number, x: number, y: number}, signal: AbortSignal) => Promise<*>} ask
 * @param {{waiting: () => void, answered: (answer: *, at: Object) => void, failed: (error: Error) => void,
 *   nothing: () => void}} told
 * @param {string[]} [also] parts of the state that change the answer
 */
export function askAboutPin(studio, ask, told, also = []) {
  const {store, signal} = studio;
  const {state} = store;
  let asked = null;
  let key = null;
  signal.addEventListener('abort', () => asked?.abort());

  const soon = later(REST_MS, signal, async () => {
    const {pinned} = state;
    const frame = studio.live.shown()?.frame;
    if (!pinned?.seen || frame === undefined || frame !== state.frame || state.playing) return;
    const at = {frame, x: pinned.x, y: pinned.y};
    const next = JSON.stringify([at, ...also.map((name) => state[name])]);
    if (next === key) return;
    key = next;
    asked?.abort();
    const abort = (asked = new AbortController());
    told.waiting();
    try {
      const answer = await ask(at, abort.signal);
      if (!abort.signal.aborted) told.answered(answer, at);
    } catch (error) {
      if (abort.signal.aborted) return;
      key = null;
      told.failed(error);
    }
  });

  store.on(['pinned', 'shown', 'playing', ...also], () => {
    if (state.pinned) return soon();
    asked?.abort();
    key = null;
    return told.nothing();
  });
}
