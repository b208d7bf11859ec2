/**
 * What keys, buttons and strokes do. Everything that changes anything goes to `saving`, one after the other.
 */

import {clamp} from './dom.js';

const WIDTHS = [1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96];

/** @param {import('./annotate_desk.js').Desk} desk */
export function createDoing(desk) {
  const {now, frames, saving, going} = desk;

  /** What is looked at: a frame, or the mesh. */
  const here = () => (desk.mesh.isOpen() ? desk.overview.mesh : now.frame);

  function add(what, fields = {}, frame = now.frame) {
    if (!desk.may()) return desk.say(now.name ? 'This studio only shows annotations.' : 'Say who you are first.');
    const after = frames.get(frame)?.state?.last_seq ?? 0;
    return saving.add({do: what, annotator: now.name, frame, after, ...fields});
  }

  function tag(value) {
    if (!desk.may()) return;
    if (desk.mesh.isOpen()) return void desk.say('Tags are for frames: m goes back to the frame.');
    desk.hand.leave();
    add('tag', {tag: value});
    now.tags = {...now.tags, [now.frame]: value};
    now.looked.add(now.frame);
    now.queue = now.queue.filter((frame) => frame !== now.frame);
    going.next();
  }

  /** A stroke over a proposal corrects it: the rest of it is taken. */
  function drawn(stroke) {
    const one = proposal();
    if (one) {
      add('correct', {stroke, proposal: one.seq});
      desk.say('The proposal is taken as you mend it: ctrl z leaves it open again.');
    } else add('stroke', {stroke});
    now.looked.add(now.frame);
    desk.draw();
  }

  function drawnOnMesh(stroke) {
    add('stroke', {stroke}, desk.overview.mesh);
    desk.draw();
  }

  function stepped(what) {
    if (!desk.hand.back()) add(what);
  }

  /** The one that is chosen, of those that nobody is correcting. */
  function proposal() {
    const mended = saving.mended(now.name, now.frame);
    const there = (frames.get(now.frame)?.proposals ?? []).filter(({seq}) => !mended.has(seq));
    return there.find(({seq}) => seq === now.chosen) ?? there[0] ?? null;
  }

  function decide(what) {
    const one = desk.mesh.isOpen() ? null : proposal();
    if (!one) going.waiting();
    else if (what === 'accept_all') add(what, {origin: one.origin});
    else add(what, {proposal: one.seq});
  }

  function carry() {
    desk.say('Carrying to every frame that sees it …');
    add('carry', {}, here());
  }

  async function suspects() {
    if (now.suspects) return show(null);
    const asked = now.frame;
    try {
      const found = await desk.routes.suspects(asked, now.name);
      if (asked !== now.frame) return undefined;
      if (!found.through && !found.missing) desk.say('The truth on what is marked here looks right.');
      return show(found);
    } catch (error) {
      return desk.say(`${error.message}.`);
    }
  }

  function show(found) {
    now.suspects = found;
    desk.draw();
  }

  function choose(what) {
    if (what.tool === 'polygon' && desk.mesh.isOpen()) return void desk.say('Polygons are for frames: paint the mesh with the brush.');
    desk.hand.give();
    Object.assign(now, what);
    if (what.surface && now.tool === 'erase') now.tool = 'paint';
    desk.draw();
  }

  function size(by) {
    const at = WIDTHS.findIndex((width) => width >= now.radius);
    choose({radius: WIDTHS[clamp(at + by, 0, WIDTHS.length - 1)]});
  }

  function hide(isHidden) {
    if (now.isHidden === isHidden) return;
    now.isHidden = isHidden;
    desk.draw();
  }

  function escape() {
    if (desk.hand.give()) return;
    if (now.suspects) show(null);
    else if (desk.mesh.isOpen()) going.mesh();
    else desk.say('');
  }

  function select(seq) {
    now.chosen = seq;
    desk.draw();
  }

  return {
    tag, drawn, drawnOnMesh, carry, suspects, choose, size, hide, escape, select,
    undo: () => stepped('undo'),
    redo: () => stepped('redo'),
    accept: () => decide('accept'),
    reject: () => decide('reject'),
    acceptAll: () => decide('accept_all'),
    start: () => add('start', {surface: now.surface}),
    exclude: (none) => add('exclude', none ? {none: true} : {}),
  };
}
