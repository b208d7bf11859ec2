/**
 * The tab of annotations: which run it shows is Python's to say, who marks is the browser's to remember.
 */

import {h} from './dom.js';
import {routesOf} from './annotate_asking.js';
import {openDesk} from './annotate_desk.js';

/**
 * @param {{element: HTMLElement, props: Object, watch: Function}} gradio `props.value` is JSON:
 *   `{n, run, version, says, is_read_only}`
 */
export function attachAnnotate({element, props, watch}) {
  const place = element.querySelector('.dg-annotate');
  let desk = null;
  let key = null;
  let turn = Promise.resolve();
  styled();

  async function follow(told) {
    const next = told.run && `${told.run}@${told.version}`;
    if (next === key && desk) return;
    desk?.close();
    desk = null;
    key = next;
    if (!told.run) return say(told.says);
    try {
      desk = await openDesk(place, told.run, routesOf(told.run), told.is_read_only);
    } catch (error) {
      say(`${error.message}.`);
      place.append(h('button', {type: 'button', class: 'again', onclick: () => listen()}, 'try again'));
    }
  }

  const say = (text) => place.replaceChildren(...(text ? [h('p', {class: 'says'}, text)] : []));
  const listen = () => {
    const told = JSON.parse(props.value);
    if (told.n) turn = turn.then(() => follow(told));
  };
  watch('value', listen);
  listen();
}

function styled() {
  const href = new URL('./annotate.css', import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return;
  document.head.append(h('link', {rel: 'stylesheet', href}));
}
