/**
 * One clip as it stands, from the first sight of it to what was found.
 */

import {button, h, setText} from './dom.js';
import {fileAt} from './films_asking.js';

const MB = 1e6;

/**
 * @param {?Object} told what the server said of a clip; null where there is none
 * @param {Object<string, () => void>} acts what the visitor can do
 * @param {{kept: string}} offer
 * @returns {{element: HTMLElement, update: (told: Object) => void, refuse?: (says: string) => void}}
 */
export function stageOf(told, acts, offer) {
  const make = {coming, planned, waiting: working, working, stopping: working, stopped, failed: stopped, done}[told?.state];
  return make ? make(told, acts, offer) : empty(told, offer);
}

function empty(told, {kept}) {
  const element = h(
    'div',
    {class: 'empty'},
    told?.says && h('p', {class: 'refused', role: 'alert'}, whole(told.says)),
    h('h2', {}, 'A room you filmed, in depth'),
    h(
      'p',
      {},
      'Bring a clip of a room: its cameras are found from the pictures alone, its depth is predicted, fused to a mesh and ' +
        'mended where surfaces reflect, and then you look at every pixel of it on the Inspect tab.',
    ),
    h(
      'p',
      {},
      'Film ten seconds to two minutes, walk slowly and sideways rather than turning on the spot, keep things with texture ' +
        'in view besides blank walls and shiny floors, and keep the zoom as it is.',
    ),
    h(
      'p',
      {class: 'quiet'},
      `The clip stays on the machine that runs this studio. Only this browser can see it, and it is deleted with all that ` +
        `was made of it after ${kept}, or when you say so.`,
    ),
  );
  return {element, update() {}};
}

function coming({name, share}, acts) {
  const line = h('div', {class: 'line'});
  const says = h('p', {class: 'quiet'});
  const update = ({share: part}) => {
    line.style.setProperty('--share', part);
    setText(says, part < 1 ? `${Math.floor(100 * part)} % is here` : 'looking at it');
  };
  update({share});
  const leave = button('cancel', 'Stop sending it', () => acts.leave?.());
  return {element: h('div', {}, head(name, '', leave), h('div', {class: 'bar'}, line), says), update};
}

function planned(told, acts) {
  const refused = h('p', {class: 'refused', role: 'alert', hidden: true});
  const body = h('div', {class: 'plan'});
  const start = button('start', 'Begin with the work', acts.start, 'text go');
  const update = ({plan, kept}) => {
    refused.hidden = true;
    start.disabled = false;
    body.replaceChildren(
      facts(plan.rows),
      h('p', {class: 'expect'}, plan.expect),
      ...plan.notes.map((note) => h('p', {class: 'note'}, note)),
      h('p', {class: 'quiet'}, `Nothing has begun yet. The clip is ${kept}.`),
    );
  };
  const refuse = (says) => {
    refused.hidden = false;
    start.disabled = true;
    setText(refused, whole(says));
  };
  update(told);
  const element = h('div', {}, head(told.name, 'what will be done', remove(acts), start), refused, body);
  return {element, update, refuse};
}

function working(told, acts) {
  const line = h('div', {class: 'line'});
  const says = h('p', {class: 'says'});
  const left = h('span', {class: 'left'});
  const steps = h('ol', {class: 'stages'});
  const update = (now) => {
    line.style.setProperty('--share', now.share);
    setText(says, sentenceOf(now));
    setText(left, now.state === 'working' ? now.left : '');
    tick(steps, now);
  };
  update(told);
  const stop = button('cancel', 'Stop the work; what is done of it stays', acts.stop);
  stop.disabled = told.state === 'stopping';
  const element = h('div', {}, head(told.name, '', stop), h('div', {class: 'bar'}, line), h('div', {class: 'under'}, says, left), steps, h('p', {class: 'quiet'}, 'You can close or reload this page: the work goes on, and this browser finds it again.'));
  return {element, update};
}

/** The stages as a list: those that are done, the one that is now with how far it is, those to come. */
function tick(steps, {state, stages, now, count}) {
  if (steps.childElementCount !== stages.length) {
    steps.replaceChildren(...stages.map((one) => h('li', {}, h('span', {}, one), h('i', {}))));
  }
  [...steps.children].forEach((step, place) => {
    const isNow = state !== 'waiting' && place === (now ?? 0);
    step.className = isNow ? 'now' : place < (now ?? 0) ? 'past' : '';
    setText(step.lastChild, isNow ? count : '');
  });
}

function sentenceOf({state, place, stages, now}) {
  if (state === 'waiting') return place === 1 ? 'One clip is before yours.' : `${place} clips are before yours.`;
  if (state === 'stopping') return 'Stopping.';
  return now === null ? 'Starting the work.' : `${capital(stages[now])}.`;
}

function stopped(told, acts) {
  const isFailed = told.state === 'failed';
  const says = isFailed ? told.error : told.now === null || told.now === undefined ? 'The work was stopped.' : `The work was stopped while ${told.stages[told.now]}. What was done before stays.`;
  const refused = h('p', {class: 'refused', role: 'alert', hidden: true});
  const refuse = (why) => {
    refused.hidden = false;
    setText(refused, whole(why));
  };
  const go = button(isFailed ? 'try again' : 'go on', 'Go on where it ended', acts.start, 'text go');
  const steps = h('ol', {class: 'stages ended'});
  if (told.stages) tick(steps, told);
  const element = h(
    'div',
    {},
    head(told.name, isFailed ? 'it did not work' : 'stopped', remove(acts), told.stages && go),
    refused,
    h('p', {class: isFailed ? 'refused' : 'says'}, whole(says ?? '')),
    steps,
    h('p', {class: 'quiet'}, whole(`the clip and what was made of it are ${told.kept}`)),
  );
  return {element, update() {}, refuse};
}

function done(told, acts) {
  const look = told.can_look && button('look at every pixel', 'Open its run on the Inspect tab', acts.look, 'text go');
  const film = told.files.some(({name}) => name === 'depth.mp4') && player(told.id);
  const verdict = h(
    'div',
    {class: 'verdict'},
    h('p', {class: `headline ${told.outcome}`}, told.headline),
    facts(told.rows),
    said(told.outcome === 'whole' ? 'be careful' : 'why', told.reasons),
    said('next time', told.advice),
    said('besides', told.notes),
  );
  const shelf = h('div', {class: 'files'}, ...told.files.map((file) => row(told.id, file)));
  const element = h(
    'div',
    {},
    head(told.name, told.kept, remove(acts), look),
    h('div', {class: 'found'}, film, verdict, shelf),
  );
  return {element, update() {}};
}

function player(id) {
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const film = h('video', {src: fileAt(id, 'depth.mp4'), controls: true, loop: true, playsinline: true, preload: 'metadata'});
  film.muted = true;
  film.autoplay = !isStill;
  film.setAttribute('aria-label', 'depth of the clip');
  return film;
}

function row(id, {name, title, bytes}) {
  const size = bytes === null ? 'zip' : bytes < MB ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / MB).toFixed(1)} MB`;
  return h('a', {href: fileAt(id, name), download: '', title: name}, h('span', {}, title), h('i', {}, size));
}

function said(title, lines) {
  if (!lines.length) return null;
  return h('div', {class: 'said'}, h('h4', {}, title), ...lines.map((line) => h('p', {}, line)));
}

function facts(rows) {
  return h('dl', {}, ...rows.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
}

function head(name, says, ...buttons) {
  return h('header', {}, h('h3', {title: name}, name), h('span', {}, says), ...buttons.filter(Boolean));
}

/** Twice, because nothing brings it back. */
function remove(acts) {
  const press = () => {
    if (one.dataset.sure) acts.remove();
    else {
      one.dataset.sure = '1';
      one.textContent = 'really delete';
      setTimeout(() => {
        delete one.dataset.sure;
        one.textContent = 'delete now';
      }, 4000);
    }
  };
  const one = button('delete now', 'Delete the clip and everything that was made of it', press, 'text drop-it');
  return one;
}

/** A sentence as it stands on the page. */
const whole = (text) => capital(text) + (/[.!?]$/.test(text) ? '' : '.');
const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);
