// Draws a figure as the server's compositor does: a plate with the sprites of the moment laid in, warped as a
// whole, raised arms over it.

import { buildProgram, createTexture } from './gl.js';
import { enlarged, lensOf } from './lens.js';
import { limbMatrix } from './limbs.js';
import { createPlates, plateFiles } from './plates.js';
import { createWarp } from './warp.js';

const WARP = `
layout(location = 0) in vec2 place;
layout(location = 1) in vec2 source;
layout(location = 2) in vec2 under;
uniform vec4 box;   // of the neck: left, top, width, height
out vec2 from, below;
void main() { from = source; below = (under - box.xy) / box.zw; gl_Position = vec4(place.x * 2.0 - 1.0, 1.0 - place.y * 2.0, 0.0, 1.0); }`;
const SAMPLE = `
in vec2 from, below;
uniform sampler2D plate, neck;
uniform bool necked;
uniform vec4 behind;
out vec4 colour;
void main() {
  vec4 found = texture(plate, from);
  if (necked) found += texture(neck, below) * (1.0 - found.a);
  colour = found + behind * (1.0 - found.a);
}`;
// A limb's px are centred on whole numbers, as OpenCV has them.
const LIMB = `
uniform vec2 size, picture;
uniform vec3 across, down;
out vec2 from;
void main() {
  from = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  vec3 at = vec3(from * size - 0.5, 1.0);
  vec2 place = (vec2(dot(across, at), dot(down, at)) + 0.5) / picture;
  gl_Position = vec4(place.x * 2.0 - 1.0, 1.0 - place.y * 2.0, 0.0, 1.0);
}`;
const OVER = `
in vec2 from;
uniform sampler2D limb;
out vec4 colour;
void main() { colour = texture(limb, from); }`;

/** Two triangles a cell. */
function triangles(rows, columns) {
  const out = new Uint16Array((rows - 1) * (columns - 1) * 6);
  let i = 0;
  for (let r = 0; r + 1 < rows; r += 1) {
    for (let c = 0; c + 1 < columns; c += 1) {
      const a = r * columns + c;
      out.set([a, a + 1, a + columns, a + 1, a + columns + 1, a + columns], i);
      i += 6;
    }
  }
  return out;
}

/** A label of the stream's description, as a texture. */
async function printed(gl, { picture }) {
  const bytes = Uint8Array.from(atob(picture), (c) => c.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/webp' }), { colorSpaceConversion: 'none' });
  const texture = createTexture(gl, bitmap.width, bitmap.height);
  gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  bitmap.close();
  return texture;
}

const moment = () => new Promise((resolve) => {
  setTimeout(resolve);
});

/** Let pictures be drawn between: until the graphics card has done all that it was told, else they would wait for it. */
async function pause(gl) {
  const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
  gl.flush();
  do await moment();
  while (fence && !gl.isContextLost() && gl.clientWaitSync(fence, 0, 0) === gl.TIMEOUT_EXPIRED);
  gl.deleteSync(fence);
}

/**
 * `scene` is `{width, height, background, transparent, label}` of the stream. Resolves when the plate of `pose` can be
 * shown; the others follow, and when `eager` all sprites, which are made when needed otherwise. Rejects where there is no WebGL2 or the art cannot be read.
 */
export async function createRenderer(canvas, bundle, scene, pose, eager = true) {
  const gl = canvas.getContext('webgl2', {
    alpha: true, premultipliedAlpha: true, antialias: false, depth: false, preserveDrawingBuffer: true,
  });
  if (!gl) throw new Error('no WebGL2');
  // The graphics card, the decoder of pictures and the one of fields all work at once.
  const plates = createPlates(gl, bundle);
  const warping = buildProgram(gl, WARP, SAMPLE);
  const limbing = buildProgram(gl, LIMB, OVER);
  bundle.expect(plateFiles(pose)[0]);
  const { manifest } = bundle;
  const nominal = lensOf(manifest, scene.width, scene.height);
  const warp = createWarp(manifest, await bundle.fields(), nominal);
  const blit = gl.createFramebuffer();
  const laid = gl.createFramebuffer();
  const behind = scene.transparent ? [0, 0, 0, 0] : [...scene.background.map((c) => c / 255), 1];

  const mesh = gl.createVertexArray();
  gl.bindVertexArray(mesh);
  const places = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, places);
  gl.bufferData(gl.ARRAY_BUFFER, warp.places(), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  const sources = gl.createBuffer();
  const nodes = new Float32Array(warp.rows * warp.columns * 2);
  gl.bindBuffer(gl.ARRAY_BUFFER, sources);
  gl.bufferData(gl.ARRAY_BUFFER, nodes.byteLength, gl.DYNAMIC_DRAW);
  gl.enableVertexAttribArray(1);
  gl.vertexAttribPointer(1, 2, gl.FLOAT, false, 0, 0);
  const unders = gl.createBuffer();
  const neckNodes = new Float32Array(nodes.length);
  gl.bindBuffer(gl.ARRAY_BUFFER, unders);
  gl.bufferData(gl.ARRAY_BUFFER, neckNodes.byteLength, gl.DYNAMIC_DRAW);
  gl.enableVertexAttribArray(2);
  gl.vertexAttribPointer(2, 2, gl.FLOAT, false, 0, 0);
  const corners = triangles(warp.rows, warp.columns);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, corners, gl.STATIC_DRAW);
  gl.bindTexture(gl.TEXTURE_2D, createTexture(gl, 1, 1));
  gl.viewport(0, 0, 1, 1);
  warping.warm();
  gl.drawElements(gl.TRIANGLES, 3, gl.UNSIGNED_SHORT, 0);
  gl.flush();
  gl.bindVertexArray(null);

  let made; // everything of one size: {lens, plates: Map, limbs, current, former, whole}
  let making = Promise.resolve();
  let closed = false;

  /** A texture that shows one plate with its sprites laid in; `bare` is the plate's own, while it has none yet. */
  function createSheet(lens) {
    return { texture: createTexture(gl, lens.width, lens.height), pose: -1, mouth: -1, eyes: -1, bare: null };
  }

  function lay(attach, rect) {
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, blit);
    attach();
    gl.blitFramebuffer(
      0, 0, rect.width, rect.height, rect.x, rect.y, rect.x + rect.width, rect.y + rect.height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
  }

  function show(set, sheet, wanted, mouth, eyes) {
    const plate = set.plates.get(wanted);
    if (!plate.mouths.ready && !plate.eyes.ready) {
      Object.assign(sheet, { pose: wanted, mouth: -1, eyes: -1, bare: plate.body });
      return;
    }
    const fresh = sheet.pose !== wanted || Boolean(sheet.bare);
    sheet.bare = null;
    if (!fresh && sheet.mouth === mouth && sheet.eyes === eyes) return;
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, laid);
    gl.framebufferTexture2D(gl.DRAW_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, sheet.texture, 0);
    if (fresh) {
      const { width, height } = set.lens;
      lay(() => gl.framebufferTexture2D(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, plate.body, 0), { x: 0, y: 0, width, height });
    }
    const parts = [[plate.mouths, mouth, sheet.mouth], [plate.eyes, eyes, sheet.eyes]];
    for (const [part, index, former] of parts) {
      if (!part.ready || (!fresh && index === former)) continue;
      part.need(index);
      gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, laid);
      lay(() => gl.framebufferTextureLayer(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, part.texture, 0, index), part.rect);
    }
    const shown = parts.map(([part, index]) => (part.ready ? index : -1));
    Object.assign(sheet, { pose: wanted, mouth: shown[0], eyes: shown[1] });
  }

  /** The neck of `pose`, which lies under what is drawn then; null when it has none. */
  function placeNeck(set, pose, state) {
    const { neck } = set.plates.get(pose);
    if (!neck) return null;
    warp.nodes(pose, state, neckNodes, false);
    gl.bindBuffer(gl.ARRAY_BUFFER, unders);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, neckNodes);
    return neck;
  }

  function drawSheet(set, sheet, state, share, neck) {
    warp.nodes(sheet.pose, state, nodes);
    gl.bindVertexArray(mesh);
    gl.bindBuffer(gl.ARRAY_BUFFER, sources);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, nodes);
    warping.use();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, sheet.bare ?? sheet.texture);
    gl.uniform1i(warping.at('plate'), 0);
    gl.uniform4f(warping.at('behind'), ...behind);
    gl.uniform1i(warping.at('neck'), 1);
    gl.uniform1i(warping.at('necked'), neck ? 1 : 0);
    gl.uniform4f(warping.at('box'), ...(neck?.place ?? [0, 0, 1, 1]));
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, neck?.texture ?? sheet.texture);
    if (share < 1) {
      gl.enable(gl.BLEND);
      gl.blendEquation(gl.FUNC_ADD);
      gl.blendColor(0, 0, 0, share);
      gl.blendFunc(gl.CONSTANT_ALPHA, gl.ONE_MINUS_CONSTANT_ALPHA);
    } else gl.disable(gl.BLEND);
    gl.drawElements(gl.TRIANGLES, corners.length, gl.UNSIGNED_SHORT, 0);
    gl.bindVertexArray(null);
  }

  /** A picture over what is drawn; `matrix` is the affine map from its px to those of the whole. */
  function layOver(lens, { texture, width, height }, matrix) {
    limbing.use();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.uniform1i(limbing.at('limb'), 0);
    gl.uniform2f(limbing.at('size'), width, height);
    gl.uniform2f(limbing.at('picture'), lens.width, lens.height);
    gl.uniform3f(limbing.at('across'), ...matrix.slice(0, 3));
    gl.uniform3f(limbing.at('down'), ...matrix.slice(3));
    gl.enable(gl.BLEND);
    gl.blendEquationSeparate(gl.FUNC_ADD, gl.MAX);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  function raise({ lens, limbs }, state) {
    for (const limb of limbs) {
      const matrix = limb.gesture === state.gesture ? limbMatrix(limb, lens, state.phase, state.breath ?? 0) : null;
      if (matrix) layOver(lens, limb, matrix);
    }
    if (!label) return;
    const { x, y, width, height } = scene.label;
    const zoom = lens.zoom;
    layOver(lens, { texture: label, width, height }, [zoom, 0, (x + 0.5) * zoom - 0.5, 0, zoom, (y + 0.5) * zoom - 0.5]);
  }

  function discard(set) {
    for (const plate of set.plates.values()) plates.free(plate);
    for (const texture of [...set.limbs, set.current, set.former].map((one) => one.texture)) gl.deleteTexture(texture);
  }

  /** Everything at a size; `made` becomes it as soon as `first` can be shown. */
  async function prepare(width, height, first) {
    const lens = { ...enlarged(nominal, width, height), zoom: width / nominal.width };
    const set = { lens, plates: new Map(), limbs: [], current: createSheet(lens), former: createSheet(lens) };
    const order = manifest.poses.map((_, i) => i).sort((a, b) => Math.abs(a - first) - Math.abs(b - first));
    for (const index of order) {
      const plate = await plates.plate(index, lens);
      if (closed || !plate) return;
      const soonest = index === first && !made; // its own mouth will do until the others are there
      if (!soonest) await plate.dress();
      set.plates.set(index, plate);
      if (index === first) {
        if (made) discard(made);
        made = set;
        await moment();
      }
      if (soonest) await plate.dress();
      while (eager && !closed && made === set && !plates.finish(plate)) await pause(gl);
      if (closed || made !== set) return;
      if (index !== first) continue;
      for (const art of manifest.limbs) {
        const limb = await plates.limb(art, lens);
        if (closed || !limb) return;
        set.limbs.push(limb);
      }
    }
    set.whole = true;
  }

  function begin(width, height, first) {
    return new Promise((resolve, reject) => {
      making = making.then(async () => {
        if (closed) return;
        const done = prepare(width, height, first);
        const shown = () => made?.lens.width === width && made.lens.height === height;
        const look = setInterval(() => shown() && resolve(), 4);
        try {
          await done;
          if (shown()) resolve();
          else reject(new Error('art lost'));
        } catch (error) {
          reject(error);
        } finally {
          clearInterval(look);
        }
      });
    });
  }

  const label = scene.label ? await printed(gl, scene.label) : null;
  await begin(canvas.width, canvas.height, pose);

  return {
    gl,
    /** Px of the stream's own picture for one of the art. */
    scale: nominal.scale,
    /** All poses and arms are there. */
    get whole() {
      return made.whole;
    },
    /**
     * `state` has plate, mouth, eyes (indices), the values of the manifest's bases by name, gesture and phase;
     * `fading` is how much of the former plate is still seen.
     */
    draw(state, fading = 0) {
      const set = made;
      let wanted = state.plate;
      if (!set.plates.has(wanted)) {
        // Not there yet: the nearest that is, warped to the same angle.
        wanted = [...set.plates.keys()].sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))[0];
      }
      if (set.current.pose >= 0 && set.current.pose !== wanted) {
        [set.current, set.former] = [set.former, set.current];
        set.current.pose = -1;
      }
      gl.disable(gl.BLEND);
      show(set, set.current, wanted, state.mouth, state.eyes);
      const both = fading > 0 && set.former.pose >= 0;
      if (both) show(set, set.former, set.former.pose, state.mouth, state.eyes);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      if (canvas.width !== set.lens.width || canvas.height !== set.lens.height) {
        Object.assign(canvas, { width: set.lens.width, height: set.lens.height });
      }
      gl.viewport(0, 0, canvas.width, canvas.height);
      const neck = placeNeck(set, set.current.pose, state);
      drawSheet(set, set.current, state, 1, neck);
      if (both) drawSheet(set, set.former, state, fading, neck);
      raise(set, state);
    },
    /** Another size; the present one is shown until its first plate is there. */
    resize: (width, height) => begin(width, height, Math.max(0, made.current.pose)),
    close() {
      closed = true;
      gl.getExtension('WEBGL_lose_context')?.loseContext();
    },
  };
}
