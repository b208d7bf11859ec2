/**
 * Which frame is looked at, or the mesh, and which one comes next.
 */

import {clamp} from './dom.js';

const AHEAD = 4;

/** @param {import('./annotate_desk.js').Desk} desk */
export function createGoing(desk) {
  const {now, names, frames} = desk;

  /** Look at a frame: its picture, or the mesh from there if that is open. */
  function look(frame) {
    if (frame !== now.frame) {
      desk.hand.leave();
      Object.assign(now, {frame, suspects: null, chosen: null});
      desk.mesh.frameChanged();
    }
    frames.want(frame);
    desk.draw();
    const at = names.indexOf(frame);
    const rest = now.queue.filter((one) => one !== frame).slice(0, AHEAD);
    setTimeout(() => frames.ahead([...rest, names[at + 1], names[at - 1], ...[...now.waiting].slice(0, 2)].filter(Boolean)));
  }

  /** See a frame, or the mesh by its name. */
  function go(frame) {
    if (frame === desk.overview.mesh) return openMesh();
    desk.mesh.close();
    return look(frame);
  }

  function openMesh() {
    desk.hand.give();
    if (now.tool === 'polygon') now.tool = 'paint';
    desk.mesh.open();
    desk.draw();
  }

  function mesh() {
    if (!desk.overview.mesh) desk.say('This run has no mesh to paint on: label it first.');
    else if (desk.mesh.isOpen()) go(now.frame);
    else openMesh();
  }

  const step = (by) => look(names[clamp(names.indexOf(now.frame) + by, 0, names.length - 1)]);

  /** The next that is worth a look: of the queue, then whatever has no tag, in order of time. */
  function next() {
    const queued = now.queue.find((frame) => !now.tags[frame] && frame !== now.frame);
    if (queued) return go(queued);
    if (now.first) return desk.say(`The second pass is done: every frame of ${now.first} has your marks too.`);
    const at = names.indexOf(now.frame);
    const open = [...names.slice(at + 1), ...names.slice(0, at)].find((frame) => !now.tags[frame]);
    return open ? go(open) : desk.say('Every frame is tagged.');
  }

  function skip() {
    now.queue = [...now.queue.filter((frame) => frame !== now.frame), ...now.queue.filter((frame) => frame === now.frame)];
    next();
  }

  function waiting() {
    const order = [...names.slice(names.indexOf(now.frame) + 1), ...names];
    const isHere = desk.mesh.isOpen() ? () => false : (frame) => frame === now.frame; // behind the mesh it is not seen
    const found = order.find((frame) => now.waiting.has(frame) && !isHere(frame));
    if (found) go(found);
    else desk.say(now.waiting.has(now.frame) ? 'No other frame has a proposal.' : 'No proposal waits.');
  }

  return {look, go, mesh, step, next, skip, waiting};
}
