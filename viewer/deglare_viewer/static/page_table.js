/**
 * A table that sorts by any column; where its rows are frames, a row leads there.
 */

import {h, isNumber} from './dom.js';
import {jump, onView} from './page_events.js';

/**
 * @param {{element: HTMLElement, props: Object, watch: Function}} gradio `props.value` is JSON:
 *   `{columns: [{title, hint, digits, signed}], rows: [[cell, ..]], by, down, leads}`. A cell is a text, a number, null,
 *   or `[number, hint]`; `by` is the column it is sorted by at first, null for the order given; where `leads` is true
 *   the first cell names a frame.
 */
export function attachTable({element, props, watch}) {
  const head = h('thead');
  const body = h('tbody');
  element.querySelector('.dg-table').replaceChildren(h('table', {}, head, body));
  let told = {columns: [], rows: []};
  let frame = null;

  function take() {
    told = JSON.parse(props.value);
    draw();
  }

  function draw() {
    head.replaceChildren(h('tr', {}, ...told.columns.map(headCell)));
    body.replaceChildren(...sorted(told).map(row));
    mark();
  }

  function headCell({title, hint}, place) {
    const isIt = told.by === place;
    const press = () => {
      told = {...told, by: place, down: isIt ? !told.down : true};
      draw();
    };
    const button = h('button', {type: 'button', title: hint, onclick: press}, title, isIt ? (told.down ? ' ↓' : ' ↑') : '');
    const order = isIt ? (told.down ? 'descending' : 'ascending') : null;
    const isText = typeof told.rows[0]?.[place] === 'string';
    return h('th', {scope: 'col', 'aria-sort': order, class: isText ? 'text' : null}, button);
  }

  function row(cells) {
    const [name] = cells;
    const shown = cells.map((cell, place) => cellOf(cell, told.columns[place]));
    if (!told.leads) return h('tr', {}, ...shown);
    const go = () => jump({frame: name});
    const enter = (event) => event.key === 'Enter' && go();
    return h('tr', {class: 'leads', tabindex: 0, 'data-frame': name, title: 'Go to this frame', onclick: go, onkeydown: enter}, ...shown);
  }

  function mark() {
    for (const one of body.querySelectorAll('[data-frame]')) one.classList.toggle('now', one.dataset.frame === frame);
  }

  onView((view) => {
    frame = view.frame;
    mark();
  });
  watch('value', take);
  take();
}

function cellOf(cell, {digits, signed}) {
  const [value, hint] = Array.isArray(cell) ? cell : [cell, null];
  if (typeof value === 'string') return h('th', {scope: 'row'}, value);
  if (!isNumber(value)) return h('td', {}, '–');
  const text = Math.abs(value).toFixed(digits);
  const sign = value < 0 ? '−' : signed ? '+' : '';
  return h('td', {title: hint}, sign + text);
}

/** Rows in the order that is asked for; what has no number comes last. */
function sorted({rows, by, down}) {
  if (by === null || by === undefined) return rows;
  const key = (cells) => (Array.isArray(cells[by]) ? cells[by][0] : cells[by]);
  const there = rows.filter((cells) => key(cells) !== null);
  there.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (down ? -1 : 1));
  return [...there, ...rows.filter((cells) => key(cells) === null)];
}
