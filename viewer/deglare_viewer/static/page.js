/**
 * The studio's parts inside the Gradio page: what Python says goes in, what the visitor does comes out.
 *
 * Each `attach...` is called from the `js_on_load` of a `gr.HTML` with what Gradio gives it there. The parts speak with
 * each other through events of the document, so that none of them waits for the server.
 */

import {h} from './dom.js';
import {overHttp} from './source.js';
import {VIEW_KEYS} from './view.js';
import {mount} from './viewport.js';

const SEEN = 'deglare:view';
const JUMP = 'deglare:jump';

/** Kinds of events of the element that Python hears, and the Gradio event that carries them. */
const CARRIED = {keep: 'select', apply: 'submit'};

/**
 * The element.
 * @param {{element: HTMLElement, props: Object, trigger: Function, watch: Function}} gradio `props.value` is JSON:
 *   `{n, run, version, says, view}`; another n is another message, another version other labels
 */
export function attachStudio({element, props, trigger, watch}) {
  const place = element.querySelector('.dg-mount');
  let asked = viewOfAddress();
  let mounted = null;
  let run = null;
  let version = null;
  let turn = begin();

  function hear(event) {
    if (event.kind === 'view') announce(event.view);
    else if (event.kind in CARRIED) trigger(CARRIED[event.kind], event);
  }

  /** What Python will say can be guessed: the run of the address, or the first. So something is seen sooner. */
  async function begin() {
    const {runs} = await (await fetch('/studio/runs')).json();
    const open = runs.filter(({error}) => !error);
    const first = open.find(({id}) => id === asked.run) ?? open[0];
    if (first) await show(first.id, {});
  }

  async function follow(told) {
    if (!told.run) clear(told.says);
    else if (told.run !== run) await show(told.run, told.view);
    else {
      if (told.version !== version) await mounted.reload();
      mounted.set(told.view);
    }
    if (told.run) version = told.version;
  }

  function clear(says) {
    mounted?.destroy();
    mounted = run = version = null;
    place.replaceChildren(...(says ? [h('p', {class: 'dg-says'}, says)] : []));
  }

  /** Another run: the page's address speaks of the first, of the others only Python does. */
  async function show(id, view) {
    clear(null);
    run = id;
    const source = overHttp('', id);
    const opened = source.manifest();
    const begun = asked.run === id ? {...asked, ...view} : view;
    asked = {};
    mounted = await mount(place, {
      source: {...source, manifest: once(opened, source.manifest)},
      view: begun,
      onEvent: hear,
      address: true,
    });
    const manifest = await opened.catch(() => null);
    version = manifest?.version ?? null;
    if (manifest) announce({run: id, frame: manifest.frames[mounted.state.frame ?? 0]});
  }

  const listen = () => {
    const told = JSON.parse(props.value);
    if (told.n) turn = turn.catch(() => {}).then(() => follow(told));
  };
  document.addEventListener(JUMP, ({detail}) => mounted?.set(detail));
  watch('value', listen);
  listen();
}

/** Tell the other parts of the page what is looked at. */
function announce(view) {
  document.dispatchEvent(new CustomEvent(SEEN, {detail: view}));
}

/** What was asked for already, and later answers when they are asked for. */
function once(opened, again) {
  let waiting = opened;
  return () => {
    const answer = waiting ?? again();
    waiting = null;
    return answer;
  };
}

/**
 * The list of kept failures.
 * @param {{element: HTMLElement, props: Object, trigger: Function, watch: Function}} gradio `props.value` is JSON:
 *   `{items: [{id, note, query, view}], says, fixed}`; where `fixed` is true nothing can be changed
 */
export function attachKept({element, props, trigger, watch}) {
  const place = element.querySelector('.dg-kept');

  function draw() {
    const {items, says, fixed} = JSON.parse(props.value);
    place.replaceChildren(...items.map((item) => row(item, fixed)), ...(says ? [h('p', {class: 'dg-quiet'}, says)] : []));
  }

  function row({id, note, query, view}, fixed) {
    const link = h('a', {href: `?${query}`, title: 'the address of this view'}, titleOf(view));
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      document.dispatchEvent(new CustomEvent(JUMP, {detail: view}));
    });
    const words = h('input', {type: 'text', value: note, maxlength: 500, placeholder: 'what is wrong here?'});
    words.setAttribute('aria-label', `note on ${titleOf(view)}`);
    words.readOnly = fixed;
    words.addEventListener('change', () => trigger('input', {view, note: words.value}));
    const drop = h('button', {type: 'button', title: 'remove from the list'}, 'remove');
    drop.hidden = fixed;
    drop.addEventListener('click', () => trigger('clear', {run: view.run, id}));
    return h('div', {class: 'dg-kept-row'}, link, words, drop);
  }

  watch('value', draw);
  draw();
}

/** A frame, its pixel and how it was fused, in a few words. */
function titleOf(view) {
  const pixel = view.x === null || view.x === undefined ? '' : ` at ${view.x}, ${view.y}`;
  const alpha = view.alpha === null || view.alpha === undefined ? '' : ` ${view.alpha}`;
  return `${view.frame}${pixel} · ${view.strategy ?? 'labelled'}${alpha}`;
}

/**
 * Links to whatever is looked at, as files.
 * @param {{element: HTMLElement, props: Object, watch: Function}} gradio `props.value` is JSON:
 *   `[{title, what, choices: {NAME: [..]}}]`
 */
export function attachDownloads({element, props, watch}) {
  const place = element.querySelector('.dg-downloads');
  let view = null;
  let rows = [];

  function draw() {
    rows = JSON.parse(props.value).map(rowOf);
    place.replaceChildren(...rows.map((row) => row.element));
    point();
  }

  function rowOf({title, what, choices}) {
    const chosen = Object.fromEntries(Object.entries(choices).map(([name, options]) => [name, options[0]]));
    const selects = Object.entries(choices).map(([name, options]) => {
      const select = h('select', {title: name}, ...options.map((option) => h('option', {value: option}, option)));
      select.setAttribute('aria-label', `${title}: ${name}`);
      select.addEventListener('change', () => {
        chosen[name] = select.value;
        point();
      });
      return select;
    });
    const link = h('a', {class: 'dg-save', download: ''}, 'save');
    return {what, chosen, link, element: h('div', {class: 'dg-download'}, h('span', {}, title), ...selects, link)};
  }

  function point() {
    for (const {what, chosen, link} of rows) {
      if (!view) {
        link.removeAttribute('href');
        continue;
      }
      const query = new URLSearchParams({name: view.frame, ...(view.teacher && {teacher: view.teacher}), ...chosen});
      link.href = `/studio/${encodeURIComponent(view.run)}/download/${what}?${query}`;
    }
  }

  document.addEventListener(SEEN, ({detail}) => {
    view = detail;
    point();
  });
  watch('value', draw);
  draw();
}

/** What the page's address asks for. */
function viewOfAddress() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(VIEW_KEYS.filter((key) => query.has(key)).map((key) => [key, query.get(key)]));
}
