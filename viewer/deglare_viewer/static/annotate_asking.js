/**
 * What the tab of annotations asks of the server; a refusal is an error whose message is the server's sentence.
 */

const GONE = 'the studio does not answer: is it still running?';

/** @param {string} run @returns the routes of its annotations */
export function routesOf(run) {
  const root = `/studio/${encodeURIComponent(run)}/annotations`;
  const at = (path, query) => `${root}${path}${asQuery(query)}`;
  const inFrame = (frame, what = '') => `/frames/${encodeURIComponent(frame)}${what}`;

  return {
    overview: (annotator) => ask(at('', {annotator})),
    queue: (annotator, first) => ask(at('/queue', {annotator, first})),
    frame: (frame, annotator) => ask(at(inFrame(frame), {annotator})),
    suspects: (frame, annotator) => ask(at(inFrame(frame, '/suspects'), {annotator})),
    pair: (frame, a, b) => ask(at(inFrame(frame, '/pair'), {a, b})),
    agreement: (a, b) => ask(at('/agreement', {a, b})),
    subset: (annotator) => ask(at('/subset', {annotator})),
    picture: (frame, version) => at(inFrame(frame, '/picture'), {v: version}),
    file: (form, query) => at(`/export/${form}`, query),
    /** @param {Object} fields `{do, annotator, frame, ...}` @returns the frame as it is kept then */
    act: (fields) => ask(at('/do'), {method: 'POST', body: JSON.stringify(fields), headers: JSON_TYPE}),
    bring: (file, query) => ask(at('/import', {name: file.name, ...query}), {method: 'POST', body: file}),
  };
}

const JSON_TYPE = {'Content-Type': 'application/json'};

/** An error with the status that came with it, 0 where nothing answered at all. */
async function ask(url, options = {}) {
  let answer;
  let body;
  try {
    answer = await fetch(url, options);
    body = await answer.json();
  } catch {
    throw Object.assign(new Error(GONE), {status: answer?.ok ? 0 : (answer?.status ?? 0)});
  }
  if (!answer.ok) throw Object.assign(new Error(body.error ?? GONE), {status: answer.status});
  return body;
}

function asQuery(values = {}) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return given.length ? `?${new URLSearchParams(given)}` : '';
}
