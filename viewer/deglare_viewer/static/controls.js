/**
 * Which run, which teacher, which rule; what the rule does to this frame; and what may be done with it.
 */

import {REFLECTIVE, SOURCES, css} from './colours.js';
import {button, chooser, h, isNumber, metres, percent, setText} from './dom.js';
import {LABELLED, STRATEGIES, liveStrategies, waitingStrategies} from './fuse.js';
import {NOT_MINED} from './view.js';

const MINE =
  'Mark in every frame what triplet mining takes for a reflection; labels stay as they are. Like deglare label --mine';
const BLEND = `linear-gradient(to right, ${css(SOURCES[1].colour)}, ${css(SOURCES[2].colour)})`;

/** The bar at the top. @param {import('./viewport.js').Studio} studio */
export function createTopBar(studio) {
  const {store, manifest, signal} = studio;
  const {state} = store;
  const teachers = manifest.teachers.map((name) => ({
    value: name,
    text: name === manifest.base ? `${name} · fused` : name,
    title: name === manifest.base ? 'Its depth was fused to the mesh' : '',
  }));
  const teacher = chooser('teacher', teachers, state.teacher, (name) => store.set({teacher: name}));
  const others = h('span', {class: 'compare', hidden: true});
  const message = h('p', {class: 'message', role: 'status'});
  const element = h(
    'header',
    {class: 'top'},
    teacher,
    others,
    message,
    button('keep this failure', 'Keep this view in the list of failures (k)', () => studio.actions.keep()),
    button('?', 'Keys and hands (?)', () => studio.dialogs.help(), 'icon'),
  );

  /** Runs that this one can be compared with come late: nobody has to wait for them. */
  async function offerRuns() {
    if (!studio.source.runs) return;
    const runs = (await studio.source.runs()).filter((run) => run.id !== manifest.id && !run.error);
    if (signal.aborted || !runs.length) return;
    const options = [{value: '', text: 'no other run'}, ...runs.map((run) => ({value: run.id, text: run.name}))];
    const choose = chooser('compare', options, state.compare, (id) => store.set({compare: id, comparing: Boolean(id)}));
    const toggle = button('show', 'Show the other run (hold c)', () => store.set({comparing: !state.comparing}));
    others.replaceChildren(choose, toggle);
    others.hidden = false;
    const tell = () => {
      toggle.hidden = !state.compare;
      toggle.setAttribute('aria-pressed', String(state.comparing));
    };
    store.on(['compare', 'comparing'], tell);
    tell();
  }

  offerRuns().catch(() => {}); // without the list there is no chooser; the run itself complains if the server is gone
  store.on(['teacher'], () => (teacher.querySelector('select').value = state.teacher));
  return {
    element,
    say: (text) => {
      setText(message, text ?? '');
      message.classList.toggle('shown', Boolean(text));
    },
  };
}

/** Strategy, threshold, and what they do to this frame. @param {import('./viewport.js').Studio} studio */
export function createFuseBar(studio) {
  const {store, beat, actions, manifest} = studio;
  const {state} = store;
  const choose = chooser('fuse by', [], state.strategy, actions.strategy);
  const select = choose.querySelector('select');
  const slider = h('input', {type: 'range', min: 0, 'aria-label': 'Threshold α'});
  const value = h('output', {class: 'alpha'});
  const threshold = h('label', {class: 'threshold'}, h('span', {}, 'α'), slider, value);
  const apply = button('apply to the run', 'Write labels by this rule for every frame', actions.apply, 'primary');
  const mine = button('mine reflections', MINE, actions.mine, 'text mine');
  const numbers = createNumbers(studio);
  const element = h(
    'section',
    {class: 'panel fuse', 'aria-label': 'Fusion'},
    h('div', {class: 'line'}, choose, threshold, mine, apply),
    numbers.element,
  );
  let hasMined = null; // of what is offered
  slider.addEventListener('input', () => actions.alpha(Number(slider.value)));
  slider.addEventListener('pointerup', () => slider.blur());

  /** The strategies that this run's layers allow, once the first frame tells, and those that wait for a mask. */
  function offer() {
    if (!studio.live.shown()) return;
    const {layers} = studio.live.shown();
    hasMined = Boolean(layers.mined);
    const onDisk = {value: LABELLED, text: `as labelled (${ruleOnDisk(manifest)})`};
    const live = liveStrategies(layers).map((name) => optionOf(name, STRATEGIES[name].about, false));
    const waiting = waitingStrategies(layers).map((name) => optionOf(name, NOT_MINED, true));
    const options = [...(manifest.has.fused ? [onDisk] : []), ...live, ...waiting];
    select.replaceChildren(...options.map(({value: name, text, ...how}) => h('option', {value: name, ...how}, text)));
    mine.hidden = studio.isGuest || !waiting.length;
    tell();
  }

  function tell() {
    const isOff = !STRATEGIES[state.strategy]?.alpha;
    const {step, unit} = (STRATEGIES[state.strategy] ?? {}).alpha ?? STRATEGIES.uncertainty.alpha;
    const most = studio.mostAlpha(isOff ? 'uncertainty' : state.strategy);
    select.value = state.strategy;
    select.title = STRATEGIES[state.strategy]?.about ?? 'Labels as they lie on disk';
    Object.assign(slider, {max: String(most), step: String(step)});
    slider.value = String(state.alpha);
    slider.style.setProperty('--share', `${Math.min(state.alpha / most, 1) * 100}%`);
    slider.title = isOff ? 'Move it to fuse by uncertainty' : '[ and ] move it too';
    threshold.classList.toggle('off', isOff);
    setText(value, isOff ? '' : `${state.alpha.toFixed(step < 0.01 ? 3 : 2)}${unit && ` ${unit}`}`);
    apply.disabled = state.strategy === LABELLED;
  }

  store.on(['version'], offer);
  store.on(['arrivals'], () => hasMined === Boolean(studio.live.shown().layers.mined) || offer());
  store.on(['alpha', 'strategy', 'mostAlpha'], () => beat(tell, 4));
  return {element};
}

function optionOf(name, title, disabled) {
  const {label} = STRATEGIES[name];
  return {value: name, text: disabled ? `${label} (nothing mined yet)` : label, title, disabled};
}

/** What the labels on disk were made by. */
function ruleOnDisk({strategy, labelled}) {
  const alpha = labelled?.alpha;
  return alpha === null || alpha === undefined ? (strategy ?? 'another rule') : `${strategy} ${alpha}`;
}

/**
 * Numbers of the frame on the screen, which name the colours of the panes on the way.
 * @param {import('./viewport.js').Studio} studio
 */
function createNumbers(studio) {
  const {store, beat, manifest} = studio;
  const {state} = store;
  const element = h('div', {class: 'line numbers'});
  const shares = SOURCES.slice(1).map(({name, colour}) => ({
    name,
    ...number(name, name === 'blended' ? BLEND : css(colour), 'Of the pixels of this frame'),
  }));
  const regions = [
    ['all', null],
    ['reflective', css(REFLECTIVE, 0.6)],
    ['highlight', css(REFLECTIVE)],
  ]
    .slice(0, manifest.has.specular ? 3 : manifest.has.regions ? 2 : 1)
    .map(([name, colour]) => ({
      name,
      ...number(name, colour, `Abs Rel of this frame, ${name} pixels: predicted, then fused`),
    }));
  const finders = [
    ['mined', css(REFLECTIVE, 0.6)],
    ['rule', css(SOURCES[2].colour)],
  ].map(([name, colour]) => ({key: name, ...number(name, colour, '', 'number finds')}));
  const heading = h('span', {class: 'heading found'}, 'precision / recall');
  element.append(
    ...shares.map((one) => one.element),
    manifest.has.truth ? h('span', {class: 'heading'}, 'Abs Rel') : '',
    ...regions.filter((one) => manifest.has.truth || one.name !== 'all').map((one) => one.element),
    manifest.has.regions ? heading : '',
    ...(manifest.has.regions ? finders.map((one) => one.element) : []),
  );

  /** Precision and recall: of a mask that is empty there is none. */
  function tellFound({found}) {
    for (const {key, before, after, element: one} of finders) {
      const {precision, recall} = found?.[key] ?? {precision: NaN, recall: NaN};
      one.hidden = !isNumber(precision);
      one.title = foundTitle(key, found?.chance, manifest.detected ?? {});
      setText(before, percent(precision));
      setText(after, percent(recall));
    }
    heading.hidden = finders.every((one) => one.element.hidden);
  }

  /** Of the other run while that is shown. */
  function tell() {
    const data = (state.comparing && studio.live.other()) || studio.live.shown();
    if (!data?.numbers) return;
    const {taken, mixed, dropped} = data.numbers;
    const found = {predicted: 1 - taken - mixed - dropped, projected: taken, blended: mixed};
    for (const {name, before, element: one} of shares) {
      setText(before, percent(found[name]));
      one.hidden = found[name] < 1e-6; // room for the others
    }
    for (const {name, before, after} of regions) {
      const region = data.numbers.regions?.[name];
      const change = region?.pixels ? region.after - region.before : 0;
      setText(before, region?.pixels ? region.before.toFixed(3) : '');
      setText(after, region?.pixels ? region.after.toFixed(3) : '');
      after.className = change < -5e-4 ? 'better' : change > 5e-4 ? 'worse' : '';
    }
    tellFound(data.numbers);
  }

  store.on(['fusion', 'comparing'], () => beat(tell, 4));
  return {element};
}

/** What two shares say, and what they are over the whole run where that was counted. */
function foundTitle(key, chance, {mined, uncertainty}) {
  const what = key === 'mined' ? 'what triplet mining marks' : 'pixels that take projected depth';
  const here =
    `Of ${what} in this frame: the share that is reflective (precision; ${percent(chance)} by chance), ` +
    'then the share of what is reflective that it has (recall)';
  const over = key === 'mined' ? mined : uncertainty;
  if (!over) return here;
  const {precision, recall, coverage} = over.reflective;
  const whose = key === 'mined' ? 'It' : `Uncertainty from ${metres(over.alpha_m)}, as labelled,`;
  const shares = `${percent(coverage)} of all pixels, with ${percent(precision)} and ${percent(recall)}`;
  return `${here}. ${whose} marks ${shares} over ${over.frames} frames.`;
}

/** A name with its colour, and room for one number or two. */
function number(name, colour, title, kind = 'number') {
  const before = h('span', {});
  const after = h('b', {});
  const swatch = colour && h('i', {style: `background: ${colour}`});
  return {before, after, element: h('span', {class: kind, title}, swatch, h('em', {}, name), before, after)};
}
