/**
 * One frame on which two annotators differ: both masks in two colours, a choice for each patch, and what is kept.
 */

import {h} from './dom.js';
import {SETTLED} from './annotate_look.js';
import {borderOf, surfacesOf} from './annotate_rasters.js';
import {createSight} from './annotate_sight.js';

const [A, B, BOTH] = ['#ffa03c', '#4aa3ff', '#a0a0a8'];
const MOST_ROWS = 40;

/**
 * @param {{now: Object, routes: Object, overview: () => Object, signal: AbortSignal, isReadOnly: boolean}} desk
 * @param {{settle: Function, settled: (frame: string) => void, paint: (frame: string) => void}} acts
 */
export function createSettling({routes, overview, signal, isReadOnly}, acts) {
  const canvas = h('canvas', {class: 'pair', 'aria-label': 'both masks'});
  const sight = createSight(canvas, signal);
  const title = h('h3', {});
  const legend = h('p', {class: 'quiet'});
  const rows = h('ul', {class: 'choices'});
  const foot = h('footer', {});
  const note = h('p', {class: 'quiet', role: 'status'});
  const element = h('div', {class: 'settle'}, canvas, h('div', {class: 'choose'}, title, legend, rows, foot, note));
  let now = null;
  let dragged = null;
  canvas.addEventListener('pointerdown', (event) => (dragged = [event.clientX, event.clientY]), {signal});
  window.addEventListener('pointerup', () => (dragged = null), {signal});
  const move = (event) => {
    if (!dragged) return;
    sight.move(event.clientX - dragged[0], event.clientY - dragged[1]);
    dragged = [event.clientX, event.clientY];
  };
  canvas.addEventListener('pointermove', move, {signal});

  async function show(frame, a, b) {
    const mine = (now = {frame, a, b, choices: {}, tag: frame.tag_a === frame.tag_b ? null : undefined});
    title.textContent = `frame ${frame.frame}`;
    note.textContent = '';
    const picture = new Image();
    picture.src = routes.picture(frame.frame, overview().version);
    try {
      const [pair] = await Promise.all([routes.pair(frame.frame, a, b), picture.decode()]);
      if (mine !== now) return;
      Object.assign(now, {picture, masks: [pair.a, pair.b].map(({mask}) => surfacesOf(mask, overview().surfaces))});
      draw();
      list();
    } catch (error) {
      if (mine === now) say(`${error.message}.`);
    }
  }

  function draw() {
    const size = overview().size_hw;
    const [a, b] = now.masks;
    const where = a.map((code, i) => (code && code === b[i] ? 3 : code && b[i] ? 4 : code ? 1 : b[i] ? 2 : 0));
    const colours = {1: [255, 160, 60, 130], 2: [74, 163, 255, 130], 3: [160, 160, 168, 90], 4: [201, 160, 255, 150]};
    const layers = [{mask: where, rgba: (code) => colours[code], border: borderOf(a, size), colour: A}];
    layers.push({mask: new Uint8Array(0), rgba: () => null, border: borderOf(b, size), colour: B, dashed: true});
    sight.show({picture: now.picture, size, layers, over: numbers});
  }

  function numbers(context, scale) {
    context.font = `600 ${13 / scale}px system-ui, sans-serif`;
    context.textBaseline = 'bottom';
    for (const {number, box_xyxy: box} of now.frame.differences.slice(0, MOST_ROWS)) {
      context.lineWidth = 3 / scale;
      context.strokeStyle = 'rgb(0 0 0 / .8)';
      context.strokeText(String(number + 1), box[0], Math.max(box[1], 14 / scale));
      context.fillStyle = '#ffffff';
      context.fillText(String(number + 1), box[0], Math.max(box[1], 14 / scale));
    }
  }

  function list() {
    const {frame, a, b} = now;
    const mark = (colour) => h('i', {style: `background:${colour}`});
    legend.replaceChildren(mark(A), `only ${a} `, mark(B), `only ${b} `, mark(BOTH), 'both ', mark('#c9a0ff'), 'two surfaces');
    const many = frame.differences.length - MOST_ROWS;
    rows.replaceChildren(
      ...(frame.tag_a === frame.tag_b ? [] : [tagRow()]),
      ...frame.differences.slice(0, MOST_ROWS).map(row),
      ...(many > 0 ? [h('li', {class: 'quiet'}, `and ${many} smaller ones: all of one, below`)] : []),
    );
    const act = (text, hint, press) => h('button', {type: 'button', title: hint, onclick: press, disabled: isReadOnly}, text);
    const all = (side) => () => keep(side);
    foot.replaceChildren(
      act(`keep, rest as ${a}`, `what was not chosen counts as ${a} has it`, all('a')),
      act(`keep, rest as ${b}`, `what was not chosen counts as ${b} has it`, all('b')),
      act('keep what both mark', 'what was not chosen is not marked', all('none')),
      act('paint it', 'paint over what was kept', () => acts.paint(frame.frame)),
    );
  }

  function tagRow() {
    const {frame, a, b} = now;
    const pick = (tag) => () => choose(item, (now.tag = tag));
    const choice = (name, tag) => tag && h('button', {type: 'button', 'data-value': tag, onclick: pick(tag)}, `${name}: ${tag}`);
    const item = h('li', {}, h('span', {}, 'tag'), choice(a, frame.tag_a), choice(b, frame.tag_b));
    return item;
  }

  function row(one) {
    const pick = (side) => () => choose(item, (now.choices[one.number] = side));
    const choice = (side, text) => h('button', {type: 'button', 'data-value': side, onclick: pick(side)}, text);
    const item = h(
      'li',
      {},
      h('b', {}, String(one.number + 1)),
      h('span', {}, `${one.pixels} px`),
      choice('a', `${now.a}: ${one.a}`),
      choice('b', `${now.b}: ${one.b}`),
      ...(one.a !== 'none' && one.b !== 'none' ? [choice('none', 'none')] : []),
    );
    return item;
  }

  function choose(item, value) {
    for (const one of item.querySelectorAll('button')) one.setAttribute('aria-pressed', String(one.dataset.value === value));
  }

  async function keep(rest) {
    const mine = now;
    const {frame, a, b, choices, tag} = mine;
    const tell = (text) => mine === now && (note.textContent = text);
    if (tag === undefined) return tell('Choose a tag first: theirs differ.');
    tell('saving …');
    try {
      await acts.settle({frame: frame.frame, a, b, choices, rest, ...(tag && {tag})});
      acts.settled(frame.frame);
      return tell(`saved under “${SETTLED}”`);
    } catch (error) {
      return tell(`not saved: ${error.message}`);
    }
  }

  function clear() {
    now = null;
    sight.show({picture: null, size: [1, 1], layers: []});
    for (const one of [title, legend, rows, foot, note]) one.replaceChildren();
  }

  function say(text) {
    clear();
    title.textContent = text;
  }

  return {element, show, clear, say};
}
