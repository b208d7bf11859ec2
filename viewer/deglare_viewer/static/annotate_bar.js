/**
 * Above the picture: tags, tools, surfaces, the size of the brush. Each names its key.
 */

import {h} from './dom.js';
import {SURFACES, TAGS, TOOLS} from './annotate_look.js';

/**
 * @param {{tag: Function, choose: Function, size: Function, undo: Function, redo: Function, mesh: Function,
 *   help: Function}} acts @param {boolean} hasMesh
 */
export function createBar(acts, hasMesh) {
  const group = (name, ...buttons) => h('div', {class: 'group', role: 'group', 'aria-label': name}, ...buttons);
  const key = (text) => h('kbd', {}, text);
  const make = (title, press, ...content) => h('button', {type: 'button', title, onclick: press}, ...content);
  const dot = (colour) => h('i', {style: `background:${colour}`});

  const tags = TAGS.map((one) => {
    const title = `tag the frame ${one.name} and go on (${one.key})`;
    return [one.name, make(title, () => acts.tag(one.name), key(one.key), dot(one.colour), one.text)];
  });
  const tools = TOOLS.map((one) => {
    const press = () => acts.choose({tool: one.name});
    return [one.name, make(`${one.text} (${one.key})`, press, key(one.key), one.text)];
  });
  const surfaces = SURFACES.map((one) => {
    const press = () => acts.choose({surface: one.name});
    return [one.name, make(`surface: ${one.name} (${one.key})`, press, key(one.key), dot(one.colour), one.name)];
  });
  const size = h('span', {class: 'size', title: 'radius of the brush in pixels'});
  const undo = make('undo (Ctrl-Z)', acts.undo, '↶');
  const redo = make('redo (Ctrl-Shift-Z)', acts.redo, '↷');
  const smaller = make('smaller brush ([)', () => acts.size(-1), '−');
  const larger = make('larger brush (])', () => acts.size(1), '+');
  const mesh = make('paint on the mesh (m)', acts.mesh, key('m'), '3D');
  mesh.hidden = !hasMesh;
  const whole = make('whole picture (0)', acts.whole, '⤢');
  const help = make('keys (?)', acts.help, '?');
  const saved = h('p', {class: 'saved', role: 'status'});
  const element = h(
    'header',
    {class: 'bar'},
    group('tags', ...tags.map(([, one]) => one)),
    group('tools', ...tools.map(([, one]) => one)),
    group('surfaces', ...surfaces.map(([, one]) => one)),
    group('brush', smaller, size, larger),
    group('steps', undo, redo),
    group('view', mesh, whole, help),
    saved,
  );
  const press = (pairs, now) => pairs.forEach(([name, one]) => one.setAttribute('aria-pressed', String(name === now)));

  return {
    element,
    saved,
    /** @param {{tag: ?string, tool: string, surface: string, radius: number, may: boolean, isMesh: boolean}} now */
    update(now) {
      press(tags, now.tag);
      press(tools, now.tool);
      press(surfaces, now.surface);
      size.textContent = `${now.radius} px`;
      mesh.setAttribute('aria-pressed', String(now.isMesh));
      for (const one of element.querySelectorAll('button')) one.disabled = !now.may && ![mesh, whole, help].includes(one);
    },
  };
}
