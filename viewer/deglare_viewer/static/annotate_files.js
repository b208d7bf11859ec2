/**
 * Subsets to take away and to bring.
 */

import {h, setText} from './dom.js';
import {SETTLED, TAGS} from './annotate_look.js';

const FORMS = [
  ['list', 'list of frames'],
  ['coco', 'COCO'],
  ['png', 'PNG masks'],
  ['csv', 'CSV'],
];
const REST_MS = 700;
const TAKEN = '.txt,.json,.csv,.zip';

/** @param {{now: Object, routes: Object, isReadOnly: boolean}} desk @param {{brought: () => void}} acts */
export function createFiles({now, routes, isReadOnly}, acts) {
  const whose = h('select', {'aria-label': 'whose marks are exported'});
  const tag = h('select', {'aria-label': 'tag of the list'}, ...TAGS.map(({name}) => h('option', {value: name}, name)));
  const links = FORMS.map(([form, text]) => [form, h('a', {download: '', title: `save as ${text}`}, text)]);
  const hash = h('p', {class: 'quiet hash'});
  const field = h('input', {type: 'file', accept: TAKEN, 'aria-label': 'bring a subset'});
  const bring = h('label', {class: 'bring', title: 'a list, COCO, CSV, or an archive of PNG masks; it goes under your name'}, 'bring a file', field);
  const said = h('p', {class: 'quiet', role: 'status'});
  const element = h(
    'div',
    {class: 'files'},
    h('div', {class: 'row'}, h('span', {}, 'marks of'), whose, h('span', {}, 'list'), tag),
    h('div', {class: 'links'}, ...links.map(([, link]) => link)),
    hash,
    !isReadOnly && h('div', {class: 'row'}, bring),
    said,
  );
  let turn = 0;
  let timer = 0;

  function point() {
    for (const [form, link] of links) {
      if (whose.value) link.href = routes.file(form, {annotator: whose.value, tag: form === 'list' ? tag.value : ''});
      else link.removeAttribute('href');
    }
    clearTimeout(timer);
    timer = setTimeout(refresh, REST_MS);
  }

  async function refresh() {
    const mine = ++turn;
    if (!whose.value) return setText(hash, 'nobody marked anything yet');
    try {
      const found = await routes.subset(whose.value);
      if (mine === turn) setText(hash, `frames: ${found.frames}, masks: ${found.masks} · ${found.sha256.slice(0, 12)}`);
      hash.title = `the hash that metrics print: ${found.sha256}`;
    } catch (error) {
      if (mine === turn) setText(hash, `${error.message}.`);
    }
    return undefined;
  }

  async function take() {
    const [file] = field.files;
    field.value = '';
    if (!file || !now.name) return;
    setText(said, `reading ${file.name} …`);
    try {
      const found = await routes.bring(file, {annotator: now.name});
      const left = found.unknown.length ? `; not here: ${found.unknown.slice(0, 3).join(', ')}` : '';
      setText(said, `${found.frames} frames came in under ${now.name}${left}`);
      acts.brought();
    } catch (error) {
      setText(said, `${error.message}.`);
    }
  }

  whose.addEventListener('change', point);
  tag.addEventListener('change', point);
  field.addEventListener('change', take);

  return {
    element,
    /** @param {Object} told what is known of the run */
    known(told) {
      const before = whose.value;
      const all = [...(told.settled.length ? [SETTLED] : []), ...told.annotators];
      whose.replaceChildren(...all.map((name) => h('option', {value: name}, name)));
      const first = told.settled.length ? SETTLED : now.name;
      whose.value = all.includes(before) ? before : all.includes(first) ? first : (all[0] ?? '');
      point();
    },
  };
}
