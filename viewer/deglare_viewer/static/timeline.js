/**
 * The frames as a bar chart: the eye finds the bad ones before a hand moves. Drag to scrub.
 */

import {ACCENT, REFLECTIVE, css} from './colours.js';
import {button, clamp, fitCanvas, h, isNumber, penOf, setText} from './dom.js';

const SPEEDS = [2, 5, 10, 20, 30];
const FOOT = 6;

/** @param {import('./viewport.js').Studio} studio */
export function createTimeline(studio) {
  const {store, beat, signal, manifest, actions} = studio;
  const {state} = store;
  const count = manifest.frames.length;
  const canvas = h('canvas', {
    class: 'bars',
    role: 'slider',
    tabindex: 0,
    'aria-label': 'Frame',
    'aria-valuemin': 1,
    'aria-valuemax': count,
  });
  const pen = penOf(canvas);
  const play = h('button', {class: 'icon', onclick: () => actions.play()});
  const place = h('output', {class: 'place'});
  const hintValue = h('b', {});
  const hint = h('span', {class: 'hint'}, hintValue, ` ${manifest.bars.what}`);
  const element = h(
    'section',
    {class: 'timeline', 'aria-label': 'Frames'},
    h(
      'div',
      {class: 'transport'},
      button('‹', 'Frame before (←)', () => actions.step(-1), 'icon'),
      play,
      button('›', 'Frame after (→)', () => actions.step(1), 'icon'),
      place,
      speedChooser(),
      button('worst frame', 'Go to the worst frame, again for the next (g)', () => actions.worst()),
    ),
    h('div', {class: 'track'}, canvas, hint),
  );
  const most = Math.max(...manifest.bars.values.filter(isNumber), 1e-9);
  let under = null;

  function speedChooser() {
    const select = h('select', {'aria-label': 'Frames a second', title: 'Frames a second while playing'});
    select.append(...SPEEDS.map((fps) => h('option', {value: fps, selected: fps === state.speed}, `${fps}/s`)));
    select.addEventListener('change', () => {
      store.set({speed: Number(select.value)});
      select.blur();
    });
    return select;
  }

  function draw() {
    const {width, height, ratio} = fitCanvas(canvas);
    const step = width / count;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const floor = height - FOOT;
    pen.fillStyle = '#3a3a40';
    pen.fillRect(0, floor, width, 1);
    const gap = step > 5 ? 1 : 0;
    for (let i = 0; i < count; i++) {
      const value = manifest.bars.values[i];
      const isHere = i === state.frame;
      const tall = isNumber(value) ? Math.max(1, (value / most) * (floor - 4)) : 0;
      if (isHere) fill('rgb(255 255 255 / 0.14)', i * step, 0, Math.max(step, 2), floor);
      const colour = isHere
        ? '#ffffff'
        : i === under
          ? '#d4d4da'
          : manifest.has.regions
            ? css(REFLECTIVE, 0.62)
            : '#85858f';
      fill(colour, i * step, floor - tall, Math.max(step - gap, 1), tall);
    }
    for (const frame of state.seenIn ?? []) fill(css(ACCENT), frame * step, floor + 2, Math.max(step - gap, 1), 3);
    describe();
  }

  function fill(colour, left, top, width, height) {
    pen.fillStyle = colour;
    pen.fillRect(left, top, width, height);
  }

  function describe() {
    const frame = under ?? state.frame;
    const value = manifest.bars.values[frame];
    setText(place, `${state.frame + 1} / ${count}`);
    setText(hintValue, `${manifest.frames[frame]} · ${isNumber(value) ? value.toFixed(3) : 'none'}`);
    setText(play, state.playing ? '❚❚' : '▶');
    play.setAttribute('aria-label', state.playing ? 'Pause (space)' : 'Play (space)');
    play.title = play.getAttribute('aria-label');
    canvas.setAttribute('aria-valuenow', state.frame + 1);
    canvas.setAttribute('aria-valuetext', `frame ${manifest.frames[state.frame]}`);
  }

  function frameAt(event) {
    const box = canvas.getBoundingClientRect();
    return clamp(Math.floor(((event.clientX - box.left) / box.width) * count), 0, count - 1);
  }

  const listen = (kind, work) => canvas.addEventListener(kind, work, {signal});
  listen('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    store.set({playing: false});
    actions.go(frameAt(event));
  });
  listen('pointermove', (event) => {
    under = frameAt(event);
    if (event.buttons & 1) actions.go(under);
    beat(draw, 3);
  });
  listen('pointerleave', () => {
    under = null;
    beat(draw, 3);
  });
  const watcher = new ResizeObserver(() => beat(draw, 3));
  watcher.observe(canvas);
  signal.addEventListener('abort', () => watcher.disconnect());
  store.on(['frame', 'playing', 'seenIn', 'version'], () => beat(draw, 3));
  startPlayer(studio);
  return {element};
}

/** Go on while playing, but never faster than frames come. */
function startPlayer({store, live, manifest, signal}) {
  const {state} = store;
  let timer = 0;

  function tick() {
    const isShown = live.shown()?.frame === state.frame;
    if (isShown) store.set({frame: (state.frame + 1) % manifest.frames.length});
  }

  function change() {
    clearInterval(timer);
    if (state.playing) timer = setInterval(tick, 1000 / state.speed);
  }

  store.on(['playing', 'speed'], change);
  signal.addEventListener('abort', () => clearInterval(timer));
}
