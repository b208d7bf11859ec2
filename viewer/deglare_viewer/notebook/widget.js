/**
 * The studio's element in a notebook: what it asks for is answered by the kernel, in messages of the widget.
 *
 * To the kernel go `{kind: 'ask', n, run, what, query}`, `{kind: 'leave', n}` and `{kind: 'keep', view, note}`; from it
 * come `{kind: 'answer', n, value}` with at most one buffer, `{kind: 'refusal', n, error, status}`, `{kind: 'say', text}`.
 */

import {unpack, unpackLayers} from '../static/decode.js';
import {h, setText} from '../static/dom.js';
import {SourceError} from '../static/source.js';
import {mount} from '../static/viewport.js';

const PATIENCE_MS = 8000;
const SILENT =
  'The kernel does not answer: a cell is still running, or it was restarted. Wait, or run this cell once more.';

/** Questions on their way. @param {(isSilent: boolean) => void} told when one waits for long, and when none does */
function createLine(model, told) {
  const name = Math.random().toString(36).slice(2); // one widget may be shown twice: answers are for one of them
  const waiting = new Map();
  let count = 0;

  const watch = setInterval(() => {
    const since = performance.now() - PATIENCE_MS;
    told([...waiting.values()].some((one) => one.at < since && !one.isLong));
  }, 1000);

  function hear(message, buffers) {
    const one = waiting.get(message.n);
    if (!one) return;
    waiting.delete(message.n);
    if (message.kind === 'refusal') one.fail(new SourceError(message.error, message.status));
    else one.succeed(buffers.length ? bytesOf(buffers[0]) : message.value);
  }

  /** @param {AbortSignal} [signal] @returns {Promise<*>} a value, or bytes */
  function ask(run, what, query = {}, signal = undefined, isLong = false) {
    return new Promise((succeed, fail) => {
      if (signal?.aborted) return fail(signal.reason);
      const n = `${name}-${(count += 1)}`;
      waiting.set(n, {succeed, fail, at: performance.now(), isLong});
      model.send({kind: 'ask', n, run, what, query});
      signal?.addEventListener('abort', () => {
        if (!waiting.delete(n)) return;
        model.send({kind: 'leave', n});
        fail(signal.reason);
      });
    });
  }

  model.on('msg:custom', hear);
  return {
    ask,
    close() {
      clearInterval(watch);
      model.off('msg:custom', hear);
    },
  };
}

/** An answer as one block: arrays in it begin at multiples of their size. @param {DataView} view */
const bytesOf = ({buffer, byteOffset, byteLength}) => buffer.slice(byteOffset, byteOffset + byteLength);

/** The methods of `overHttp`, by messages. */
function overMessages(line, run) {
  return {
    manifest: () => line.ask(run, 'manifest'),
    layers: async (frame, teacher, signal) => unpackLayers(await line.ask(run, 'layers', {frame, teacher}, signal)),
    curves: (teacher, signal) => line.ask(run, 'curves', {teacher}, signal, true),
    point: (query, signal) => line.ask(run, 'point', query, signal),
    why: (query, signal) => line.ask(run, 'why', query, signal),
    pick: (query, signal) => line.ask(run, 'pick', query, signal),
    mesh: async (of, colour, signal) => unpack(await line.ask(run, 'mesh', {of, colour}, signal, true)),
    runs: () => line.ask(run, 'runs'),
    other: (id) => overMessages(line, id),
  };
}

/** Anywidget calls this for every place where the widget is shown. */
function render({model, el}) {
  const note = h('p', {class: 'note', role: 'status', hidden: true});
  const place = h('div', {class: 'place'});
  el.classList.add('deglare-guest');
  // Keys in here are the element's, not the notebook's: Notebook 7 asks before us, and first whatever has the focus
  const claim = ({target}) => (target.dataset.lmSuppressShortcuts = 'true');
  claim({target: el});
  el.addEventListener('focusin', claim);
  el.replaceChildren(note, place);
  const line = createLine(model, (isSilent) => {
    setText(note, isSilent ? SILENT : '');
    note.hidden = !isSilent;
  });
  let studio = null;
  let isOver = false;

  function hear(event) {
    if (event.kind === 'keep') model.send(event);
    if (event.kind !== 'view' || same(event.view, model.get('_view'))) return;
    model.set('_view', event.view);
    model.save_changes();
  }

  function follow() {
    const view = model.get('_view');
    if (studio?.view && !same(view, studio.view())) studio.set(view);
  }

  const say = (message) => message.kind === 'say' && studio?.say?.(message.text);

  model.on('change:_view', follow);
  model.on('msg:custom', say);
  const source = overMessages(line, model.get('_run'));
  const begun = model.get('_view');
  mount(place, {source, view: begun, onEvent: hear, isGuest: true}).then((mounted) => {
    studio = mounted;
    if (isOver) studio.destroy();
    else if (!same(begun, model.get('_view'))) follow(); // the kernel went on while the run was opened
  });

  return () => {
    isOver = true;
    studio?.destroy();
    line.close();
    el.removeEventListener('focusin', claim);
    model.off('change:_view', follow);
    model.off('msg:custom', say);
    el.replaceChildren();
  };
}

/** Whether two views say the same, in whatever order. */
function same(a, b) {
  const sorted = (view) => JSON.stringify(Object.entries(view).sort());
  return sorted(a) === sorted(b);
}

export default {render};
