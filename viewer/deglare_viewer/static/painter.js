/**
 * Draws one pane into one box of a canvas. A data set (a frame of a run) has one texture a layer, written when a pane
 * first needs it.
 *
 * @typedef {{frame: number, layers: import('./decode.js').Layers, fused: {mm: Uint16Array, source: Uint8Array},
 *   stamp: number}} DataSet the stamp counts how often it was fused
 * @typedef {{left: number, top: number, width: number, height: number}} Box in pixels of the canvas
 */

import {ERROR_LIMIT_M, MAP_ROWS, MAPS, NOTHING, SIGMA_LIMIT_M} from './colours.js';
import {createProgram, createTexture, formatOf} from './gl.js';
import {VERTEX, fragment} from './shaders.js';

/** Textures of the shader, in the order of their units. */
const UNITS = ['rgb', 'layer', 'against', 'from', 'to', 'maps'];

/** What each pane shows: how it is coloured, and which layer. */
const RECIPES = {
  rgb: {kind: 'rgb'},
  predicted: {kind: 'depth', layer: 'predicted'},
  projected: {kind: 'depth', layer: 'projected'},
  fused: {kind: 'depth', layer: 'fused'},
  uncertainty: {kind: 'amount', layer: 'uncertainty'},
  reflective: {kind: 'regions', layer: 'regions'},
  mined: {kind: 'regions', layer: 'mined'},
  source: {kind: 'source', layer: 'source', against: 'fused', from: 'predicted', to: 'projected'},
  error: {kind: 'error', layer: 'fused', against: 'truth'},
};

/** Layers whose arrays are written again at every move of the slider. */
const LIVE = new Set(['fused', 'source']);

/** The array behind a layer's name; fused depth and its source are the live ones. Without truth, errors are moves. */
export function arrayOf({layers, fused}, name) {
  if (name === 'fused') return fused.mm;
  if (name === 'source') return fused.source;
  if (name === 'truth') return layers.truth || layers.predicted;
  return layers[name];
}

/** @param {DataSet} data @param {string} pane @returns {boolean} whether there is anything to draw */
export function canDraw(data, pane) {
  const {layer} = RECIPES[pane];
  return !layer || Boolean(arrayOf(data, layer));
}

/** @param {WebGL2RenderingContext} gl */
export function createPainter(gl) {
  const programs = new Map();
  const textures = new Map();
  gl.bindVertexArray(gl.createVertexArray());
  gl.enable(gl.SCISSOR_TEST);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  const blank = createTexture(gl, gl.R8UI, 1, 1);
  uploadMaps(gl);

  /** Use the shader of a kind of pane; what it does not look at it does not have. */
  function use(kind, taps) {
    const key = `${kind}/${taps}`;
    const found = programs.get(key);
    const program = found ?? createProgram(gl, VERTEX, fragment(kind, taps));
    gl.useProgram(program);
    if (found) return program.locations;
    programs.set(key, program);
    UNITS.forEach((name, unit) => gl.uniform1i(program.locations[name] ?? null, unit));
    return program.locations;
  }

  /** The texture of one layer of one data set, made anew where the size of frames has changed. */
  function textureFor(key, internal, w, h) {
    const found = textures.get(key);
    if (found?.w === w && found.h === h) return found;
    if (found) gl.deleteTexture(found.id);
    const made = {id: createTexture(gl, internal, w, h), w, h, array: null, stamp: -1};
    textures.set(key, made);
    return made;
  }

  /** Bind a layer to a unit; what has changed since it was last bound is written first. */
  function bind(unit, slot, data, name) {
    gl.activeTexture(gl.TEXTURE0 + UNITS.indexOf(unit));
    const array = name && arrayOf(data, name);
    if (!array) return gl.bindTexture(gl.TEXTURE_2D, blank);
    const {w, h} = data.layers;
    const [internal, format, type] = formatOf(gl, array, name === 'rgb' ? 3 : 1);
    const texture = textureFor(`${slot}/${name}`, internal, w, h);
    gl.bindTexture(gl.TEXTURE_2D, texture.id);
    const isStale = LIVE.has(name) && texture.stamp !== data.stamp; // the same array, written again
    if (texture.array === array && !isStale) return;
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, w, h, format, type, array);
    Object.assign(texture, {array, stamp: data.stamp});
  }

  /**
   * @param {string} pane
   * @param {string} slot which set of textures: a data set of its own each
   * @param {DataSet} data
   * @param {Box} box where its pixels go, @param {Box} cell the whole pane, of which the box may be a part
   * @param {{centre: [number, number], magnification: number, isRough: boolean}} lens in pixels of the image; rough is
   *   one texel a pixel, where several would be averaged
   * @param {[number, number]} range_m colours of depth
   */
  function draw(pane, slot, data, box, cell, lens, range_m) {
    if (!(box.width > 0 && box.height > 0)) return; // nobody sees it: another tab is open
    const recipe = RECIPES[pane];
    const bottom = gl.drawingBufferHeight;
    bind('rgb', slot, data, 'rgb');
    for (const unit of ['layer', 'against', 'from', 'to']) bind(unit, slot, data, recipe[unit]);
    const locations = use(recipe.kind, lens.isRough ? 1 : tapsFor(lens.magnification));
    const set = (name, ...values) => gl[`uniform${values.length}f`](locations[name] ?? null, ...values);
    set('range', ...rangeOf(recipe.kind, range_m));
    set('middle', cell.left + cell.width / 2, bottom - cell.top - cell.height / 2);
    set('centre', ...lens.centre);
    set('size', data.layers.w, data.layers.h);
    set('step_px', 1 / lens.magnification);
    gl.scissor(box.left, bottom - box.top - box.height, box.width, box.height);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Start a picture: everything gets the colour of the ground. */
  function clear() {
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.scissor(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(...NOTHING.map((value) => value / 255), 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }

  return {draw, clear};
}

/** Texels that are averaged along each side of a pixel of the canvas. @param {number} magnification */
export function tapsFor(magnification) {
  if (magnification > 0.8) return 1;
  return magnification > 0.4 ? 2 : 3;
}

function rangeOf(kind, range_m) {
  if (kind === 'amount') return [0, SIGMA_LIMIT_M];
  return kind === 'error' ? [-ERROR_LIMIT_M, ERROR_LIMIT_M] : range_m;
}

function uploadMaps(gl) {
  gl.activeTexture(gl.TEXTURE0 + UNITS.indexOf('maps'));
  createTexture(gl, gl.RGB8, 256, 3);
  MAP_ROWS.forEach((name, row) => {
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, row, 256, 1, gl.RGB, gl.UNSIGNED_BYTE, MAPS[name]);
  });
}
