/**
 * What the picture shows: the frame, what is marked in it, saved or not, what is proposed, what is being drawn.
 */

import {EXCLUDED, MISSING, PROPOSED, SURFACES, THROUGH, rgbOf} from './annotate_look.js';
import {applyStroke, borderOf, maskOf} from './annotate_rasters.js';
import {createSight} from './annotate_sight.js';

const FILL = 105;
const FAINT = 60;
const HATCH = 6;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{now: Object, frames: ReturnType<typeof import('./annotate_frames.js').createFrames>,
 *   saving: ReturnType<typeof import('./annotate_saving.js').createSaving>, overview: Object}} desk
 * @param {AbortSignal} signal
 */
export function createPicture(canvas, {now, frames, saving, overview}, signal) {
  const sight = createSight(canvas, signal);
  const size = overview.size_hw;
  const codes = overview.surfaces;
  const colours = Object.fromEntries(SURFACES.map(({name, colour}) => [codes[name], rgbOf(colour)]));
  /** The mask on the screen, and for how much of a stroke it stands. */
  let shown = new Uint8Array(size[0] * size[1]);
  let outline = null;
  let live = null;

  const codeOf = ({kind, surface}) => (kind === 'erase' ? 0 : (codes[surface] ?? 0));
  const rgba = (alpha) => (code) => colours[code] && [...colours[code], alpha];

  /** Everything that is saved, then everything that is not yet. */
  function marked() {
    const known = frames.get(now.frame);
    const mask = known?.base ? known.base.slice() : new Uint8Array(size[0] * size[1]);
    for (const {stroke, proposal} of saving.strokes(now.name, now.frame)) {
      const taken = known?.proposals.find(({seq}) => seq === proposal);
      taken?.mask.forEach((code, i) => code && (mask[i] = code));
      applyStroke(mask, size, stroke, codeOf(stroke));
    }
    return mask;
  }

  function layers(isOutlined) {
    const known = frames.get(now.frame);
    if (now.isHidden) return [];
    const found = [{mask: shown, rgba: rgba(FILL), border: isOutlined ? outline : null, colour: '#ffffff'}];
    const mended = saving.mended(now.name, now.frame);
    const open = (known?.proposals ?? []).filter(({seq}) => !mended.has(seq));
    for (const one of open) {
      one.border ??= borderOf(one.mask, size);
      const isChosen = one.seq === (now.chosen ?? open[0].seq);
      found.push({mask: one.mask, rgba: rgba(isChosen ? FAINT : 20), border: one.border, colour: PROPOSED, dashed: true});
    }
    if (known?.excluded) {
      known.hatched ??= hatched(known.excluded, size);
      known.excludedBorder ??= borderOf(known.excluded, size);
      found.push({mask: known.hatched, rgba: () => [...rgbOf(EXCLUDED), 200], border: known.excludedBorder, colour: EXCLUDED});
    }
    return [...found, ...suspected()];
  }

  function suspected() {
    if (!now.suspects) return [];
    now.suspects.layers ??= ['through', 'missing'].flatMap((kind) => {
      const mask = maskOf(now.suspects[kind], size);
      const colour = kind === 'through' ? THROUGH : MISSING;
      return mask ? [{mask, rgba: () => [...rgbOf(colour), 170], border: borderOf(mask, size), colour}] : [];
    });
    return now.suspects.layers;
  }

  function show(isOutlined) {
    const known = frames.get(now.frame);
    sight.show({picture: known?.picture ?? null, size, layers: layers(isOutlined), over: corners});
    return Boolean(known?.picture);
  }

  /** A polygon that is not closed yet. */
  function corners(context, scale) {
    if (live?.kind !== 'polygon') return;
    const points = live.hover ? [...live.points, live.hover] : live.points;
    context.beginPath();
    points.forEach(([x, y], i) => context[i ? 'lineTo' : 'moveTo'](x + 0.5, y + 0.5));
    for (const [width, style] of [[3.4, 'rgb(0 0 0 / .7)'], [1.6, '#ffffff']]) {
      context.lineWidth = width / scale;
      context.strokeStyle = style;
      context.stroke();
    }
    context.fillStyle = '#ffffff';
    for (const [x, y] of live.points) context.fillRect(x + 0.5 - 2.5 / scale, y + 0.5 - 2.5 / scale, 5 / scale, 5 / scale);
  }

  /** @returns {boolean} whether the frame's picture is there */
  function draw() {
    shown = marked();
    if (live && live.kind !== 'polygon') applyStroke(shown, size, live, codeOf(live));
    outline = shown.some(Boolean) ? borderOf(shown, size) : null;
    return show(true);
  }

  /** @param {?Object} stroke as far as it is drawn @param {boolean} isPart whether only its last point is new */
  function drawing(stroke, isPart) {
    live = stroke;
    if (!stroke) return;
    if (stroke.kind !== 'polygon') {
      applyStroke(shown, size, isPart ? {...stroke, points: stroke.points.slice(-2)} : stroke, codeOf(stroke));
    }
    show(false);
  }

  return {sight, draw, drawing, mask: () => shown};
}

/** Every so many diagonals of a mask, so that what lies below is seen. */
function hatched(mask, [, w]) {
  return mask.map((code, i) => (code && ((i % w) + Math.floor(i / w)) % HATCH === 0 ? 1 : 0));
}
