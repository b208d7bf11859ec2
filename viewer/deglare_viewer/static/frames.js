/**
 * Frames near the one that is looked at: fetched ahead, kept for a while, dropped in order of use.
 */

const KEEP = 24;
const AT_ONCE = 4;

/** How far ahead and behind, in the order of asking. The direction of travel comes first. */
const AROUND = [1, 2, -1, 3, 4, -2, 5];

/**
 * @param {(frame: number, signal: AbortSignal) => Promise<import('./decode.js').Layers>} fetchLayers
 * @param {number} count of frames
 * @param {AbortSignal} over after which nothing is fetched
 */
export function createFrames(fetchLayers, count, over) {
  /** @type {Map<number, {layers?: Object, error?: Error, ready: Promise<void>, abort: AbortController}>} */
  let kept = new Map();
  let wanted = {frame: -1, direction: 1};
  let fetched = 0;
  over.addEventListener('abort', () => forget());

  /** The frames worth having now, the wanted one first. */
  function list() {
    const {frame, direction} = wanted;
    const near = [frame, ...AROUND.map((step) => frame + step * direction)];
    return near.filter((one) => one >= 0 && one < count);
  }

  function begin(frame) {
    const abort = new AbortController();
    const entry = {abort, ready: null};
    fetched += 1;
    entry.ready = fetchLayers(frame, abort.signal).then(
      (layers) => void (entry.layers = layers),
      (error) => {
        entry.error = error;
        if (kept.get(frame) === entry) kept.delete(frame); // asked for again, it is tried again
      },
    );
    entry.ready.then(() => !abort.signal.aborted && pump());
    kept.set(frame, entry);
    return entry;
  }

  /** Fetch what is missing, nearest first, a few at a time. What fails in the background is left alone. */
  function pump() {
    if (over.aborted) return;
    const near = list();
    const busy = [...kept.values()].filter((entry) => !entry.layers).length;
    const missing = near.filter((frame) => !kept.has(frame) && frame !== wanted.frame);
    missing.slice(0, Math.max(0, AT_ONCE - busy)).forEach(begin);
  }

  /** Leave the requests that nobody waits for any more, and the frames that were not used for long. */
  function tidy() {
    const near = new Set(list());
    for (const [frame, entry] of kept) {
      if (!entry.layers && !near.has(frame)) {
        kept.delete(frame);
        entry.abort.abort();
      }
    }
    for (const frame of kept.keys()) {
      if (kept.size <= KEEP) break;
      if (!near.has(frame)) kept.delete(frame);
    }
  }

  /**
   * The layers of a frame. Its neighbours are fetched too.
   * @param {number} frame @param {number} [direction] 1 or -1: where the visitor is going
   */
  async function want(frame, direction = 1) {
    wanted = {frame, direction};
    tidy();
    const entry = kept.get(frame) || begin(frame);
    kept.delete(frame); // the most recently used one is the last
    kept.set(frame, entry);
    if (entry.layers) pump();
    else await entry.ready;
    if (entry.error) throw entry.error;
    return entry.layers;
  }

  /** Drop everything: the run or the teacher has changed. */
  function forget() {
    const old = kept;
    kept = new Map();
    for (const entry of old.values()) if (!entry.layers) entry.abort.abort();
  }

  return {
    want,
    forget,
    /** @returns {?Object} layers that are there already */
    have: (frame) => kept.get(frame)?.layers ?? null,
    /** Numbers for tests. */
    counts: () => ({kept: kept.size, fetched}),
  };
}
