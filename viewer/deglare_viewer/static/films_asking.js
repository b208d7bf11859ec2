/**
 * What the tab of clips asks of the server; a refusal is an error whose message is the server's sentence.
 */

const AT = '/studio/films';
const GONE = 'the studio does not answer: is it still running?';

/** @param {string} path below the clips @param {RequestInit} [options] */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(AT + path, options);
  } catch {
    throw new Error(GONE);
  }
  return heard(answer.status, await answer.text());
}

/** Where a file of a clip lies. @param {string} id @param {string} name */
export const fileAt = (id, name) => `${AT}/${id}/files/${name}`;

/**
 * Send a file; `answer` is a promise of what the server says.
 * @param {File} file @param {(share: number) => void} say how much of it is there, 1 when all is
 */
export function send(file, say) {
  const request = new XMLHttpRequest();
  const answer = new Promise((done, fail) => {
    request.open('POST', `${AT}?${new URLSearchParams({name: file.name})}`);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = ({loaded, total}) => say(total ? loaded / total : 0);
    request.onabort = () => fail(Object.assign(new Error('left'), {isLeft: true}));
    request.onerror = () => fail(new Error('the clip did not get through: is it too large, or the studio gone?'));
    request.onload = () => {
      try {
        done(heard(request.status, request.responseText));
      } catch (error) {
        fail(error);
      }
    };
    request.send(file);
  });
  return {answer, abort: () => request.abort()};
}

/** What a visitor decides, as a query. @param {Object<string, *>} wishes */
export function query(wishes) {
  const given = Object.entries(wishes).filter(([, value]) => value !== null && value !== false);
  return new URLSearchParams([['plans', 'true'], ...given.map(([name, value]) => [name, String(value)])]);
}

function heard(status, text) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    throw Object.assign(new Error(GONE), {status});
  }
  if (status >= 400) throw Object.assign(new Error(body.error ?? GONE), {status});
  return body;
}
