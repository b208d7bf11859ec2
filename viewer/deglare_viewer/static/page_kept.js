/**
 * The list of kept failures: links that open the same view again, notes, and a way to remove them.
 */

import {h} from './dom.js';
import {jump} from './page_events.js';

/**
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
      jump(view);
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
