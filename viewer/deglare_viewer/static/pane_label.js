/**
 * What stands over one pane: its title, the value at the cross-hair or the pinned point, and the marks.
 */

import {h, setText} from './dom.js';
import {createMarks} from './marks.js';
import {canDraw} from './painter.js';
import {textAt} from './readout.js';

const MISSING = {
  projected: 'Nothing is projected yet: finish this run with deglare label.',
  uncertainty: 'This run has no uncertainty: label it with several teachers.',
  reflective: 'No reflective pixels are marked in this run: mark them under Annotate.',
};

/**
 * @param {import('./viewport.js').Studio} studio @param {string} pane @param {string} key that shows it alone
 */
export function createPaneLabel(studio, pane, key) {
  const marks = createMarks(studio);
  const title = h('span', {});
  const of = h('em', {});
  const value = h('output', {class: 'value'});
  const missing = h('p', {class: 'missing'});
  const element = h(
    'div',
    {class: 'pane', 'data-pane': pane},
    h('div', {class: 'title'}, h('kbd', {}, key), title, of),
    missing,
    value,
    ...marks.elements,
  );
  setText(title, titleOf(pane, studio.manifest));

  /** @param {import('./lens.js').Cell} cell */
  function place({left, top, width, height}) {
    const transform = `translate(${left}px, ${top}px)`;
    Object.assign(element.style, {transform, width: `${width}px`, height: `${height}px`});
  }

  /**
   * @param {import('./lens.js').Cell} cell @param {?import('./painter.js').DataSet} data on the screen
   * @param {?Object} other manifest of the run it is from, where that is another one
   * @param {?{x: number, y: number}} at pixel to read
   */
  function tell(cell, data, other, at) {
    const isThere = Boolean(data?.fused) && canDraw(data, pane);
    marks.draw(cell);
    setText(of, other?.name ?? '');
    setText(value, at && isThere ? textAt(data, pane, at.x, at.y) : '');
    setText(missing, isThere || !data ? '' : (MISSING[pane] ?? 'This run has no such layer.'));
    value.classList.toggle('pinned', !studio.store.state.hover);
  }

  return {element, place, tell};
}

function titleOf(pane, manifest) {
  if (pane === 'rgb') return 'RGB';
  return pane === 'error' && !manifest.has.truth ? 'moved by fusion' : pane;
}
