/**
 * The element in the page: which run it shows is Python's to say, what is seen in it the address's.
 */

import {h} from './dom.js';
import {announce, onJump} from './page_events.js';
import {overHttp} from './source.js';
import {VIEW_KEYS} from './view.js';
import {mount} from './viewport.js';

/** Kinds of events of the element that Python hears, and the Gradio event that carries them. */
const CARRIED = {keep: 'select', apply: 'submit', mine: 'submit'};

/**
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
    const first = asked.run ? open.find(({id}) => id === asked.run) : open[0]; // one that is not listed is Python's to say
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
    const begun = (asked.run ?? id) === id ? {...asked, ...view} : view;
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
  onJump((view) => mounted?.set(view));
  watch('value', listen);
  listen();
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

/** What the page's address asks for. */
function viewOfAddress() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(VIEW_KEYS.filter((key) => query.has(key)).map((key) => [key, query.get(key)]));
}
