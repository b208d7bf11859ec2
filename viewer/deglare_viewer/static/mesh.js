/**
 * The mesh in the corner: of which depth, in which colours; a click pins.
 */

import {button, chooser, h, setText} from './dom.js';
import {smallBar} from './legend.js';
import {createMeshView} from './mesh_view.js';
import {valueAt} from './readout.js';

/** @param {import('./viewport.js').Studio} studio */
export function createMesh(studio) {
  const {store, signal, manifest} = studio;
  const canvas = h('canvas', {tabindex: 0, 'aria-label': 'Mesh: drag to turn, click to pin a point'});
  const note = h('p', {class: 'note', role: 'status'}, 'The mesh comes once the first frame is there.');
  const legend = h('div', {class: 'scale'});
  const view = createMeshView(canvas, studio, {
    frame: () => store.state.frame,
    ahead: middleOfFrame,
    pin: () => store.state.pinned?.xyz ?? null,
    pick,
    restored: load,
    moved: tellFollows,
  });
  const toFrame = button('frame view', 'As this frame sees it (m)', view.toFrame);
  const toWhole = button('whole', 'The whole mesh (o)', view.toWhole);
  const kinds = h('div', {class: 'segmented', role: 'group', 'aria-label': 'Mesh of which depth'});
  for (const of of manifest.has.fused ? ['predicted', 'fused'] : ['predicted']) {
    kinds.append(button(of, `Fused from ${of} depth`, () => select({of})));
  }
  const colours = ['rgb', manifest.has.truth && 'error', 'uncertainty', 'views'].filter(Boolean);
  const options = colours.map((name) => ({value: name, text: name}));
  const choose = chooser('colour', options, 'rgb', (colour) => select({colour}));
  const element = h(
    'section',
    {class: 'panel mesh', 'aria-label': 'Mesh'},
    h('header', {}, h('h3', {}, 'mesh'), kinds, choose),
    h('div', {class: 'stage'}, canvas, note, h('div', {class: 'corner'}, toFrame, toWhole)),
    legend,
  );
  const kept = new Map();
  let chosen = {of: 'predicted', colour: 'rgb'};
  let isWanted = false;
  let asked = null;

  function select(change) {
    chosen = {...chosen, ...change};
    for (const one of kinds.children) one.setAttribute('aria-pressed', String(one.textContent === chosen.of));
    load();
  }

  function tellFollows() {
    toFrame.setAttribute('aria-pressed', String(view.follows()));
  }

  function middleOfFrame() {
    const shown = studio.live.shown();
    const [height, width] = manifest.size_hw;
    return shown && valueAt(shown, 'projected', width >> 1, height >> 1);
  }

  /** Ask which surface lies under a click, and pin it in a frame that sees it. */
  async function pick(ray) {
    try {
      const found = await studio.source.pick({...ray, frame: store.state.frame}, signal);
      if (!found.hit) studio.say('There is no surface under that click.', 'pick', 3000);
      else if (found.frame === null) studio.say('No frame sees that point.', 'pick', 3000);
      else studio.actions.visit(found.frame, found.x, found.y, found.xyz);
    } catch (error) {
      if (!signal.aborted) studio.say(error.message, 'pick', 6000);
    }
  }

  /** Fetch what is chosen, unless it was there before. */
  async function load() {
    if (!view.isReady() || !isWanted) return;
    const {of, colour} = chosen;
    const key = `${of}/${colour}`;
    asked?.abort();
    const abort = (asked = new AbortController());
    try {
      if (!kept.has(key)) {
        setText(note, of === 'fused' ? 'Fusing the labels to a mesh …' : 'Loading the mesh …');
        kept.set(key, await studio.source.mesh(of, colour, abort.signal));
      }
      if (!abort.signal.aborted && !signal.aborted) show(kept.get(key));
    } catch (error) {
      if (!abort.signal.aborted && !signal.aborted) setText(note, error.message);
    }
  }

  function show({header, arrays}) {
    setText(note, header.faces ? '' : 'This mesh has no faces.');
    legend.replaceChildren();
    if (header.legend) smallBar(legend, header.legend);
    view.load(arrays, chosen.colour === 'rgb');
  }

  /** The first frame goes before the mesh, and a mesh out of sight is not fetched at all. */
  const watcher = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    watcher.disconnect();
    isWanted = true;
    load();
  });
  signal.addEventListener('abort', () => {
    watcher.disconnect();
    asked?.abort();
  });
  let isWatched = false;
  store.on(['shown'], () => {
    if (!isWatched) watcher.observe(canvas);
    isWatched = true;
  });
  store.on(['shown'], view.frameChanged);
  store.on(['pinned'], view.drawNext);
  store.on(['version'], () => {
    kept.clear();
    load();
  });
  select({});
  return {element, toFrame: view.toFrame, toWhole: view.toWhole};
}
