/**
 * The tab on which visitors bring a clip: what it will take, how far it is, what was found.
 *
 * Whose clips are whose is known to the browser alone: it keeps their ids, which nobody can guess.
 */

import {h} from './dom.js';
import {bringing} from './films_bring.js';
import {ask, query} from './films_asking.js';
import {stageOf} from './films_stage.js';

const KEPT = 'deglare.films';
const MOST_KEPT = 12;
const SOON_MS = 1000;
const LATER_MS = 4000;
const UNDER_WAY = ['waiting', 'working', 'stopping'];

/**
 * @param {{element: HTMLElement, props: Object, trigger: Function}} gradio `props.value` is JSON:
 *   `{suffixes, seconds, kept, bytes}`, what the studio takes and how long it keeps it
 */
export function attachFilms({element, props, trigger}) {
  const place = element.querySelector('.dg-films');
  const offer = JSON.parse(props.value);
  const stage = h('section', {class: 'stage', 'aria-live': 'polite'});
  const list = h('nav', {class: 'own', 'aria-label': 'your clips'});
  const bring = bringing(offer, {onFile: take, onWishes: wish});
  let kept = read();
  let told = null;
  let shown = null;
  let clock = null;
  let turn = 0;

  const acts = {
    start: () => act(`start?${query(bring.wishes())}`),
    stop: () => act('stop'),
    remove: () => act('delete'),
    look: () => trigger('select', {id: told.id, ids: kept.ids}),
  };

  /** Draw what is known; a stage of the same clip and kind is brought up to date and stays where it is. */
  function draw(next) {
    const was = told;
    told = next;
    const key = `${next?.id}/${next?.state}/${next?.says ?? ''}`;
    if (shown?.key !== key) {
      shown = {key, ...stageOf(next, acts, offer)};
      stage.replaceChildren(shown.element);
    } else shown.update(next);
    bring.follow(next);
    mark();
    if (next?.state === 'done' && was && was.id === next.id && was.state !== 'done') trigger('input', {});
    wait();
  }

  function mark() {
    list.replaceChildren(
      ...(kept.ids.length > 1 || (kept.ids.length && !told?.id) ? kept.ids.map((id) => chip(id)) : []),
    );
  }

  function chip(id) {
    const name = kept.names[id] || 'a clip';
    const press = () => show(id);
    return h('button', {type: 'button', class: id === told?.id ? 'now' : null, title: name, onclick: press}, name);
  }

  function wait() {
    clearTimeout(clock);
    if (!UNDER_WAY.includes(told?.state)) return;
    clock = setTimeout(() => (document.hidden ? wait() : refresh()), place.offsetParent ? SOON_MS : LATER_MS);
  }

  async function refresh() {
    await hear(`/${told.id}`, {}, told.id);
  }

  /** What an answer says is drawn, unless the visitor went on meanwhile. */
  async function hear(path, options, id) {
    const mine = ++turn;
    try {
      const next = await ask(path, options);
      if (mine !== turn) return;
      if (next.state === 'deleted') forget(id);
      else draw(keep(next));
    } catch (error) {
      if (mine !== turn) return;
      if (error.status === 404) forget(id, error.message);
      else if (told?.id === id && shown?.refuse) shown.refuse(error.message);
      else draw({state: 'refused', says: error.message});
      wait();
    }
  }

  const show = (id) => hear(`/${id}`, {}, id);
  const act = (what) => hear(`/${told.id}/${what}`, {method: 'POST'}, told.id);

  function wish(wishes) {
    if (told?.state === 'planned') hear(`/${told.id}?${query(wishes)}`, {}, told.id);
  }

  async function take(file) {
    const mine = ++turn;
    if (file.size > offer.bytes) {
      draw({state: 'refused', says: `${file.name} has ${inMb(file.size)}, and at most ${inMb(offer.bytes)} are taken here: cut it first.`});
      return;
    }
    const wishes = bring.wishes();
    let coming = null;
    const leave = () => coming?.abort();
    const say = (share) => mine === turn && draw({state: 'coming', id: null, name: file.name, share});
    acts.leave = leave;
    say(0);
    try {
      coming = bring.send(file, say);
      const next = await coming.answer;
      if (mine !== turn) {
        keep(next, kept.shown); // the visitor looks at another one meanwhile
        mark();
        return;
      }
      draw(keep(next));
      bring.fill(wishes);
      wish(wishes);
    } catch (error) {
      if (mine === turn) draw(error.isLeft ? null : {state: 'refused', says: error.message});
    }
  }

  function keep(next, seen = next.id) {
    const ids = kept.ids.includes(next.id) ? kept.ids : [next.id, ...kept.ids].slice(0, MOST_KEPT);
    const names = {...kept.names, [next.id]: next.name};
    write({ids, names: Object.fromEntries(ids.map((id) => [id, names[id] ?? ''])), shown: seen});
    return next;
  }

  function forget(id, says = null) {
    const {[id]: _, ...names} = kept.names;
    write({ids: kept.ids.filter((one) => one !== id), names, shown: null});
    trigger('input', {});
    draw(says ? {state: 'refused', says} : null);
  }

  function write(next) {
    kept = next;
    try {
      localStorage.setItem(KEPT, JSON.stringify(next));
    } catch {
      // a browser that keeps nothing forgets its clips when the page is closed
    }
  }

  loadStyle();
  place.append(bring.element, h('div', {class: 'side'}, list, stage));
  draw(null);
  if (kept.ids.length) show(kept.ids.includes(kept.shown) ? kept.shown : kept.ids[0]);
}

const inMb = (bytes) => `${Math.ceil(bytes / 1e6)} MB`;

/** The style sheet beside this file, once for a page. */
function loadStyle() {
  const href = new URL('films.css', import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return;
  document.head.append(h('link', {rel: 'stylesheet', href}));
}

/** What this browser keeps: `{ids, names: {ID: name}, shown}`, the newest first. */
function read() {
  try {
    const {ids, names, shown} = JSON.parse(localStorage.getItem(KEPT)) ?? {};
    return {ids: Array.isArray(ids) ? ids : [], names: names ?? {}, shown: shown ?? null};
  } catch {
    return {ids: [], names: {}, shown: null};
  }
}
