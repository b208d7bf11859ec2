/**
 * Pictures and marks of frames: fetched ahead, so that the next frame is there when a key is pressed.
 */

import {maskOf, surfacesOf} from './annotate_rasters.js';

const MOST = 48;

/**
 * @typedef {Object} Known
 * @property {?HTMLImageElement} picture @property {?Object} state as the server said it
 * @property {?Uint8Array} base surfaces that are saved @property {?Uint8Array} excluded
 * @property {Array<{seq: number, origin: string, visible_share: ?number, mask: Uint8Array}>} proposals
 */

/**
 * @param {ReturnType<typeof import('./annotate_asking.js').routesOf>} routes @param {string} version
 * @param {Object<string, number>} codes of surfaces @param {(frame: string) => void} arrived
 */
export function createFrames(routes, version, codes, arrived) {
  /** @type {Map<string, Known>} */
  let known = new Map();
  let who = '';

  function entry(frame) {
    const one = known.get(frame) ?? {picture: null, state: null, base: null, excluded: null, proposals: []};
    known.delete(frame);
    known.set(frame, one);
    if (known.size > MOST) known.delete(known.keys().next().value);
    return one;
  }

  async function fetchPicture(frame, one) {
    if (one.picture || one.coming) return;
    const picture = new Image();
    one.coming = true;
    try {
      picture.src = routes.picture(frame, version);
      await picture.decode();
      one.picture = picture;
      one.fault = null;
      arrived(frame);
    } catch {
      one.fault = `the picture of frame ${frame} could not be read: reload the page, or label the run again`;
      arrived(frame);
    } finally {
      one.coming = false;
    }
  }

  async function fetchState(frame, annotator) {
    const state = await routes.frame(frame, annotator).catch(() => null); // what cannot be asked now is asked again
    if (state && annotator === who) put(state);
  }

  /** Take in what the server says of a frame; what it said later of the same frame counts. */
  function put(state) {
    const one = entry(state.frame);
    if (one.state && one.state.last_seq > state.last_seq) return;
    one.state = state;
    one.base = surfacesOf(state.mask, codes);
    one.excluded = maskOf(state.excluded, state.mask.size_hw);
    one.proposals = state.proposals.map((proposal) => ({...proposal, mask: surfacesOf(proposal.mask, codes)}));
    arrived(state.frame);
  }

  return {
    put,
    get: (frame) => known.get(frame) ?? null,
    /** Have a frame; what is there already is asked for again, in case others changed it. */
    want(frame) {
      const one = entry(frame);
      fetchPicture(frame, one);
      fetchState(frame, who);
    },
    /** Have marks that have no picture: those on the mesh. */
    wantMarks(name) {
      entry(name);
      fetchState(name, who);
    },
    /** Have some frames soon. @param {string[]} frames */
    ahead(frames) {
      for (const frame of frames) {
        const one = entry(frame);
        fetchPicture(frame, one);
        if (!one.state) fetchState(frame, who);
      }
    },
    /** Whose marks are meant; pictures stay. */
    belong(annotator) {
      who = annotator;
      known = new Map([...known].map(([frame, {picture}]) => [frame, {picture, state: null, base: null, excluded: null, proposals: []}]));
    },
    /** Marks are asked for anew when they are next needed. */
    forget() {
      for (const one of known.values()) one.state = null;
    },
  };
}
