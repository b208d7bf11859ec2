/**
 * Strokes and run lengths to pixels, by the same whole-number rules as the server, so that what one sees is what is
 * kept. Masks are row by row, a code a pixel; points are pixels with centres on whole numbers, in sixteenths.
 */

const STEPS = 16;

/** A place or radius as the server keeps it. @param {number} value in pixels */
export const rounded = (value) => Math.round(value * STEPS) / STEPS;

/**
 * @param {Uint8Array} mask is changed @param {[number, number]} size height and width
 * @param {{kind: string, points?: number[][], radius?: number, surface?: ?string, runs?: string}} stroke
 * @param {number} code left behind
 */
export function applyStroke(mask, size, {kind, points, radius, runs}, code) {
  if (kind === 'faces') return eachPixel(runs, size, (at) => (mask[at] = code));
  const steps = points.map(([x, y]) => [Math.round(x * STEPS), Math.round(y * STEPS)]);
  if (kind === 'polygon') return fillPolygon(mask, size, steps, code);
  const r = Math.max(1, Math.round(radius * STEPS));
  if (steps.length === 1) return fillSegment(mask, size, steps[0], steps[0], r, code);
  for (let i = 1; i < steps.length; i++) fillSegment(mask, size, steps[i - 1], steps[i], r, code);
}

/** Pixels at most `r` from a segment; the ends are round. */
function fillSegment(mask, [h, w], [ax, ay], [bx, by], r, code) {
  const left = Math.max(0, Math.ceil((Math.min(ax, bx) - r) / STEPS));
  const right = Math.min(w - 1, Math.floor((Math.max(ax, bx) + r) / STEPS));
  const top = Math.max(0, Math.ceil((Math.min(ay, by) - r) / STEPS));
  const bottom = Math.min(h - 1, Math.floor((Math.max(ay, by) + r) / STEPS));
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const widest = wholeRoot(r * r * length);
  for (let row = top; row <= bottom; row++) {
    const y = row * STEPS;
    for (let column = left; column <= right; column++) {
      const x = column * STEPS;
      const along = (x - ax) * dx + (y - ay) * dy;
      const isBeside = along > 0 && along < length && Math.abs((x - ax) * dy - (y - ay) * dx) <= widest;
      if (isBeside || (x - ax) ** 2 + (y - ay) ** 2 <= r * r || (x - bx) ** 2 + (y - by) ** 2 <= r * r) {
        mask[row * w + column] = code;
      }
    }
  }
}

/** The largest whole number whose square is no larger; exact as long as `value` is. */
function wholeRoot(value) {
  let root = Math.floor(Math.sqrt(value));
  while (root * root > value) root--;
  while ((root + 1) * (root + 1) <= value) root++;
  return root;
}

/** The inside of an outline by the even-odd rule. */
function fillPolygon(mask, [h, w], points, code) {
  const edges = points.map((point, i) => [point, points[(i + 1) % points.length]]);
  for (let row = 0; row < h; row++) {
    const y = row * STEPS;
    const ends = [];
    for (const [one, other] of edges) {
      const [[ax, ay], [bx, by]] = one[1] < other[1] ? [one, other] : [other, one];
      if (ay <= y && y < by) ends.push(Math.ceil((ax * (by - ay) + (y - ay) * (bx - ax)) / (STEPS * (by - ay))));
    }
    ends.sort((a, b) => a - b);
    for (let i = 0; i + 1 < ends.length; i += 2) {
      const from = Math.min(Math.max(ends[i], 0), w);
      const to = Math.min(Math.max(ends[i + 1], 0), w);
      mask.fill(code, row * w + from, row * w + to);
    }
  }
}

/** The pixels of packed runs, which go down the columns. @param {string} text @param {(at: number) => void} each */
function eachPixel(text, [h, w], each) {
  const counts = [];
  let at = 0;
  for (let i = 0; i < text.length; ) {
    let value = 0;
    let piece = 0;
    let shift = 0;
    do {
      piece = text.charCodeAt(i++) - 48;
      value |= (piece & 31) << shift;
      shift += 5;
    } while (piece & 32);
    if (piece & 16 && shift < 32) value |= -1 << shift;
    if (counts.length > 2) value += counts[counts.length - 2];
    if (counts.length % 2) for (let k = at; k < at + value; k++) each((k % h) * w + Math.floor(k / h));
    counts.push(value);
    at += value;
  }
}

/** Packed runs of a mask of one row. @param {Uint8Array} mask @returns {string} */
export function packedRuns(mask) {
  const counts = [];
  for (let at = 0, isInside = false; at < mask.length; isInside = !isInside) {
    let to = at;
    while (to < mask.length && Boolean(mask[to]) === isInside) to++;
    counts.push(to - at);
    at = to;
  }
  const letters = [];
  counts.forEach((count, i) => {
    let left = i > 2 ? count - counts[i - 2] : count;
    let isOver = false;
    while (!isOver) {
      const piece = left & 31;
      left >>= 5;
      isOver = piece & 16 ? left === -1 : left === 0;
      letters.push(String.fromCharCode((isOver ? piece : piece | 32) + 48));
    }
  });
  return letters.join('');
}

/** @param {?string} runs @param {[number, number]} size @returns {?Uint8Array} ones inside; null where there are none */
export function maskOf(runs, size) {
  if (!runs) return null;
  const mask = new Uint8Array(size[0] * size[1]);
  eachPixel(runs, size, (at) => (mask[at] = 1));
  return mask;
}

/** @param {{size_hw: number[], surfaces: Object<string, string>}} said @param {Object<string, number>} codes */
export function surfacesOf({size_hw: size, surfaces}, codes) {
  const mask = new Uint8Array(size[0] * size[1]);
  for (const [name, runs] of Object.entries(surfaces)) eachPixel(runs, size, (at) => (mask[at] = codes[name]));
  return mask;
}

/** The border between pixels of different codes, as lines between pixels. @param {Uint8Array} mask @returns {Path2D} */
export function borderOf(mask, [h, w]) {
  const path = new Path2D();
  const at = (x, y) => (x < 0 || y < 0 || x >= w || y >= h ? 0 : mask[y * w + x]);
  const lines = (rows, columns, differs, draw) => {
    for (let row = 0; row <= rows; row++) {
      for (let from = 0; from < columns; from++) {
        if (!differs(row, from)) continue;
        let to = from + 1;
        while (to < columns && differs(row, to)) to++;
        draw(row, from, to);
        from = to;
      }
    }
  };
  const put = (x0, y0, x1, y1) => (path.moveTo(x0, y0), path.lineTo(x1, y1));
  lines(h, w, (y, x) => at(x, y) !== at(x, y - 1), (y, from, to) => put(from, y, to, y));
  lines(w, h, (x, y) => at(x, y) !== at(x - 1, y), (x, from, to) => put(x, from, x, to));
  return path;
}
