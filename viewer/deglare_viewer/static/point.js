/**
 * This point: what every source says of it, and the frames that see it.
 */

import {askAboutPin} from './asking.js';
import {LAYER_COLOURS} from './colours.js';
import {clamp, h, isNumber, metres, setText, signed} from './dom.js';

const EMPTY = 'Click a pixel or the mesh: every depth of that point is listed here, and the frames that see it.';

/** A residual bar is full at this many metres. */
const FULL_M = 1;

const COLUMNS = [
  {key: 'frame', title: 'frame', hint: 'Frame that sees the point'},
  {key: 'metres', title: 'predicted', hint: 'Depth that is predicted there'},
  {key: 'residual_m', title: 'off by', hint: 'Predicted depth minus the depth of this surface: + is too far'},
  {key: 'angle_deg', title: 'angle', hint: 'Between the view and the surface normal: 0° is head-on'},
  {key: 'believed', title: 'mesh', hint: 'Fused into the mesh, and whether the surface lies where this frame said'},
];

/** @param {import('./viewport.js').Studio} studio */
export function createPoint(studio) {
  const {store, signal} = studio;
  const {state} = store;
  const sentence = h('p', {class: 'sentence'}, EMPTY);
  const place = h('output', {class: 'place'});
  const facts = h('div', {class: 'facts'});
  const values = h('table', {class: 'values'});
  const seen = h('h4', {});
  const head = h('thead', {});
  const rows = h('tbody', {});
  const views = h('table', {class: 'views'}, head, rows);
  const list = h('div', {class: 'scroll', tabindex: 0, 'aria-label': 'Frames that see this point'}, views);
  const measure = h('p', {class: 'measure', hidden: true});
  const element = h(
    'section',
    {class: 'panel point empty'},
    h('header', {}, h('h3', {}, 'this point'), place),
    sentence,
    facts,
    measure,
    values,
    seen,
    list,
  );
  let report = null;
  let order = {key: 'frame', down: false};

  function show(answer) {
    report = answer;
    element.classList.remove('empty', 'waiting');
    store.set({seenIn: answer.views.map((view) => view.frame)});
    setText(place, `frame ${studio.manifest.frames[answer.frame]} · ${answer.x}, ${answer.y}`);
    facts.replaceChildren(...factsOf(answer).map((text) => h('span', {}, text)));
    values.replaceChildren(...answer.values.filter(isThere).map(valueRow));
    const hidden = answer.hidden_in ? `, hidden in ${answer.hidden_in}` : '';
    setText(seen, `seen by ${answer.views.length} ${answer.views.length === 1 ? 'frame' : 'frames'}${hidden}`);
    drawViews();
  }

  function blank(text) {
    report = null;
    element.classList.add('empty');
    element.classList.remove('waiting');
    setText(sentence, text);
    store.set({seenIn: null});
  }

  function drawViews() {
    if (!report) return;
    head.replaceChildren(h('tr', {}, ...COLUMNS.map(headCell)));
    rows.replaceChildren(...sorted(report.views, order).map(viewRow));
  }

  function headCell({key, title, hint}) {
    const isIt = order.key === key;
    const press = () => {
      order = {key, down: isIt ? !order.down : key !== 'frame'};
      drawViews();
      list.scrollTop = 0;
    };
    const arrow = isIt ? (order.down ? ' ↓' : ' ↑') : '';
    return h(
      'th',
      {scope: 'col', 'aria-sort': isIt ? (order.down ? 'descending' : 'ascending') : null},
      h('button', {title: hint, onclick: press}, title + arrow),
    );
  }

  function viewRow(view) {
    const jump = () => studio.actions.visit(view.frame, view.x, view.y, report?.xyz);
    const isHere = view.frame === report.frame;
    return h(
      'tr',
      {class: isHere ? 'here' : '', onclick: jump},
      h('td', {}, h('button', {'aria-label': `Go to frame ${view.name}`}, view.name)),
      h('td', {}, metres(view.metres, '')),
      h('td', {}, residual(view.residual_m)),
      h('td', {}, isNumber(view.angle_deg) ? `${view.angle_deg.toFixed(0)}°` : '–'),
      h('td', {}, verdict(view)),
    );
  }

  function tellDistance() {
    const panes = ['predicted', 'projected', 'fused', 'truth'];
    const found = panes.map((pane) => [pane, studio.actions.measured(pane)]).filter(([, apart]) => apart !== null);
    measure.hidden = !found.length;
    const parts = found.map(([pane, apart]) =>
      h('span', {}, h('i', {style: `background: ${LAYER_COLOURS[pane]}`}), `${pane} `, h('b', {}, metres(apart))),
    );
    measure.replaceChildren(h('em', {}, 'between the two points'), ...parts);
  }

  const ask = (at, abort) =>
    studio.source.point({...at, strategy: state.strategy, alpha: state.alpha, teacher: state.teacher}, abort);
  askAboutPin(
    studio,
    ask,
    {
      waiting: () => element.classList.add('waiting'),
      answered: show,
      failed: (error) => blank(error.message),
      nothing: () => blank(EMPTY),
    },
    ['strategy', 'alpha', 'teacher', 'version'],
  );
  store.on(['second', 'pinned', 'fusion'], tellDistance);
  signal.addEventListener('abort', () => (report = null));
  return {element};
}

function factsOf({sigma_m: sigma, angle_deg: angle, region, material, source}) {
  const facts = [];
  if (isNumber(sigma)) facts.push(`σ ${metres(sigma)}`);
  if (isNumber(angle)) facts.push(`seen at ${angle.toFixed(0)}°`);
  if (region) facts.push(region === 'other' ? 'not reflective' : region);
  if (material) facts.push(material.toLowerCase());
  if (source) facts.push(`label: ${source}`);
  return facts;
}

/** A run without truth has no line for it. */
function isThere({name, metres: depth}) {
  return name !== 'truth' || isNumber(depth);
}

function valueRow({name, teacher, metres: depth, error_m: error}) {
  return h(
    'tr',
    {class: name},
    h(
      'th',
      {scope: 'row'},
      h('i', {style: `background: ${LAYER_COLOURS[name]}`}),
      name,
      teacher && h('em', {}, teacher),
    ),
    h('td', {}, metres(depth)),
    h('td', {}, isNumber(error) && name !== 'truth' ? residual(error) : ''),
  );
}

/** A number with a bar that leaves its middle to the right (too far) or to the left (too near). */
function residual(value) {
  if (!isNumber(value)) return h('span', {class: 'residual'}, '–');
  const share = clamp(Math.abs(value) / FULL_M, 0.02, 1) * 50;
  const bar = h('i', {
    class: value > 0 ? 'far' : 'near',
    style: `width: ${share}%; ${value > 0 ? 'left' : 'right'}: 50%`,
  });
  return h('span', {class: 'residual'}, h('span', {class: 'track'}, bar), signed(value, ''));
}

function verdict({fused_in_mesh: isFused, believed}) {
  if (!isFused) return h('span', {class: 'out', title: 'not fused into the mesh'}, '·');
  return believed
    ? h('span', {class: 'yes', title: 'fused, and the surface lies where it said'}, '✓')
    : h('span', {class: 'no', title: 'fused, but the surface lies elsewhere: outvoted'}, '✕');
}

function sorted(views, {key, down}) {
  const rank = (view) => {
    if (key === 'residual_m') return isNumber(view[key]) ? Math.abs(view[key]) : -1;
    if (key === 'believed') return view.fused_in_mesh ? (view.believed ? 2 : 1) : 0;
    return view[key] ?? -1;
  };
  return [...views].sort((a, b) => (down ? rank(b) - rank(a) : rank(a) - rank(b)));
}
