/**
 * The little of WebGL2 that panes and mesh share.
 */

/** @param {WebGL2RenderingContext} gl @returns {WebGLProgram} with `locations` of all its uniforms */
export function createProgram(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    const logs = gl.getAttachedShaders(program).map((shader) => gl.getShaderInfoLog(shader));
    throw new Error(`a shader does not compile: ${logs.join(' ')} ${gl.getProgramInfoLog(program)}`);
  }
  program.locations = locationsOf(gl, program);
  return program;
}

function locationsOf(gl, program) {
  const locations = {};
  const count = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS) ?? 0;
  for (let i = 0; i < count; i++) {
    const {name} = gl.getActiveUniform(program, i);
    locations[name] = gl.getUniformLocation(program, name);
  }
  return locations;
}

/** How arrays of one kind become a texture. */
export function formatOf(gl, array, channels) {
  if (array instanceof Uint16Array) return [gl.R16UI, gl.RED_INTEGER, gl.UNSIGNED_SHORT];
  if (channels === 3) return [gl.RGB8, gl.RGB, gl.UNSIGNED_BYTE];
  return [gl.R8UI, gl.RED_INTEGER, gl.UNSIGNED_BYTE];
}

/** A texture that is only ever read texel by texel. */
export function createTexture(gl, internal, width, height) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texStorage2D(gl.TEXTURE_2D, 1, internal, width, height);
  for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
  return texture;
}

/** Something to draw into that nobody sees, of pixels with a depth. @returns {{free: () => void}} what takes it away again */
export function createTarget(gl, width, height) {
  const frame = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  const parts = [
    [gl.RGBA8, gl.COLOR_ATTACHMENT0],
    [gl.DEPTH_COMPONENT24, gl.DEPTH_ATTACHMENT],
  ].map(([format, place]) => {
    const part = gl.createRenderbuffer();
    gl.bindRenderbuffer(gl.RENDERBUFFER, part);
    gl.renderbufferStorage(gl.RENDERBUFFER, format, width, height);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, place, gl.RENDERBUFFER, part);
    return part;
  });
  const free = () => {
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    for (const part of parts) gl.deleteRenderbuffer(part);
    gl.deleteFramebuffer(frame);
  };
  return {free};
}

/**
 * Keep a canvas alive through the loss of its context.
 * @param {HTMLCanvasElement} canvas @param {AbortSignal} signal
 * @param {{lost: () => void, restored: () => void}} told
 */
export function watchContext(canvas, signal, {lost, restored}) {
  canvas.addEventListener(
    'webglcontextlost',
    (event) => {
      event.preventDefault(); // the browser gives it back then
      lost();
    },
    {signal},
  );
  canvas.addEventListener('webglcontextrestored', restored, {signal});
}

/** Give the context back to the browser, which has few of them. @param {?WebGL2RenderingContext} gl */
export function releaseContext(gl) {
  gl?.getExtension('WEBGL_lose_context')?.loseContext();
}
