/**
 * Small helpers for the page: elements, formats, sizes. Nothing here knows about runs.
 */

/**
 * Make an element: `h('button', {class: 'x', onclick: go, 'aria-label': 'Go'}, 'go')`.
 * Functions become listeners, `true` an empty attribute; null, undefined and false are left out.
 * @param {string} tag
 * @param {Object<string, *>} [attributes]
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * A button whose title says what it does and which key does it too.
 * @param {string} text @param {string} title @param {() => void} press @param {string} [kind] class
 */
export function button(text, title, press, kind = 'text') {
  const label = kind === 'icon' ? title : null; // a sign needs words for those who cannot see it
  return h('button', {type: 'button', class: kind, title, 'aria-label': label, onclick: press}, text);
}

/** Metres with two digits, or a dash. @param {?number} value @param {string} [unit] */
export function metres(value, unit = ' m') {
  return isNumber(value) ? value.toFixed(2) + unit : '–';
}

/** Signed metres: + means too far. The sign is a real minus, as wide as the plus. @param {?number} value */
export function signed(value, unit = ' m') {
  if (!isNumber(value)) return '–';
  const text = Math.abs(value).toFixed(2);
  return (Number(text) === 0 ? '±' : value > 0 ? '+' : '−') + text + unit;
}

/** A share as per cent, with as many digits as it deserves. @param {?number} share */
export function percent(share) {
  if (!isNumber(share)) return '–';
  const value = share * 100;
  return `${value.toFixed(value !== 0 && value < 10 ? 1 : 0)} %`;
}

/** @param {*} value @returns {boolean} whether it is a finite number */
export function isNumber(value) {
  return typeof value === 'number' && Number.isFinite(value);
}

/** @param {number} value @param {number} low @param {number} high */
export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/**
 * Replace all children, and do nothing where the text is the same already.
 * @param {HTMLElement} element @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Give a canvas the pixels of the screen behind it.
 * @param {HTMLCanvasElement} canvas @returns {{width: number, height: number, ratio: number}} in CSS pixels
 */
export function fitCanvas(canvas) {
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const wide = Math.max(1, Math.round(width * ratio));
  const high = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  return {width, height, ratio};
}

/**
 * The pen of a small canvas that is drawn anew all the time: drawn by the processor, which is quicker then than the way
 * to a graphics card and back, and much quicker where there is none.
 * @param {HTMLCanvasElement} canvas
 */
export function penOf(canvas) {
  return canvas.getContext('2d', {willReadFrequently: true});
}

/**
 * Call a function once, some time after the last of many calls.
 * @param {number} delay in milliseconds @param {AbortSignal} signal after which nothing is called
 * @param {Function} work
 */
export function later(delay, signal, work) {
  let timer = 0;
  signal.addEventListener('abort', () => clearTimeout(timer));
  return (...values) => {
    clearTimeout(timer);
    if (!signal.aborted) timer = setTimeout(() => work(...values), delay);
  };
}

/**
 * A drop-down list with a label for the eye and for screen readers.
 * @param {string} name @param {Array<{value: string, text: string, title?: string}>} options
 * @param {string} value @param {(value: string) => void} choose
 */
export function chooser(name, options, value, choose) {
  const select = h('select', {'aria-label': name});
  select.append(
    ...options.map((one) => h('option', {value: one.value, title: one.title, selected: one.value === value}, one.text)),
  );
  select.addEventListener('change', () => {
    choose(select.value);
    select.blur(); // the arrow keys belong to the frames again
  });
  return h('label', {class: 'chooser'}, h('span', {}, name), select);
}
