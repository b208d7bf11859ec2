/**
 * What the parts of the page tell each other, so that none of them waits for the server.
 */

const SEEN = 'deglare:view';
const JUMP = 'deglare:jump';

/** What the visitor looks at now, once it rests. @param {import('./view.js').View} view */
export const announce = (view) => document.dispatchEvent(new CustomEvent(SEEN, {detail: view}));

/** @param {(view: import('./view.js').View) => void} listen */
export const onView = (listen) => document.addEventListener(SEEN, ({detail}) => listen(detail));

/** Lead the visitor to a view, or to a part of one. @param {import('./view.js').View} view */
export const jump = (view) => document.dispatchEvent(new CustomEvent(JUMP, {detail: view}));

/** @param {(view: import('./view.js').View) => void} listen */
export const onJump = (listen) => document.addEventListener(JUMP, ({detail}) => listen(detail));
