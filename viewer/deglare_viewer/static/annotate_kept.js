/**
 * What is not saved yet, kept in the browser as well: a page that is reloaded while the server is away loses nothing.
 *
 * Each page has a place of its own. What another page left behind and nobody looks after any more is taken over.
 */

const PREFIX = 'deglare.unsaved';
const PAGE = 'deglare.page';
const BEAT_MS = 4000;
const LEFT_MS = 15_000;

/** @param {string} run */
export function createKept(run) {
  const own = `${PREFIX}/${run}/${pageId()}`;
  let items = [];
  let timer = 0;

  function write() {
    clearTimeout(timer);
    try {
      if (!items.length) localStorage.removeItem(own);
      else {
        localStorage.setItem(own, JSON.stringify({at: Date.now(), items}));
        timer = setTimeout(write, BEAT_MS); // says that somebody looks after them
      }
      return true;
    } catch {
      return false; // full or forbidden: they stay on this page
    }
  }

  return {
    /** @param {Object[]} next @returns {boolean} whether the browser keeps them */
    put(next) {
      items = next;
      return write();
    },
    /** What was left behind here, on this page before it was reloaded or on one that is closed. @returns {Object[]} */
    found() {
      const left = [];
      for (const key of Object.keys(localStorage).filter((name) => name.startsWith(`${PREFIX}/${run}/`))) {
        const kept = read(key);
        if (key !== own && Date.now() - kept.at < LEFT_MS) continue;
        left.push(...kept.items);
        if (key !== own) localStorage.removeItem(key);
      }
      return left;
    },
    close: () => clearTimeout(timer),
  };
}

function read(key) {
  try {
    const {at, items} = JSON.parse(localStorage.getItem(key));
    return {at: Number(at) || 0, items: Array.isArray(items) ? items : []};
  } catch {
    return {at: 0, items: []};
  }
}

function pageId() {
  const known = sessionStorage.getItem(PAGE);
  if (known) return known;
  const made = Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join('');
  sessionStorage.setItem(PAGE, made);
  return made;
}
