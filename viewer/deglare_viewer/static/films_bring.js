/**
 * Where a clip is dropped, and what may be said of it before work begins.
 */

import {h} from './dom.js';
import {send} from './films_asking.js';

const LATER_MS = 350;

/**
 * @param {{suffixes: string[], seconds: number, kept: string, bytes: number}} offer
 * @param {{onFile: (file: File) => void, onWishes: (wishes: Object) => void}} on
 */
export function bringing({suffixes, seconds}, {onFile, onWishes}) {
  const input = h('input', {type: 'file', accept: ['video/*', ...suffixes].join(','), 'aria-label': 'a clip'});
  input.addEventListener('change', () => {
    if (input.files[0]) onFile(input.files[0]);
    input.value = '';
  });
  const drop = h(
    'label',
    {class: 'drop'},
    input,
    h('b', {}, 'Drop a clip here, or choose one'),
    h('span', {}, `${suffixes.map((one) => one.slice(1)).join(', ')}; up to ${seconds} s of it are used`),
  );
  drop.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  for (const kind of ['dragleave', 'drop']) drop.addEventListener(kind, () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) onFile(event.dataTransfer.files[0]);
  });

  const fields = {
    start: number('begin at', 's', {min: 0, max: 1e6, step: 'any', value: 0}, 'Seconds to leave out at the beginning'),
    seconds: number('use at most', 's', {min: 1, max: seconds, step: 'any', value: seconds}, 'Seconds after that'),
    fov: number('field of view', '°', {min: 5, max: 150, step: 'any'}, 'Across the longer side of the picture, if you know it'),
    focal: number('focal length', 'px', {min: 1, max: 1e6, step: 'any'}, 'In pixels of the clip, if you know it instead'),
  };
  const fit = h('input', {type: 'checkbox'});
  const choices = h(
    'fieldset',
    {},
    h('legend', {}, 'before it begins'),
    ...Object.values(fields).map(({row}) => row),
    h('label', {class: 'row', title: 'A few minutes of training on the clip alone; used only if it turns out better'}, h('span', {}, 'fit a network to this clip'), fit),
  );

  /** What is decided now; an empty number is none. */
  function wishes() {
    const value = ({box}) => (box.value === '' || !box.validity.valid ? null : Number(box.value));
    return {...Object.fromEntries(Object.entries(fields).map(([name, one]) => [name, value(one)])), fit: fit.checked};
  }

  let clock = null;
  choices.addEventListener('input', () => {
    clearTimeout(clock);
    clock = setTimeout(() => onWishes(wishes()), LATER_MS);
  });

  function fill(values) {
    clearTimeout(clock);
    for (const [name, {box}] of Object.entries(fields)) box.value = values[name] ?? '';
    fit.checked = values.fit;
  }

  let shown = null;

  /** What was decided about the clip that is shown; once work has begun nothing can be changed. @param {?Object} told */
  function follow(told) {
    if (told?.id && told.id !== shown) {
      const {start_s: start, seconds: most, fov_deg: fov, focal_px: focal, fits} = told.wishes;
      fill({start, seconds: most, fov, focal, fit: fits});
    }
    shown = told?.id ?? null;
    choices.disabled = told !== null && !['planned', 'refused', 'coming'].includes(told.state);
  }

  return {element: h('aside', {class: 'bring'}, drop, choices), wishes, fill, follow, send};
}

function number(title, unit, limits, hint) {
  const box = h('input', {type: 'number', inputmode: 'decimal', placeholder: '–', ...limits});
  return {box, row: h('label', {class: 'row', title: hint}, h('span', {}, title), box, h('i', {}, unit))};
}
