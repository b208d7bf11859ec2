/**
 * Two annotators side by side: how far they agree by surface, and one frame after the other where they do not.
 */

import {button, h} from './dom.js';
import {SETTLED} from './annotate_look.js';
import {createSettling} from './annotate_settle.js';

const number = (value) => (value === null ? '–' : value.toFixed(3));

/**
 * @param {{now: Object, routes: Object, overview: () => Object, signal: AbortSignal, isReadOnly: boolean}} desk
 * @param {{settle: (fields: Object) => void, as: (name: ?string, frame: string) => void}} acts
 */
export function createAgreeing(desk, acts) {
  const {routes, overview} = desk;
  const [one, other] = ['first annotator', 'second annotator'].map((name) => h('select', {'aria-label': name, onchange: ask}));
  const said = h('p', {class: 'quiet', role: 'status'});
  const table = h('div', {class: 'table'});
  const list = h('ul', {class: 'differing'});
  const settling = createSettling(desk, {
    ...acts,
    settled: (frame) => {
      for (const item of list.children) if (item.dataset.frame === frame) item.classList.add('done');
    },
    paint(frame) {
      element.hidden = true;
      acts.as(SETTLED, frame);
    },
  });
  const element = h(
    'div',
    {class: 'agree', hidden: true},
    h('header', {}, h('h2', {}, 'Agreement of'), one, h('span', {}, 'and'), other, said, button('×', 'back to the frames', close, 'icon')),
    h('div', {class: 'left'}, table, h('h3', {}, 'frames that differ'), list),
    settling.element,
  );
  const onKey = (event) => event.key === 'Escape' && !element.hidden && close();
  document.addEventListener('keydown', onKey, {signal: desk.signal});

  function open() {
    const people = overview().annotators;
    for (const [i, select] of [one, other].entries()) {
      const before = people.includes(select.value) ? select.value : people[i];
      select.replaceChildren(...people.map((name) => h('option', {value: name}, name)));
      select.value = before ?? '';
    }
    element.hidden = false;
    return ask();
  }

  function close() {
    element.hidden = true;
  }

  async function ask() {
    const [a, b] = [one.value, other.value];
    table.replaceChildren();
    list.replaceChildren();
    settling.clear();
    said.textContent = 'comparing …';
    try {
      const report = await routes.agreement(a, b);
      if (a === one.value && b === other.value) show(report);
    } catch (error) {
      said.textContent = `${error.message}.`;
    }
  }

  function show({a, b, tolerance_px: tolerance, tags, whole, frames}) {
    said.textContent = `${frames.length} ${frames.length === 1 ? 'frame' : 'frames'} that both looked at; ${tags.same} of ${tags.both} tags are the same`;
    const heads = ['surface', 'IoU', 'boundary F', 'both', `only ${a}`, `only ${b}`];
    const isThere = ([kind, found]) => kind === 'any' || found.both + found.only_a + found.only_b > 0;
    const rows = Object.entries(whole).filter(isThere).map(([kind, found]) => [
      kind === 'any' ? 'any surface' : kind, number(found.iou), number(found.boundary_f), found.both, found.only_a, found.only_b,
    ]);
    table.replaceChildren(
      h(
        'table',
        {},
        h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', {}, text)))),
        h('tbody', {}, ...rows.map((cells) => h('tr', {}, ...cells.map((cell, i) => h(i ? 'td' : 'th', {}, String(cell)))))),
      ),
      h('p', {class: 'quiet'}, `pixels of all these frames; outlines count as met within ${tolerance} px`),
    );
    const settled = overview().settled;
    const differing = frames.filter(({differences, tag_a, tag_b}) => differences.length || tag_a !== tag_b);
    list.replaceChildren(...differing.map((frame) => entry(frame, a, b, settled.includes(frame.frame))));
    if (differing.length) settling.show(differing[0], a, b);
    else settling.say('They agree on every frame that both looked at.');
  }

  function entry(frame, a, b, isDone) {
    const pixels = frame.differences.reduce((sum, one) => sum + one.pixels, 0);
    const words = frame.tag_a === frame.tag_b ? '' : ', tags differ';
    const press = () => settling.show(frame, a, b);
    const item = h('li', {class: isDone ? 'done' : null, 'data-frame': frame.frame});
    item.append(h('button', {type: 'button', onclick: press}, frame.frame, h('span', {}, `${pixels} px${words}`)));
    return item;
  }

  return {element, open, isOpen: () => !element.hidden};
}
