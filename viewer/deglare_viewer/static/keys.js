/**
 * The keyboard. Keys act wherever the focus is on the page, except in a field, a list or a dialog of someone else; on
 * somebody else's page only where the focus is in the element.
 */

import {PANES} from './view.js';

const FIELDS = 'input:not([type=range]), textarea, select, [contenteditable=true], [role=listbox], [role=textbox]';
const OWN_ARROWS = 'input[type=range], [role=tablist], [role=slider]:not(.bars), [role=tab], video, audio';

/** @param {import('./viewport.js').Studio} studio */
export function attachKeys(studio) {
  const {store, actions, signal, element} = studio;

  let isHeld = false;
  let before = false;

  const pressed = {
    ArrowLeft: (event) => actions.step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => actions.step(event.shiftKey ? 10 : 1),
    Home: () => actions.go(0),
    End: () => actions.go(Infinity),
    ' ': () => actions.play(),
    '[': () => actions.nudge(-1),
    ']': () => actions.nudge(1),
    '{': () => actions.nudge(-5),
    '}': () => actions.nudge(5),
    0: () => actions.whole(),
    g: () => actions.worst(),
    s: () => actions.swipe(),
    m: () => studio.mesh.toFrame(),
    o: () => studio.mesh.toWhole(),
    k: () => actions.keep(),
    c: (event) => !event.repeat && hold(true),
    '?': () => studio.dialogs.help(),
    Escape: () => actions.escape(),
    ...Object.fromEntries(PANES.map((pane, i) => [i + 1, () => actions.fill(pane)])),
  };

  /** The other run while the key is down; a toggle that was on before stays on. */
  function hold(isDown) {
    if (isDown === isHeld || !store.state.compare) return;
    isHeld = isDown;
    if (isDown) before = store.state.comparing;
    store.set({comparing: isDown || before});
  }

  function isOurs(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (!element.checkVisibility?.() || studio.dialogs.isOpen()) return false;
    const target = event.composedPath()[0];
    if (!(target instanceof Element)) return true;
    if (target.closest(FIELDS)) return false;
    if (event.key.startsWith('Arrow') && target.closest(OWN_ARROWS)) return false;
    if (event.key === ' ' && target.closest('button, a, summary, [role=button], [role=tab]')) return false;
    const root = target.closest('.deglare-studio');
    return root ? root === element : isNearest(element);
  }

  const home = studio.isGuest ? element : document; // the page around a guest has keys of its own
  home.addEventListener(
    'keydown',
    (event) => {
      const work = pressed[event.key];
      if (!work || !isOurs(event)) return;
      event.preventDefault();
      if (studio.isGuest) event.stopPropagation();
      work(event);
    },
    {signal},
  );
  document.addEventListener('keyup', (event) => event.key === 'c' && hold(false), {signal});
  window.addEventListener('blur', () => hold(false), {signal}); // the key's release went elsewhere

  // A button that was clicked gives the keyboard back, so that space plays and does not press it again
  element.addEventListener('click', (event) => event.detail > 0 && event.target.closest('button')?.blur(), {signal});

  // What was clicked in a guest has let go of the focus by now: it stays in here, or the keys would be the page's
  if (studio.isGuest) {
    const isOutside = () => !element.contains(document.activeElement);
    element.addEventListener('click', () => isOutside() && element.focus({preventScroll: true}), {signal});
  }
}

/** With several studios on a page, keys go to the one under the pointer. */
function isNearest(element) {
  const all = [...document.querySelectorAll('.deglare-studio')].filter((one) => one.checkVisibility?.());
  return all.length === 1 || element.matches(':hover');
}
