/**
 * Where a studio gets its data from. A notebook may bring another object with the same methods.
 */

import {unpack, unpackLayers} from './decode.js';

const GONE = 'The server does not answer: is `deglare app` still running? Start it again, then reload this page.';

/** A sentence for the visitor, and the status that came with it. */
export class SourceError extends Error {
  /** @param {string} sentence @param {number} status 0 where nothing answered at all */
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

/**
 * The read-only routes beside Gradio.
 *
 * @param {string} base address of the app without a slash at its end; '' is the page's own
 * @param {string} runId
 */
export function overHttp(base, runId) {
  const root = `${base}/studio/${encodeURIComponent(runId)}`;
  let version;

  const get = (path, query = {}, signal = undefined) =>
    ask(`${root}/${path}${asQuery({...query, v: version})}`, signal);
  const json = async (...request) => (await get(...request)).json();
  const bytes = async (...request) => (await get(...request)).arrayBuffer();

  return {
    /** Never from a cache: it names the version that everything else is asked for with. */
    async manifest() {
      const manifest = await (await ask(`${root}/manifest`)).json();
      version = manifest.version;
      return manifest;
    },
    /** @returns {Promise<import('./decode.js').Layers>} */
    layers: async (frame, teacher, signal) => unpackLayers(await bytes(`frames/${frame}/layers`, {teacher}, signal)),
    curves: (teacher, signal) => json('curves', {teacher}, signal),
    point: (query, signal) => json('point', query, signal),
    why: (query, signal) => json('why', query, signal),
    pick: ({origin, direction, frame}, signal) =>
      json('pick', {o: origin.join(','), d: direction.join(','), frame}, signal),
    mesh: async (of, colour, signal) => unpack(await bytes('mesh', {of, colour}, signal)),
    /** @returns {Promise<Array<{id: string, name: string, frames: number, error: ?string}>>} every open run */
    runs: async () => (await (await ask(`${base}/studio/runs`)).json()).runs,
    /** @param {string} id @returns the same kind of source of another run */
    other: (id) => overHttp(base, id),
  };
}

/** @param {string} url @param {AbortSignal} [signal] @returns {Promise<Response>} */
async function ask(url, signal) {
  let response;
  try {
    response = await fetch(url, {signal});
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new SourceError(GONE, 0);
  }
  if (!response.ok) throw new SourceError(await sentenceOf(response), response.status);
  return response;
}

async function sentenceOf(response) {
  try {
    const body = await response.json();
    if (typeof body.error === 'string') return body.error;
  } catch {
    // no JSON: the status has to do
  }
  return `The server answered ${response.status} (${response.statusText}): reload this page, or look at its log.`;
}

function asQuery(values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value));
  }
  return query.size ? `?${query}` : '';
}
