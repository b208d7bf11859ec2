/**
 * Questions and answers that come over the page: the list of keys, and whether labels may be written.
 */

import {button, h} from './dom.js';
import {STRATEGIES} from './fuse.js';

const KEYS = [
  ['← →', 'frame before, after; with shift ten'],
  ['space', 'play and pause'],
  ['g', 'worst frame, again for the next worst'],
  ['[ ]', 'threshold α down, up; with shift five steps'],
  ['1 … 9', 'one pane alone, again for all'],
  ['0', 'all panes, whole image'],
  ['s', 'swipe: predicted over the pane (or over fused)'],
  ['c', 'hold: the run that is compared'],
  ['m', 'mesh as this frame sees it'],
  ['o', 'mesh as a whole'],
  ['k', 'keep this failure'],
  ['esc', 'take back: swipe, measure, pin, single pane, zoom'],
];

const HANDS = [
  ['point', 'metres in every pane'],
  ['click', 'pin the point: its values, its loss, the frames that see it'],
  ['shift click', 'measure from the pinned point'],
  ['double click', 'one pane alone, and back'],
  ['wheel, pinch', 'zoom to the cursor, in all panes'],
  ['drag', 'move the image'],
  ['drag a border', 'swipe one pane over its neighbour'],
  ['mesh', 'drag turns, shift drag moves, wheel zooms, click pins'],
];

/** @param {import('./viewport.js').Studio} studio */
export function createDialogs(studio) {
  const {manifest, store} = studio;
  const sheet = h('dialog', {class: 'help', 'aria-label': 'Keys and hands'});
  sheet.append(
    h(
      'header',
      {},
      h('h2', {}, 'Keys and hands'),
      button('×', 'Close', () => sheet.close(), 'icon'),
    ),
    h('div', {class: 'columns'}, list(KEYS, 'kbd'), list(HANDS, 'b')),
  );
  sheet.addEventListener('click', (event) => event.target === sheet && sheet.close());

  const text = h('p', {});
  const yes = h('button', {class: 'primary', value: 'yes'}, 'write labels');
  const no = h('button', {class: 'text', value: 'no', autofocus: true}, 'cancel');
  const question = h('dialog', {class: 'question', 'aria-label': 'Write labels'});
  question.append(
    h('form', {method: 'dialog'}, h('h2', {}, 'Write labels for the whole run?'), text, h('footer', {}, no, yes)),
  );

  /** @returns {Promise<boolean>} */
  function confirmApply() {
    const {strategy, alpha, teacher} = store.state;
    const {label, alpha: has} = STRATEGIES[strategy];
    const rule = has ? `“${label}” at α = ${Number(alpha.toFixed(4))}${has.unit ? ` ${has.unit}` : ''}` : `“${label}”`;
    text.textContent =
      `fused/ and source/ of all ${manifest.frames.length} frames of ${manifest.name} are written anew by ${rule}, ` +
      `from the depth of ${teacher}. They replace the labels that are there now; everything else stays.`;
    question.returnValue = 'no';
    question.showModal();
    return new Promise((resolve) => {
      question.addEventListener('close', () => resolve(question.returnValue === 'yes'), {once: true});
    });
  }

  return {
    elements: [sheet, question],
    confirmApply,
    help: () => (sheet.open ? sheet.close() : sheet.showModal()),
    isOpen: () => sheet.open || question.open,
  };
}

function list(rows, tag) {
  return h('dl', {}, ...rows.flatMap(([name, what]) => [h('dt', {}, h(tag, {}, name)), h('dd', {}, what)]));
}
