// A transparent stream carries colour in its left half and alpha, as luma, in its right: composited here.

const VERTEX = `attribute vec2 at; varying vec2 place;
void main() { place = vec2(at.x * 0.5 + 0.5, 0.5 - at.y * 0.5); gl_Position = vec4(at, 0.0, 1.0); }`;
const FRAGMENT = `precision mediump float; varying vec2 place; uniform sampler2D picture;
void main() {
  vec3 colour = texture2D(picture, vec2(place.x * 0.5, place.y)).rgb;
  float alpha = texture2D(picture, vec2(0.5 + place.x * 0.5, place.y)).g;
  // The colour lies over black: it is premultiplied already.
  gl_FragColor = vec4(min(colour, vec3(alpha)), alpha);
}`;

function shader(gl, type, source) {
  const made = gl.createShader(type);
  gl.shaderSource(made, source);
  gl.compileShader(made);
  return made;
}

/** Draw `video` onto `canvas` until `stop()`. Null when the browser has no WebGL. */
export function composite(video, canvas) {
  const gl = canvas.getContext('webgl', { premultipliedAlpha: true, alpha: true, preserveDrawingBuffer: true });
  if (!gl) return null;
  const program = gl.createProgram();
  gl.attachShader(program, shader(gl, gl.VERTEX_SHADER, VERTEX));
  gl.attachShader(program, shader(gl, gl.FRAGMENT_SHADER, FRAGMENT));
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
  const at = gl.getAttribLocation(program, 'at');
  gl.enableVertexAttribArray(at);
  gl.vertexAttribPointer(at, 2, gl.FLOAT, false, 0, 0);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const [name, value] of [
    [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    [gl.TEXTURE_MIN_FILTER, gl.LINEAR], [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
  ]) gl.texParameteri(gl.TEXTURE_2D, name, value);
  let going = true;

  function draw() {
    if (!going) return;
    if (video.readyState >= 2 && video.videoWidth) {
      const [width, height] = [video.videoWidth / 2, video.videoHeight];
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      gl.viewport(0, 0, width, height);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, video);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    }
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(draw);
    else requestAnimationFrame(draw);
  }

  draw();
  return () => {
    going = false;
  };
}
