/**
 * The wire form of frames and meshes: the length of a header (u32, little-endian), a header in JSON, then arrays.
 */

const TYPES = {u8: Uint8Array, u16: Uint16Array, i8: Int8Array, f32: Float32Array, u32: Uint32Array};

/** Depth 0 is none; uncertainty of this many millimetres is unknown. */
export const UNKNOWN = 65535;

/**
 * @param {ArrayBuffer} buffer
 * @returns {{header: Object, arrays: Object<string, ArrayBufferView>}} views where they are aligned, else copies
 */
export function unpack(buffer) {
  if (buffer.byteLength < 4) throw new Error('an answer of the server is cut short');
  const length = new DataView(buffer).getUint32(0, true);
  const start = 4 + length;
  if (start > buffer.byteLength) throw new Error('an answer of the server is cut short');
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  for (const layer of header.layers) arrays[layer.name] = arrayOf(buffer, start + layer.offset, layer);
  return {header, arrays};
}

/** @returns {ArrayBufferView} */
function arrayOf(buffer, offset, {name, type, bytes}) {
  const Type = TYPES[type];
  if (!Type || offset + bytes > buffer.byteLength) throw new Error(`layer ${name} does not fit its answer`);
  const count = bytes / Type.BYTES_PER_ELEMENT;
  if (offset % Type.BYTES_PER_ELEMENT === 0) return new Type(buffer, offset, count);
  return new Type(buffer.slice(offset, offset + bytes));
}

/**
 * The layers of one frame.
 *
 * @typedef {Object} Layers
 * @property {number} h @property {number} w
 * @property {Uint8Array} rgb three bytes a pixel
 * @property {Uint16Array} predicted millimetres, 0 none
 * @property {Uint16Array} [projected] @property {Uint16Array} [fused] @property {Uint16Array} [truth] likewise
 * @property {Uint16Array} [uncertainty] millimetres, 65535 unknown
 * @property {Uint8Array} [source] where labels are from @property {Uint8Array} [regions] 1 reflective, 2 highlight
 * @property {Uint8Array} [mined] 1 where triplet mining finds a reflection
 */

/** @param {ArrayBuffer} buffer @returns {Layers} */
export function unpackLayers(buffer) {
  const {header, arrays} = unpack(buffer);
  return {h: header.h, w: header.w, ...arrays};
}
