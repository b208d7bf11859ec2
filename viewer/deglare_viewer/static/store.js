/**
 * What the visitor sees, as one flat object, and who wants to know when a part of it changes.
 */

/**
 * @template T
 * @param {T} initial
 * @returns {{state: T, set: (patch: Partial<T>) => void,
 *   on: (keys: Array<keyof T>, listen: (changed: Set<keyof T>) => void) => void}}
 */
export function createStore(initial) {
  const state = {...initial};
  const listeners = [];

  /** Change some values; listeners of those that differ are told once, after all of them are in place. */
  function set(patch) {
    const changed = new Set(Object.keys(patch).filter((key) => state[key] !== patch[key]));
    if (!changed.size) return;
    for (const key of changed) state[key] = patch[key];
    for (const {keys, listen} of listeners) {
      if (keys.some((key) => changed.has(key))) listen(changed);
    }
  }

  /** Be told when one of some values has changed. */
  function on(keys, listen) {
    listeners.push({keys, listen});
  }

  return {state, set, on};
}

/**
 * Work that wants the next animation frame, each piece at most once per frame, in order of priority. Work that is asked
 * for by other work runs in the same frame, so that a move of the hand never takes two.
 * @param {AbortSignal} signal after which nothing runs any more
 */
export function createBeat(signal) {
  const waiting = new Map();
  let done = null;
  let asked = 0;
  signal.addEventListener('abort', () => cancelAnimationFrame(asked));

  function next() {
    const ready = [...waiting].filter(([piece]) => !done.has(piece));
    return ready.sort((a, b) => a[1] - b[1])[0]?.[0];
  }

  function run() {
    asked = 0;
    done = new Set();
    for (let piece = next(); piece && !signal.aborted; piece = next()) {
      waiting.delete(piece);
      done.add(piece);
      piece();
    }
    done = null;
    if (waiting.size) ask();
  }

  function ask() {
    if (!asked && !signal.aborted) asked = requestAnimationFrame(run);
  }

  /** @param {() => void} piece @param {number} [priority] smaller runs first */
  return function beat(piece, priority = 0) {
    waiting.set(piece, priority);
    if (!done) ask();
  };
}
