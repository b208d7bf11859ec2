/**
 * The studio element: one run, one frame, and why its depth is wrong.
 *
 *     import {mount} from '/studio/static/viewport.js';
 *     import {overHttp} from '/studio/static/source.js';
 *     const studio = await mount(element, {source: overHttp('', runId), view: {}, onEvent: console.log});
 */

import {createActions} from './actions.js';
import {createFuseBar, createTopBar} from './controls.js';
import {createCurves} from './curves.js';
import {createDialogs} from './dialogs.js';
import {h, later} from './dom.js';
import {LABELLED, STRATEGIES} from './fuse.js';
import {attachHand} from './hand.js';
import {attachKeys} from './keys.js';
import {createLegend} from './legend.js';
import {createLive} from './live.js';
import {createMesh} from './mesh.js';
import {createPanes} from './panes.js';
import {createPoint} from './point.js';
import {valueAt} from './readout.js';
import {createBeat, createStore} from './store.js';
import {worstFrame, worstPixel} from './suggest.js';
import {createTimeline} from './timeline.js';
import {addressOf, fromView} from './view.js';
import {createWhy} from './why.js';

const ADDRESS_MS = 250;

/**
 * What every part of the element gets to know.
 *
 * @typedef {Object} Studio
 * @property {HTMLElement} element
 * @property {Object} source where data comes from, see source.js
 * @property {Object} manifest of the run
 * @property {ReturnType<typeof createStore>} store
 * @property {ReturnType<typeof createBeat>} beat
 * @property {AbortSignal} signal aborted when the element is taken down
 * @property {ReturnType<typeof createLive>} live
 * @property {ReturnType<typeof createActions>} actions
 * @property {ReturnType<typeof createPanes>} panes
 * @property {ReturnType<typeof createMesh>} mesh
 * @property {ReturnType<typeof createDialogs>} dialogs
 * @property {(event: Object) => void} tell the host what happened
 * @property {(sentence: ?string, about?: string, forMs?: number) => void} say something to the visitor, or take it back
 * @property {(strategy: string) => number} mostAlpha where the slider of a strategy ends
 * @property {() => ?Object} compared manifest of the other run
 * @property {(x: number, y: number) => ?string} regionAt
 * @property {boolean} isGuest whether the page is somebody else's
 */

/**
 * Build the studio into an element.
 *
 * @param {HTMLElement} element
 * @param {{source: Object, view?: import('./view.js').View, onEvent?: (event: Object) => void, address?: boolean,
 *   isGuest?: boolean}} options `address` keeps the page's address in step with the view; a guest on somebody else's page
 *   takes keys only while it has the focus, and its host brings the style sheet
 * @returns {Promise<{set: Function, reload: Function, destroy: Function, view: () => import('./view.js').View,
 *   state: Object}>} also as `element.studio`
 */
export async function mount(element, {source, view = {}, onEvent = () => {}, address = false, isGuest = false}) {
  element.studio?.destroy();
  const ending = new AbortController();
  const root = h(
    'div',
    {class: 'deglare-studio', 'aria-busy': 'true', tabindex: isGuest && -1},
    h('p', {class: 'opening'}, 'Opening the run …'),
  );
  element.replaceChildren(root);
  const stub = {destroy: () => end(), set: () => {}, reload: async () => {}, state: {}};
  element.studio = stub;

  function end() {
    ending.abort();
    root.remove();
    if (element.studio === stub || element.studio === handle) delete element.studio;
  }

  let handle = null;
  try {
    const [manifest] = await Promise.all([source.manifest(), isGuest || loadStyle()]);
    if (ending.signal.aborted) return stub;
    handle = build(root, {source, manifest, view, onEvent, address, isGuest, ending, end});
    element.studio = handle;
    return handle;
  } catch (error) {
    if (ending.signal.aborted) return stub;
    ending.abort(); // whatever was set up before it failed
    root.replaceChildren(h('p', {class: 'opening', role: 'alert'}, error.message));
    onEvent({kind: 'failed', error: error.message});
    return stub;
  }
}

/** Everything, once the manifest is there. */
function build(root, {source, manifest, view, onEvent, address, isGuest, ending, end}) {
  const {signal} = ending;
  const begun = fromView(view, manifest);
  const isPlain = !view.frame;
  const start = {frame: isPlain ? worstFrame(manifest) : 0, ...begun.patch};
  const store = createStore({...initialState(manifest), ...start, waiting: waitingOf(begun)});
  const {state} = store;
  const sentences = new Map();
  /** @type {Studio} */
  const studio = {
    element: root,
    source,
    manifest,
    store,
    signal,
    isGuest,
    beat: createBeat(signal),
    tell: (event) => onEvent(event),
    compared: () => studio.live.compared()?.manifest ?? null,
    mostAlpha(strategy) {
      const {unit, most} = STRATEGIES[strategy].alpha;
      return (unit === 'm' && state.mostAlpha) || most; // metres of uncertainty
    },
    regionAt(x, y) {
      const code = manifest.has.regions ? valueAt(studio.live.shown(), 'regions', x, y) : null;
      return ['other', 'reflective', 'highlight'][code] ?? null;
    },
    say,
  };
  studio.live = createLive(studio);
  studio.actions = createActions(studio);
  studio.dialogs = createDialogs(studio);
  studio.panes = createPanes(studio);
  if (!studio.panes.gl) {
    throw new Error('This browser gives no WebGL2, which the studio draws with: allow it, or use another browser.');
  }
  studio.mesh = createMesh(studio);
  const top = createTopBar(studio);
  const curves = createCurves(studio);
  root.removeAttribute('aria-busy');
  root.replaceChildren(
    top.element,
    h(
      'main',
      {class: 'desk'},
      h(
        'div',
        {class: 'left'},
        studio.panes.element,
        createLegend(studio).element,
        createFuseBar(studio).element,
        createTimeline(studio).element,
        h('div', {class: 'charts'}, createWhy(studio).element, curves.element),
      ),
      h('div', {class: 'right'}, studio.mesh.element, createPoint(studio).element),
    ),
    ...studio.dialogs.elements,
  );
  attachHand(studio, studio.panes);
  attachKeys(studio);
  store.on(['shown'], studio.actions.settle);
  if (isPlain) beginAtWorst(studio);
  reportViews(studio, address);

  /** The newest sentence is shown; each is taken back by what it is about. */
  function say(sentence, about = 'studio', forMs = 0) {
    sentences.delete(about);
    if (sentence) sentences.set(about, sentence);
    top.say([...sentences.values()].at(-1) ?? null);
    if (sentence && forMs) later(forMs, signal, () => sentences.get(about) === sentence && say(null, about))();
  }

  /** Take up a view, or a part of one. A pixel in it becomes a pin. */
  function set(next) {
    const {patch, pin, complaint} = fromView(next, manifest);
    say(complaint, 'view');
    if (pin) patch.waiting = {frame: patch.frame ?? state.frame, ...pin};
    store.set(patch);
    if (pin) studio.actions.settle();
  }

  /** The run was written: ask for its manifest, and for everything else again if it has changed. */
  async function reload() {
    const fresh = await source.manifest();
    if (signal.aborted || fresh.version === manifest.version) return;
    Object.assign(manifest, fresh);
    store.set({version: fresh.version});
  }

  if (begun.complaint) say(begun.complaint, 'view');
  studio.live.load();
  studio.live.compare();
  curves.load();
  return {
    set,
    reload,
    destroy: end,
    state,
    view: studio.actions.view,
    drawn: studio.panes.drawn,
    pixel: studio.panes.pixel,
    finish: studio.panes.finish,
    value: (layer, x, y) => (studio.live.shown()?.fused ? valueAt(studio.live.shown(), layer, x, y) : null),
    say: (sentence) => say(sentence, 'host'),
  };
}

function initialState(manifest) {
  const strategy = manifest.has.fused ? LABELLED : 'predicted';
  return {
    frame: 0,
    teacher: manifest.base,
    strategy,
    alpha: STRATEGIES.uncertainty.alpha.start,
    mostAlpha: null,
    zoom: 1,
    cx: 0.5,
    cy: 0.5,
    alone: '',
    compare: '',
    comparing: false,
    comparedName: '',
    hover: null,
    pinned: null,
    second: null,
    waiting: null,
    swipe: null,
    playing: false,
    speed: 10,
    shown: -1,
    arrivals: 0,
    fusion: 0,
    seenIn: null,
    version: manifest.version,
  };
}

/** The first thing that is seen is the thing to see: the worst patch is pinned, once. */
function beginAtWorst({store, live, actions}) {
  let isDone = false;
  store.on(['shown'], () => {
    if (isDone) return;
    isDone = true;
    const worst = store.state.pinned ? null : worstPixel(live.shown().layers);
    if (worst) actions.pin(worst.x, worst.y);
  });
}

function waitingOf({patch, pin}) {
  return pin ? {frame: patch.frame ?? 0, ...pin} : null;
}

/** Tell the host of every view that rests, and keep the address in step. */
function reportViews({store, actions, tell, signal}, address) {
  const report = later(ADDRESS_MS, signal, () => {
    if (store.state.playing) return;
    const view = actions.view();
    tell({kind: 'view', view});
    if (address) history.replaceState(history.state, '', addressOf(location, view));
  });
  const parts = ['frame', 'pinned', 'alpha', 'strategy', 'teacher', 'alone', 'zoom', 'cx', 'cy', 'compare', 'playing'];
  store.on(parts, report);
}

/** The style sheet beside this file, once for a page. Without it everything still works, and looks plain. */
function loadStyle() {
  const href = new URL('studio.css', import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return Promise.resolve();
  const link = h('link', {rel: 'stylesheet', href});
  const loaded = new Promise((resolve) => {
    link.addEventListener('load', resolve);
    link.addEventListener('error', resolve);
  });
  document.head.append(link);
  return loaded;
}
