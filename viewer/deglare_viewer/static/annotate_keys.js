/**
 * The keyboard of the tab, and the sheet that lists it.
 */

import {button, h} from './dom.js';
import {SURFACES, TAGS, TOOLS} from './annotate_look.js';

const FIELDS = 'input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable=true], [role=listbox]';

const KEYS = [
  ['1 2 3 4', 'tag reflective, not, unsure, waste: saved, and on to the next of the queue'],
  ['n', 'next of the queue without a tag'],
  ['← →', 'frame before, after; with shift ten'],
  ['b p e', 'brush, polygon, erase'],
  ['5 … 9', 'glossy, mirror, screen, glass, wet'],
  ['[ ]', 'brush smaller, larger'],
  ['ctrl z', 'undo, wherever it was; with shift redo'],
  ['c', 'carry what is marked here to every frame that sees it'],
  ['a', 'accept the proposal, and on to the next'],
  ['shift a', 'accept all proposals of the same origin'],
  ['x', 'reject the proposal'],
  ['w', 'next frame where a proposal waits'],
  ['u', 'propose what the teachers are unsure of'],
  ['t', 'show truth that is suspect'],
  ['h', 'hold: the bare picture'],
  ['m', 'the mesh, to be painted on, and back'],
  ['0', 'whole picture, whole mesh'],
  ['esc', 'take back: polygon, dialog'],
];

const HANDS = [
  ['drag', 'paint or erase; over a proposal: take it as it is mended'],
  ['click', 'a corner of a polygon; on the first one, twice, or enter: closed'],
  ['wheel', 'zoom to the pointer'],
  ['space drag', 'move the picture; also with the middle or right button'],
  ['on the mesh', 'drag paints; the right button turns, with shift moves; the wheel comes nearer'],
  ['strip', 'click: that frame'],
];

/** @param {HTMLElement} element @param {Object} acts @param {() => boolean} isOpen a dialog @param {AbortSignal} signal */
export function attachKeys(element, acts, isOpen, signal) {
  const pressed = {
    ArrowLeft: (event) => acts.step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => acts.step(event.shiftKey ? 10 : 1),
    n: () => acts.skip(),
    '[': () => acts.size(-1),
    ']': () => acts.size(1),
    c: () => acts.carry(),
    a: () => acts.accept(),
    A: () => acts.acceptAll(),
    x: () => acts.reject(),
    w: () => acts.waiting(),
    u: () => acts.start(),
    t: () => acts.suspects(),
    m: () => acts.mesh(),
    h: () => acts.hide(true),
    0: () => acts.whole(),
    ' ': () => acts.space(),
    Enter: () => acts.close(),
    Backspace: () => acts.back(),
    Escape: () => acts.escape(),
    '?': () => acts.help(),
    ...Object.fromEntries(TAGS.map(({key, name}) => [key, () => acts.tag(name)])),
    ...Object.fromEntries(SURFACES.map(({key, name}) => [key, () => acts.choose({surface: name})])),
    ...Object.fromEntries(TOOLS.map(({key, name}) => [key, () => acts.choose({tool: name})])),
  };
  const HELD = ['[', ']', 'ArrowLeft', 'ArrowRight', ' ', 'h'];

  function isOurs(event) {
    if (event.defaultPrevented || event.altKey || isOpen() || !element.checkVisibility()) return false;
    const target = event.composedPath()[0];
    if (!(target instanceof Element)) return true;
    if (target.closest(FIELDS)) return false;
    const isOnButton = target.closest('button, a, summary, [role=tab]');
    return !(isOnButton && (event.key === ' ' || event.key === 'Enter')) && !(event.key.startsWith('Arrow') && target.closest('[role=tab]'));
  }

  function work(event) {
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() === 'z') return event.shiftKey ? acts.redo : acts.undo;
      return event.key === 'y' ? acts.redo : null;
    }
    return event.repeat && !HELD.includes(event.key) ? () => {} : pressed[event.key];
  }

  const down = (event) => {
    const found = isOurs(event) && work(event);
    if (!found) return;
    event.preventDefault();
    found(event);
  };
  document.addEventListener('keydown', down, {signal});
  document.addEventListener('keyup', (event) => event.key === 'h' && acts.hide(false), {signal});
  window.addEventListener('blur', () => acts.hide(false), {signal});
  element.addEventListener('click', (event) => event.detail > 0 && event.target.closest('button')?.blur(), {signal});
}

/** The list of keys as a dialog. */
export function createSheet() {
  const sheet = h('dialog', {class: 'help', 'aria-label': 'Keys and hands'});
  const list = (rows, tag) =>
    h('dl', {}, ...rows.flatMap(([name, what]) => [h('dt', {}, h(tag, {}, name)), h('dd', {}, what)]));
  const close = button('×', 'Close', () => sheet.close(), 'icon');
  sheet.append(h('header', {}, h('h2', {}, 'Keys and hands'), close), list(KEYS, 'kbd'), list(HANDS, 'b'));
  sheet.addEventListener('click', (event) => event.target === sheet && sheet.close());
  return sheet;
}
