/**
 * One run on the desk: everything the tab consists of, put together.
 *
 * @typedef {Object} Desk what its parts share; whoever comes later finds what came earlier
 * @property {Object} now what is looked at and by whom, and what is known of all frames
 * @property {Object} overview what the server said last @property {string[]} names of frames
 * @property {() => boolean} may whether anything can be done @property {(text: string) => void} say
 * @property {() => void} draw the picture, and tell the rest @property {() => void} tell
 */

import {h, later} from './dom.js';
import {createAgreeing} from './annotate_agree.js';
import {createBar} from './annotate_bar.js';
import {createDoing} from './annotate_doing.js';
import {createFrames} from './annotate_frames.js';
import {createGoing} from './annotate_going.js';
import {attachHand} from './annotate_hand.js';
import {createHearing} from './annotate_hearing.js';
import {attachKeys, createSheet} from './annotate_keys.js';
import {SURFACES} from './annotate_look.js';
import {createMeshDesk} from './annotate_mesh.js';
import {createPicture} from './annotate_picture.js';
import {createSaving} from './annotate_saving.js';
import {createSide} from './annotate_side.js';
import {createStrip} from './annotate_strip.js';
import {knownName} from './annotate_who.js';

const NOTE_MS = 6000;

/**
 * @param {HTMLElement} place @param {string} run @param {ReturnType<typeof import('./annotate_asking.js').routesOf>} routes
 * @param {boolean} isReadOnly
 */
export async function openDesk(place, run, routes, isReadOnly) {
  const abort = new AbortController();
  const {signal} = abort;
  const overview = await routes.overview(knownName());
  const now = begun(overview);
  const counted = {frame: null, count: 0};
  let telling = 0;

  /** @type {Desk} */
  const desk = {
    now, overview, run, routes, isReadOnly, signal, counted,
    names: overview.frames,
    may: () => Boolean(now.name) && !isReadOnly && desk.names.length > 0,
    colour: () => (now.tool === 'erase' ? '#ffffff' : SURFACES.find(({name}) => name === now.surface).colour),
    draw,
    tell,
    say,
  };
  const unsay = later(NOTE_MS, signal, () => say(''));
  const canvas = h('canvas', {class: 'picture', 'aria-label': 'the frame, to be painted on'});
  desk.cover = h('div', {class: 'cover'});
  desk.frames = createFrames(routes, overview.version, overview.surfaces, (frame) => [now.frame, overview.mesh].includes(frame) && draw());
  desk.saving = createSaving(run, routes, {answered: (...told) => hearing.answered(...told), refused: (sentence) => hearing.refused(sentence), changed: tell});
  desk.picture = createPicture(canvas, desk, signal);
  desk.mesh = createMeshDesk({...desk, done: (stroke) => doing.drawnOnMesh(stroke)}, signal);
  const going = (desk.going = createGoing(desk));
  const hearing = createHearing(desk);
  const doing = createDoing(desk);
  const sheet = createSheet();
  const acts = {
    ...going, ...doing, ...hearing,
    retry: desk.saving.retry, drop: desk.saving.drop,
    agree: () => agreeing.open(),
    whole: () => (desk.mesh.isOpen() ? desk.mesh.view()?.toWhole() : desk.picture.sight.whole()),
    help: () => (sheet.open ? sheet.close() : sheet.showModal()),
    space: () => desk.hand.space(), close: () => desk.hand.close(), back: () => desk.hand.back(),
  };
  const bar = createBar(acts, Boolean(overview.mesh));
  const side = (desk.side = createSide(desk, acts));
  const strip = createStrip({frames: desk.names, go: going.look}, signal);
  const agreeing = createAgreeing({...desk, overview: () => desk.overview}, acts);
  desk.hand = attachHand(canvas, desk.picture.sight, {
    tool: () => now.tool, radius: () => now.radius, surface: () => now.surface, may: () => desk.may() && !now.isHidden,
    colour: desk.colour, drawing: desk.picture.drawing, done: doing.drawn,
  }, signal);
  attachKeys(place, acts, () => sheet.open || agreeing.isOpen() || desk.cover.childElementCount > 0, signal);
  const middle = h('main', {class: 'middle'}, canvas, desk.mesh.element, desk.cover);
  place.replaceChildren(bar.element, middle, side.element, strip.element, agreeing.element, sheet);
  const known = (place.annotate = {now, acts, counted, frames: desk.frames, saving: desk.saving, picture: desk.picture, sight: desk.picture.sight, mesh: desk.mesh, isBegun: false});

  function draw() {
    if (desk.picture.draw()) {
      counted.frame = now.frame;
      counted.count += 1;
    }
    desk.mesh.draw();
    tell();
  }

  /** Everything around the picture; it may come a moment later than the picture. */
  function tell() {
    telling ||= requestAnimationFrame(tellNow);
  }

  function tellNow() {
    telling = 0;
    if (signal.aborted) return;
    const standing = desk.saving.standing();
    bar.update({...now, tag: now.tags[now.frame] ?? null, may: desk.may(), isMesh: desk.mesh.isOpen()});
    strip.draw({...now, queue: new Set(now.queue)});
    side.update(desk.frames.get(now.frame)?.state);
    side.saved(bar.saved, standing);
  }

  function say(text) {
    now.note = text;
    if (text) unsay();
    tell();
  }

  hearing.begin().finally(() => (known.isBegun = true));
  return {
    close() {
      abort.abort();
      desk.saving.close();
      place.replaceChildren();
    },
  };
}

function begun(overview) {
  return {
    name: knownName(), first: '', frame: overview.frames[0], tool: 'paint', surface: 'glossy', radius: 8,
    tags: overview.tags, waiting: new Set(overview.waiting), looked: new Set(overview.looked_at),
    queue: [], scores: new Map(), isHidden: false, suspects: null, chosen: null, note: '', refusal: overview.refusal,
  };
}
