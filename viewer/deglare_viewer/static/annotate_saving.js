/**
 * What was done goes to the server one after the other, and is called saved only when the server says so.
 *
 * What cannot be saved stays first in line, with the sentence why. Where no server answers it is tried again by itself.
 */

import {createKept} from './annotate_kept.js';

const AGAIN_MS = 2500;

/** Deeds that are somebody's work: they are kept until they are saved, or dropped by hand. */
const WORK = ['stroke', 'correct', 'tag'];

/**
 * @param {string} run @param {ReturnType<typeof import('./annotate_asking.js').routesOf>} routes
 * @param {{answered: (state: Object, item: Object) => void, refused: (sentence: string, item: Object) => void,
 *   changed: () => void}} told
 */
export function createSaving(run, routes, told) {
  const kept = createKept(run);
  let items = kept.found().map((item) => ({...item, again: true})); // perhaps they got through
  let fault = null;
  let isKept = true;
  let isUnderWay = false;
  let isClosed = false;
  let saved = 0;
  let timer = 0;

  function keep() {
    isKept = kept.put(items.filter((item) => WORK.includes(item.do)));
    told.changed();
  }

  async function send() {
    clearTimeout(timer);
    if (isUnderWay || isClosed) return;
    isUnderWay = true;
    fault = null;
    while (items.length && !fault && !isClosed) await sendFirst(items[0]);
    isUnderWay = false;
    if (!isClosed) told.changed();
  }

  async function sendFirst(item) {
    told.changed();
    try {
      const state = await routes.act(item);
      if (isClosed) return;
      items = items.filter((one) => one !== item);
      saved += 1;
      keep();
      told.answered(state, item);
    } catch (error) {
      if (isClosed) return;
      item.again = true; // it may be there all the same
      const isAway = error.status === 0 || error.status >= 500;
      if (!isAway && !WORK.includes(item.do)) {
        items = items.filter((one) => one !== item);
        told.refused(error.message, item);
      } else {
        fault = {sentence: error.message, isAway, item};
        if (isAway) timer = setTimeout(send, AGAIN_MS);
      }
      keep();
    }
  }

  return {
    /** @param {Object} item `{do, annotator, frame, ...}` */
    add(item) {
      items = [...items, item];
      keep();
      if (!fault) send();
    },
    retry: send,
    /** Give up what cannot be saved. */
    drop() {
      items = items.filter((one) => one !== fault?.item);
      fault = null;
      keep();
      send();
    },
    /** Strokes of a frame that are not saved yet, in order; some of them mend a proposal. @returns {Object[]} items */
    strokes: (annotator, frame) => items.filter((item) => item.stroke && item.frame === frame && item.annotator === annotator),
    /** Numbers of the proposals that they mend. */
    mended: (annotator, frame) =>
      new Set(items.filter((item) => item.do === 'correct' && item.frame === frame && item.annotator === annotator).map(({proposal}) => proposal)),
    tags: (annotator) => items.filter((item) => item.do === 'tag' && item.annotator === annotator),
    standing: () => ({waiting: items.length, first: items[0] ?? null, fault, saved, isKept}),
    close() {
      isClosed = true;
      clearTimeout(timer);
      kept.close();
    },
  };
}
