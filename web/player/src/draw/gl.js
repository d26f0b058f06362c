// The little of WebGL2 that plates and renderer share.

/** Compiled beside everything else: only its first use waits for it, and throws when it failed. */
export function buildProgram(gl, vertex, fragment) {
  const program = gl.createProgram();
  let built = false;
  for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const made = gl.createShader(type);
    gl.shaderSource(made, `#version 300 es\nprecision highp float;\nprecision highp sampler2DArray;\n${source}`);
    gl.compileShader(made);
    gl.attachShader(program, made);
  }
  gl.linkProgram(program);
  const places = new Map();
  return {
    /** To be drawn with before anybody waits for it, unseen: some drivers translate a program at its first use. */
    warm: () => gl.useProgram(program),
    use() {
      if (!built && !gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
        throw new Error(gl.getProgramInfoLog(program) || 'shader');
      }
      built = true;
      gl.useProgram(program);
    },
    at(name) {
      if (!places.has(name)) places.set(name, gl.getUniformLocation(program, name));
      return places.get(name);
    },
  };
}

/** A texture of premultiplied colour with nothing in it; with `layers`, an array of them. */
export function createTexture(gl, width, height, layers = 0) {
  const kind = layers ? gl.TEXTURE_2D_ARRAY : gl.TEXTURE_2D;
  const texture = gl.createTexture();
  gl.bindTexture(kind, texture);
  if (layers) gl.texStorage3D(kind, 1, gl.RGBA8, width, height, layers);
  else gl.texStorage2D(kind, 1, gl.RGBA8, width, height);
  for (const [name, value] of [
    [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    [gl.TEXTURE_MIN_FILTER, gl.LINEAR], [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
  ]) gl.texParameteri(kind, name, value);
  return texture;
}
