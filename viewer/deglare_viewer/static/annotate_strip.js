/**
 * All frames in a line: what each is tagged, where proposals wait, what is open. A click goes there.
 */

import {h} from './dom.js';
import {PROPOSED, colourOfTag} from './annotate_look.js';

const OPEN = '#3a3a40';
const HEIGHT = 30;

/** @param {{frames: string[], go: (frame: string) => void}} desk @param {AbortSignal} signal */
export function createStrip(desk, signal) {
  const canvas = h('canvas', {class: 'frames', tabindex: '-1', 'aria-label': 'frames: a click goes there'});
  const words = h('p', {class: 'counts'});
  const element = h('div', {class: 'strip'}, canvas, words);
  let last = null;

  function draw(standing = last) {
    last = standing;
    const width = canvas.clientWidth;
    if (!standing || !width) return;
    const ratio = window.devicePixelRatio || 1;
    Object.assign(canvas, {width: Math.round(width * ratio), height: HEIGHT * ratio});
    const context = canvas.getContext('2d', {willReadFrequently: true});
    context.scale(ratio, ratio);
    const step = width / desk.frames.length;
    const gap = step > 4 ? 1 : 0;
    desk.frames.forEach((frame, i) => {
      const colour = colourOfTag(standing.tags[frame]);
      context.fillStyle = colour ?? OPEN;
      context.fillRect(i * step, 7, Math.max(step - gap, 0.5), 16);
      if (!colour && standing.looked.has(frame)) {
        context.fillStyle = '#8a8a94'; // painted, not tagged yet
        context.fillRect(i * step, 19, Math.max(step - gap, 0.5), 4);
      }
      if (standing.queue.has(frame)) {
        context.fillStyle = '#e1e1e1';
        context.fillRect(i * step + step / 2 - 1, 26, 2, 2);
      }
      if (standing.waiting.has(frame)) {
        context.fillStyle = PROPOSED;
        context.fillRect(i * step, 2, Math.max(step - gap, 1), 3);
      }
    });
    const now = desk.frames.indexOf(standing.frame);
    context.strokeStyle = '#ffffff';
    context.lineWidth = 1.5;
    context.strokeRect(now * step - 0.75 - gap / 2, 5.5, Math.max(step, 3) + 0.5, 19);
    say(standing, now);
  }

  function say({tags, waiting, queue}, now) {
    const tagged = Object.keys(tags).length;
    const parts = [
      `frame ${now + 1} of ${desk.frames.length}`,
      `${tagged} tagged`,
      `${waiting.size} with proposals`,
      `${desk.frames.length - tagged} open`,
      queue.size ? `${queue.size} in the queue (dots)` : null,
    ];
    words.textContent = parts.filter(Boolean).join('  ·  ');
  }

  const goTo = (event) => {
    const box = canvas.getBoundingClientRect();
    const i = Math.floor(((event.clientX - box.left) / box.width) * desk.frames.length);
    if (desk.frames[i]) desk.go(desk.frames[i]);
  };
  canvas.addEventListener('pointerdown', goTo, {signal});
  canvas.addEventListener('pointermove', (event) => event.buttons === 1 && goTo(event), {signal});
  const watcher = new ResizeObserver(() => draw());
  watcher.observe(canvas);
  signal.addEventListener('abort', () => watcher.disconnect());
  return {element, draw};
}
