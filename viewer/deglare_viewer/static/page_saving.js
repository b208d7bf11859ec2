/**
 * Links to whatever is looked at, as files.
 */

import {h} from './dom.js';
import {onView} from './page_events.js';

/**
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

  onView((seen) => {
    view = seen;
    point();
  });
  watch('value', draw);
  draw();
}
