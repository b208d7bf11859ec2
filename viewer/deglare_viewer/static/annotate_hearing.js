/**
 * What the server answers, and whose marks they are.
 */

import {later} from './dom.js';
import {SETTLED} from './annotate_look.js';
import {askName, knownName} from './annotate_who.js';

const AHEAD = 4;
const RETELL_MS = 300;

/** Deeds after which other frames are not what they were. */
const WIDE = ['carry', 'accept_all', 'accept', 'reject', 'undo', 'redo', 'start'];

/** @param {import('./annotate_desk.js').Desk} desk */
export function createHearing(desk) {
  const {now, names, frames, saving, routes, going, signal} = desk;
  const soon = later(RETELL_MS, signal, () => retell(false));

  function answered(state, item) {
    if (item.annotator !== now.name) return;
    frames.put(state);
    const isStep = item.do === 'undo' || item.do === 'redo';
    if (state.frame !== desk.overview.mesh) heardOf(state);
    if (isStep && !isSeen(state.frame)) going.go(state.frame);
    if (item.do === 'exclude') now.suspects = null;
    if (WIDE.includes(item.do)) retell(true, item.do);
    else soon();
    const isDecided = item.do === 'accept' || item.do === 'reject';
    if (isDecided && item.frame === now.frame && !state.proposals.length && now.waiting.size) going.waiting();
    desk.draw();
  }

  const isSeen = (frame) => (desk.mesh.isOpen() ? frame === desk.overview.mesh : frame === now.frame);

  /** One frame as it is now. */
  function heardOf(state) {
    const tags = {...now.tags};
    if (state.tag) tags[state.frame] = state.tag;
    else delete tags[state.frame];
    for (const waiting of saving.tags(now.name)) tags[waiting.frame] = waiting.tag;
    now.tags = tags;
    now.looked[state.is_marked ? 'add' : 'delete'](state.frame);
    now.waiting[state.proposals.length ? 'add' : 'delete'](state.frame);
  }

  function refused(sentence) {
    desk.say(`${sentence[0].toUpperCase()}${sentence.slice(1)}.`);
  }

  /** What the server knows of all frames, and what to look at next. */
  async function retell(isWide, why = '') {
    const who = now.name;
    try {
      const [told, {queue}] = await Promise.all([routes.overview(who), routes.queue(who, now.first)]);
      if (signal.aborted || who !== now.name) return;
      desk.overview = told;
      now.tags = {...told.tags, ...Object.fromEntries(saving.tags(who).map((item) => [item.frame, item.tag]))};
      now.waiting = new Set(told.waiting);
      now.looked = new Set(told.looked_at);
      now.refusal = told.refusal;
      now.queue = queue.map(({frame}) => frame);
      now.scores = new Map(queue.map(({frame, score}) => [frame, score]));
      if (why === 'carry') desk.say(now.waiting.size ? `Proposed in ${now.waiting.size} frames: w goes there, a accepts, x rejects, painting corrects.` : 'Nothing waits: no other frame sees it, or all of it is decided there.');
      if (isWide) frames.forget();
      frames.want(now.frame);
      if (desk.mesh.isOpen()) frames.wantMarks(told.mesh);
      frames.ahead(now.queue.slice(0, AHEAD));
      desk.side.known(told);
      desk.tell();
    } catch (error) {
      if (!signal.aborted) desk.say(`${error.message}.`);
    }
  }

  /** Ask who it is. */
  function name() {
    desk.cover.replaceChildren(askName(become));
  }

  function become(who) {
    desk.hand.give();
    desk.cover.replaceChildren();
    Object.assign(now, {name: who, first: '', tags: {}, waiting: new Set(), looked: new Set(), suspects: null, chosen: null});
    frames.belong(who);
    frames.want(now.frame);
    if (desk.mesh.isOpen()) frames.wantMarks(desk.overview.mesh);
    desk.draw();
    return retell(true);
  }

  /** Paint what was agreed on, or go back to one's own marks. */
  function as(who, frame) {
    become(who ?? knownName());
    if (frame) going.go(frame);
    desk.say(who === SETTLED ? 'You paint what counts for everybody now.' : '');
  }

  /** Keep what was settled; it is kept when this is over, and an error says why it is not. */
  async function settle(fields) {
    await routes.act({do: 'settle', annotator: SETTLED, ...fields});
    retell(true);
  }

  async function pass(first) {
    now.first = first;
    await retell(false);
    if (first) going.next();
  }

  /** The first frame, and then the best one: to begin with, or for a reader one that is marked. Over when that is known. */
  function begin() {
    const {overview, counted} = desk;
    frames.belong(now.name);
    if (!now.name && !desk.isReadOnly) name();
    else if (desk.isReadOnly && overview.annotators.length && !overview.annotators.includes(now.name)) become(overview.annotators[0]);
    going.go(names.find((frame) => !overview.tags[frame]) ?? names[0]);
    saving.retry();
    const first = now.frame;
    const isFresh = () => counted.count < 2 && !saving.standing().waiting && !desk.hand.isDrawing() && !Object.keys(now.tags).length;
    const marked = () => names.find((frame) => now.looked.has(frame) && ['reflective', undefined].includes(now.tags[frame]));
    return retell(false).then(() => {
      const best = desk.isReadOnly ? marked() : isFresh() && now.queue[0];
      if (best && best !== first && now.frame === first) going.go(best);
    });
  }

  return {answered, refused, brought: () => retell(true), name, become, as, settle, pass, begin};
}
