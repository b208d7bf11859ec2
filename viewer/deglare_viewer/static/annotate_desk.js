/**
 * One run on the desk: what is looked at, what the keys do, what the server answered.
 */

import {clamp, h, later} from './dom.js';
import {createAgreeing} from './annotate_agree.js';
import {createBar} from './annotate_bar.js';
import {createFrames} from './annotate_frames.js';
import {attachHand} from './annotate_hand.js';
import {attachKeys, createSheet} from './annotate_keys.js';
import {SETTLED, SURFACES} from './annotate_look.js';
import {createPicture} from './annotate_picture.js';
import {createSaving} from './annotate_saving.js';
import {createSide} from './annotate_side.js';
import {createStrip} from './annotate_strip.js';
import {askName, knownName} from './annotate_who.js';

const WIDTHS = [1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96];
const AHEAD = 4;
const RETELL_MS = 300;
const NOTE_MS = 6000;

/** Deeds after which other frames are not what they were. */
const WIDE = ['carry', 'accept_all', 'accept', 'reject', 'undo', 'redo', 'start'];

/**
 * @param {HTMLElement} place @param {string} run @param {ReturnType<typeof import('./annotate_asking.js').routesOf>} routes
 * @param {boolean} isReadOnly
 */
export async function openDesk(place, run, routes, isReadOnly) {
  const abort = new AbortController();
  const {signal} = abort;
  let overview = await routes.overview(knownName());
  const names = overview.frames;
  const now = {
    name: knownName(), first: '', frame: names[0], tool: 'paint', surface: 'glossy', radius: 8,
    tags: overview.tags, waiting: new Set(overview.waiting), looked: new Set(overview.looked_at),
    queue: [], scores: new Map(), isHidden: false, suspects: null, chosen: null, note: '', refusal: overview.refusal,
  };
  const may = () => Boolean(now.name) && !isReadOnly && names.length > 0;

  const canvas = h('canvas', {class: 'picture', 'aria-label': 'the frame, to be painted on'});
  const cover = h('div', {class: 'cover'});
  const middle = h('main', {class: 'middle'}, canvas, cover);
  const sheet = createSheet();
  const frames = createFrames(routes, overview.version, overview.surfaces, arrived);
  const saving = createSaving(run, routes, {answered, refused, changed: tell});
  const picture = createPicture(canvas, {now, frames, saving, overview}, signal);
  const strip = createStrip({frames: names, go}, signal);
  const acts = {
    tag, choose, size, undo: () => step1('undo'), redo: () => step1('redo'), step, skip, carry, acceptAll,
    accept: () => decide('accept'), reject: () => decide('reject'), start, suspects,
    exclude: (none) => add('exclude', none ? {none: true} : {}), hide, escape, go, waiting: nextWaiting, retry: saving.retry, drop: saving.drop, name: askAgain,
    pass, look: become, agree: () => agreeing.open(), brought: () => retell(true), as,
    settle,
    whole: () => picture.sight.whole(), help: () => (sheet.open ? sheet.close() : sheet.showModal()),
    space: () => hand.space(), close: () => hand.close(), back: () => hand.back(),
    select: (seq) => { now.chosen = seq; draw(); },
  };
  const bar = createBar(acts);
  const side = createSide({now, run, overview, routes, frames, isReadOnly}, acts);
  const agreeing = createAgreeing({now, run, routes, overview: () => overview, frames, signal, isReadOnly}, acts);
  const hand = attachHand(canvas, picture.sight, {
    tool: () => now.tool, radius: () => now.radius, surface: () => now.surface, may: () => may() && !now.isHidden,
    colour: () => (now.tool === 'erase' ? '#ffffff' : SURFACES.find(({name}) => name === now.surface).colour),
    drawing: picture.drawing, done: drawn,
  }, signal);
  attachKeys(place, acts, () => sheet.open || agreeing.isOpen() || cover.childElementCount > 0, signal);
  place.replaceChildren(bar.element, middle, side.element, strip.element, agreeing.element, sheet);

  const counted = {frame: null, count: 0};
  let telling = 0;
  place.annotate = {now, acts, counted, frames, saving, picture, sight: picture.sight};
  const soon = later(RETELL_MS, signal, () => retell(false));
  const unsay = later(NOTE_MS, signal, () => say(''));

  /* What is seen */

  function draw() {
    if (picture.draw()) {
      counted.frame = now.frame;
      counted.count += 1;
    }
    tell();
  }

  /** Everything around the picture; it may come a moment later than the picture. */
  function tell() {
    telling ||= requestAnimationFrame(tellNow);
  }

  function tellNow() {
    telling = 0;
    if (signal.aborted) return;
    const state = frames.get(now.frame)?.state;
    bar.update({...now, tag: now.tags[now.frame] ?? null, may: may()});
    strip.draw({...now, queue: new Set(now.queue)});
    side.update(state, saving.standing());
    side.saved(bar.saved, saving.standing(), now);
  }

  function arrived(frame) {
    if (frame === now.frame) draw();
  }

  function say(text) {
    now.note = text;
    if (text) unsay();
    tell();
  }

  /* Where to */

  function go(frame) {
    if (frame !== now.frame) {
      hand.leave();
      Object.assign(now, {frame, suspects: null, chosen: null});
    }
    frames.want(frame);
    draw();
    const at = names.indexOf(frame);
    const rest = now.queue.filter((one) => one !== frame).slice(0, AHEAD);
    setTimeout(() => frames.ahead([...rest, names[at + 1], names[at - 1], ...[...now.waiting].slice(0, 2)].filter(Boolean)));
  }

  function step(by) {
    go(names[clamp(names.indexOf(now.frame) + by, 0, names.length - 1)]);
  }

  /** The next that is worth a look: of the queue, then whatever has no tag, in order of time. */
  function next() {
    const queued = now.queue.find((frame) => !now.tags[frame] && frame !== now.frame);
    if (queued) return go(queued);
    if (now.first) return say(`The second pass is done: every frame of ${now.first} has your marks too.`);
    const at = names.indexOf(now.frame);
    const open = [...names.slice(at + 1), ...names.slice(0, at)].find((frame) => !now.tags[frame]);
    if (open) go(open);
    else say('Every frame is tagged.');
    return undefined;
  }

  function skip() {
    now.queue = [...now.queue.filter((frame) => frame !== now.frame), ...now.queue.filter((frame) => frame === now.frame)];
    next();
  }

  function nextWaiting() {
    const order = [...names.slice(names.indexOf(now.frame) + 1), ...names];
    const found = order.find((frame) => now.waiting.has(frame) && frame !== now.frame);
    if (found) go(found);
    else say(now.waiting.has(now.frame) ? 'No other frame has a proposal.' : 'No proposal waits.');
  }

  /* What is done */

  const lastSeq = () => frames.get(now.frame)?.state?.last_seq ?? 0;

  function add(what, fields = {}) {
    if (!may()) say(now.name ? 'This studio only shows annotations.' : 'Say who you are first.');
    else saving.add({do: what, annotator: now.name, frame: now.frame, after: lastSeq(), ...fields});
  }

  function tag(value) {
    if (!may()) return;
    hand.leave();
    add('tag', {tag: value});
    now.tags = {...now.tags, [now.frame]: value};
    now.looked.add(now.frame);
    now.queue = now.queue.filter((frame) => frame !== now.frame);
    next();
  }

  function drawn(stroke) {
    add('stroke', {stroke});
    now.looked.add(now.frame);
    draw();
  }

  function step1(what) {
    if (hand.back()) return;
    add(what);
  }

  function proposal() {
    const there = frames.get(now.frame)?.proposals ?? [];
    return there.find(({seq}) => seq === now.chosen) ?? there[0] ?? null;
  }

  function decide(what) {
    const one = proposal();
    if (one) add(what, {proposal: one.seq});
    else nextWaiting();
  }

  function acceptAll() {
    const one = proposal();
    if (one) add('accept_all', {origin: one.origin});
    else nextWaiting();
  }

  function carry() {
    say('Carrying to every frame that sees it …');
    add('carry');
  }

  function start() {
    add('start', {surface: now.surface});
  }

  async function suspects() {
    if (now.suspects) return show(null);
    const asked = now.frame;
    try {
      const found = await routes.suspects(asked, now.name);
      if (asked !== now.frame) return undefined;
      if (!found.through && !found.missing) say('The truth on what is marked here looks right.');
      return show(found);
    } catch (error) {
      return say(`${error.message}.`);
    }
  }

  function show(found) {
    now.suspects = found;
    draw();
  }

  function choose(what) {
    hand.give();
    Object.assign(now, what);
    if (what.surface && now.tool === 'erase') now.tool = 'paint';
    draw();
  }

  function size(by) {
    const at = WIDTHS.findIndex((width) => width >= now.radius);
    choose({radius: WIDTHS[clamp(at + by, 0, WIDTHS.length - 1)]});
  }

  function hide(isHidden) {
    if (now.isHidden === isHidden) return;
    now.isHidden = isHidden;
    draw();
  }

  function escape() {
    if (hand.give()) return;
    if (now.suspects) show(null);
    else say('');
  }

  /* What came back */

  function answered(state, item) {
    if (item.annotator !== now.name) return;
    frames.put(state);
    const tags = {...now.tags};
    if (state.tag) tags[state.frame] = state.tag;
    else delete tags[state.frame];
    for (const waiting of saving.tags(now.name)) tags[waiting.frame] = waiting.tag;
    now.tags = tags;
    now.looked[state.is_marked ? 'add' : 'delete'](state.frame);
    now.waiting[state.proposals.length ? 'add' : 'delete'](state.frame);
    if ((item.do === 'undo' || item.do === 'redo') && state.frame !== now.frame) go(state.frame);
    if (item.do === 'exclude') now.suspects = null;
    if (WIDE.includes(item.do)) retell(true, item.do);
    else soon();
    const isDecided = item.do === 'accept' || item.do === 'reject';
    if (isDecided && item.frame === now.frame && !state.proposals.length && now.waiting.size) nextWaiting();
    draw();
  }

  function refused(sentence) {
    say(`${sentence[0].toUpperCase()}${sentence.slice(1)}.`);
  }

  /** What the server knows of all frames, and what to look at next. */
  async function retell(isWide, why = '') {
    const who = now.name;
    try {
      const [told, {queue}] = await Promise.all([routes.overview(who), routes.queue(who, now.first)]);
      if (signal.aborted || who !== now.name) return;
      overview = told;
      now.tags = {...told.tags, ...Object.fromEntries(saving.tags(who).map((item) => [item.frame, item.tag]))};
      now.waiting = new Set(told.waiting);
      now.looked = new Set(told.looked_at);
      now.refusal = told.refusal;
      now.queue = queue.map(({frame}) => frame);
      now.scores = new Map(queue.map(({frame, score}) => [frame, score]));
      if (why === 'carry') say(now.waiting.size ? `Proposed in ${now.waiting.size} frames: w goes there, a accepts, x rejects.` : 'No other frame sees it, or all of it is decided there.');
      if (isWide) frames.forget();
      frames.want(now.frame);
      frames.ahead(now.queue.slice(0, AHEAD));
      side.known(told);
      tell();
    } catch (error) {
      if (!signal.aborted) say(`${error.message}.`);
    }
  }

  /* Who */

  function askAgain() {
    cover.replaceChildren(askName(become));
  }

  function become(name) {
    hand.give();
    cover.replaceChildren();
    Object.assign(now, {name, first: '', tags: {}, waiting: new Set(), looked: new Set(), suspects: null, chosen: null});
    frames.belong(name);
    frames.want(now.frame);
    draw();
    return retell(true);
  }

  /** Paint what was agreed on, or go back to one's own marks. */
  function as(name, frame) {
    become(name ?? knownName());
    if (frame) go(frame);
    say(name === SETTLED ? 'You paint what counts for everybody now.' : '');
  }

  /** Keep what was settled; it is kept when this is over, and an error says why it is not. */
  async function settle(fields) {
    await routes.act({do: 'settle', annotator: SETTLED, ...fields});
    retell(true);
  }

  async function pass(first) {
    now.first = first;
    await retell(false);
    if (first) next();
  }

  frames.belong(now.name);
  if (!now.name && !isReadOnly) askAgain();
  else if (!now.name && overview.annotators.length) become(overview.annotators[0]);
  go(names.find((frame) => !overview.tags[frame]) ?? names[0]);
  saving.retry();
  retell(false).then(() => {
    if (counted.count < 2 && now.queue.length && !Object.keys(now.tags).length) go(now.queue[0]);
  });

  return {
    close() {
      abort.abort();
      saving.close();
      place.replaceChildren();
    },
  };
}
