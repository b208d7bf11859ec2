/**
 * Who marks: asked once, kept in the browser.
 */

import {h} from './dom.js';
import {SETTLED} from './annotate_look.js';

const KEPT = 'deglare.annotator';
const LONGEST = 80;

export const knownName = () => localStorage.getItem(KEPT) ?? '';

/** @param {(name: string) => void} named @returns {HTMLElement} a form over the picture */
export function askName(named) {
  const field = h('input', {type: 'text', maxlength: LONGEST, autocomplete: 'name', 'aria-label': 'your name', value: knownName()});
  const fault = h('p', {class: 'fault'});
  const send = (event) => {
    event.preventDefault();
    const name = field.value.trim();
    if (!name) fault.textContent = 'A name is needed: marks are kept under it.';
    else if (name === SETTLED) fault.textContent = 'Under this name stands what was agreed on: take another.';
    else {
      localStorage.setItem(KEPT, name);
      named(name);
    }
  };
  const form = h(
    'form',
    {class: 'who', onsubmit: send},
    h('h2', {}, 'Who marks?'),
    h('p', {class: 'quiet'}, 'Your marks are kept under this name beside the run, and compared with those of others.'),
    h('div', {class: 'row'}, field, h('button', {class: 'go'}, 'begin')),
    fault,
  );
  setTimeout(() => field.focus());
  return form;
}
