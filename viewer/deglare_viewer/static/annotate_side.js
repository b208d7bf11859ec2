/**
 * Beside the picture: who marks, this frame, what is proposed, what comes next, files and agreement.
 */

import {h, percent, setText} from './dom.js';
import {createFiles} from './annotate_files.js';
import {SETTLED} from './annotate_look.js';

/** @param {import('./annotate_desk.js').Desk} desk @param {Object} acts */
export function createSide({now, overview, routes, frames, mesh, isReadOnly}, acts) {
  const act = (text, title, press, key) =>
    h('button', {type: 'button', title: key ? `${title} (${key})` : title, onclick: press}, key && h('kbd', {}, key), text);
  const who = h('div', {class: 'row'});
  const second = h('select', {'aria-label': 'second pass over the frames of', title: 'a blind second pass: you see the frames another one looked at, not their marks'});
  const frame = h('h2', {});
  const about = h('p', {class: 'quiet'});
  const list = h('ul', {class: 'proposals'});
  const none = h('p', {class: 'quiet'});
  const note = h('p', {class: 'note', role: 'status'});
  const truth = h('div', {class: 'acts'});
  const files = createFiles({now, routes, isReadOnly}, acts);
  const carry = act('carry to other frames', 'carry what is marked here to every frame that sees the surface', acts.carry, 'c');
  const solid = act('paint the mesh', 'mark the surface itself, and carry that', acts.mesh, 'm');
  const start = act('start from uncertainty', 'propose what the teachers are unsure of here', acts.start, 'u');
  const waiting = act('next proposal', 'next frame where a proposal waits', acts.waiting, 'w');
  const skip = act('next of the queue', 'next frame that is worth a look', acts.skip, 'n');
  const suspect = act('suspect truth', 'show where the truth goes through what is marked, or is missing', acts.suspects, 't');
  const agree = act('compare two annotators', 'agreement, and settling of differences', acts.agree);
  const section = (title, ...content) => h('section', {}, h('h3', {}, title), ...content);
  const element = h(
    'aside',
    {class: 'side'},
    section('who', who, h('label', {class: 'row second'}, h('span', {}, 'second pass over'), second)),
    h('section', {}, frame, about, note, h('div', {class: 'acts'}, skip, start)),
    section('once in 3D', h('div', {class: 'acts'}, carry, solid, waiting), none, list),
    section('truth', h('div', {class: 'acts'}, suspect), truth),
    section('files', files.element),
    section('agreement', h('div', {class: 'acts'}, agree)),
  );
  second.addEventListener('change', () => {
    acts.pass(second.value);
    second.blur();
  });

  function known(told) {
    const others = told.annotators.filter((name) => name !== now.name);
    second.replaceChildren(h('option', {value: ''}, 'nobody'), ...others.map((name) => h('option', {value: name, selected: name === now.first}, name)));
    second.disabled = !others.length || isReadOnly;
    agree.disabled = told.annotators.length < 2;
    agree.title = agree.disabled ? 'agreement needs marks of two people' : 'agreement, and settling of differences';
    files.known(told);
    named(told);
  }

  function named(told) {
    if (isReadOnly) {
      const choice = h('select', {'aria-label': 'whose marks', onchange: (event) => acts.become(event.target.value)});
      const all = [...told.annotators, ...(told.settled.length ? [SETTLED] : [])];
      choice.append(...all.map((name) => h('option', {value: name, selected: name === now.name}, name)));
      who.replaceChildren(...(all.length ? [h('span', {}, 'marks of'), choice] : [h('span', {}, 'nobody marked anything yet')]));
    } else if (now.name === SETTLED) {
      who.replaceChildren(h('b', {}, 'what was agreed on'), act('back to mine', 'paint your own marks again', () => acts.as(null)));
    } else who.replaceChildren(h('b', {}, now.name || 'nobody yet'), act('change', 'mark under another name', acts.name));
  }

  function proposals(state) {
    const there = frames.get(now.frame)?.proposals ?? [];
    const key = JSON.stringify([now.frame, now.chosen, there.map(({seq}) => seq), now.waiting.size, isReadOnly]);
    if (list.dataset.key === key) return;
    list.dataset.key = key;
    const chosen = there.find(({seq}) => seq === now.chosen) ?? there[0];
    list.replaceChildren(...there.map((one) => row(one, one === chosen)));
    const others = now.waiting.size - (now.waiting.has(now.frame) ? 1 : 0);
    setText(none, there.length ? '' : others ? `nothing is proposed here; ${others} frames wait` : 'nothing is proposed');
    none.hidden = Boolean(there.length) || !state;
  }

  function row(one, isChosen) {
    const share = one.visible_share === null ? '' : `, sees ${percent(one.visible_share)}`;
    const buttons = [
      act('accept', 'take it as it is; painting over it takes it as it is mended', acts.accept, 'a'),
      act('reject', 'leave it, for good', acts.reject, 'x'),
      act('accept all', `all proposals from ${one.origin}`, acts.acceptAll, 'A'),
    ];
    return h(
      'li',
      {class: isChosen ? 'now' : null, onclick: () => acts.select(one.seq)},
      h('span', {}, `from ${one.origin}${share}`),
      isChosen && !isReadOnly && h('div', {class: 'acts'}, ...buttons),
    );
  }

  function truths() {
    const excluded = frames.get(now.frame)?.state?.excluded;
    const found = now.suspects && (now.suspects.through || now.suspects.missing);
    const key = JSON.stringify([Boolean(excluded), Boolean(found), isReadOnly]);
    if (truth.dataset.key === key) return;
    truth.dataset.key = key;
    truth.replaceChildren(
      ...[
        found && h('p', {class: 'quiet'}, h('i', {class: 'through'}), 'behind the surface ', h('i', {class: 'missing'}), 'missing'),
        found && !isReadOnly && act('leave out of scoring', 'these pixels are not scored', () => acts.exclude(false)),
        excluded && h('p', {class: 'quiet'}, 'hatched: left out of scoring'),
        excluded && !isReadOnly && act('score them again', 'nothing of this frame is left out', () => acts.exclude(true)),
      ].filter(Boolean),
    );
  }

  /** @param {?Object} state of the frame */
  function update(state) {
    const isMesh = mesh.isOpen();
    setText(frame, isMesh ? 'the mesh' : (now.frame ?? ''));
    const score = now.scores.get(now.frame);
    const tag = now.tags[now.frame];
    const parts = isMesh ? [`seen from frame ${now.frame}`, `${mesh.count()} triangles are marked`] : [
      tag ? `tagged ${tag}` : 'no tag yet',
      typeof score === 'number' ? `depths disagree by ${percent(score)}` : null,
      now.first ? `second pass over ${now.first}` : null,
      frames.get(now.frame)?.fault,
    ];
    setText(about, parts.filter(Boolean).join('  ·  '));
    setText(note, now.note || now.refusal || '');
    for (const button of [carry, start, skip]) button.disabled = isReadOnly || !now.name;
    suspect.hidden = !overview.has_truth;
    suspect.setAttribute('aria-pressed', String(Boolean(now.suspects)));
    truth.parentElement.hidden = !overview.has_truth;
    setText(carry.lastChild, isMesh ? 'carry to frames' : 'carry to other frames');
    solid.hidden = !overview.mesh;
    solid.setAttribute('aria-pressed', String(isMesh));
    waiting.disabled = !now.waiting.size;
    for (const element of [start, list, none, truth.parentElement]) element.classList.toggle('out', isMesh); // of a frame
    proposals(state);
    truths();
  }

  /** How far the server has what was done. @param {HTMLElement} place */
  function saved(place, standing) {
    const {waiting: left, fault, isKept} = standing;
    const words = fault
      ? `not saved: ${fault.sentence}${left > 1 ? ` (and ${left - 1} more)` : ''}`
      : left
        ? `saving${left > 1 ? ` ${left}` : ''} …`
        : standing.saved
          ? 'saved'
          : '';
    const kind = fault ? 'saved bad' : left ? 'saved busy' : 'saved good';
    const key = `${kind}/${words}/${isKept}`;
    if (place.dataset.key === key) return;
    place.dataset.key = key;
    place.className = kind;
    const buttons = fault
      ? [act('retry', 'try to save it again', acts.retry), !fault.isAway && act('give up', 'forget what cannot be saved', acts.drop)]
      : [];
    const warning = !isKept && left ? ' This browser keeps nothing: leave the page open.' : '';
    place.title = words + warning;
    place.replaceChildren(h('span', {}, words + warning), ...buttons.filter(Boolean));
  }

  known(overview);
  return {element, update, saved, known};
}
