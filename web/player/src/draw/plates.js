// Art resampled for pictures of one size, on the graphics card: plates, sprites and raised arms. As `plates.py` has it.

import { buildProgram, createTexture } from './gl.js';
import { pictureRect } from './lens.js';

const AT_ONCE = 6; // sprites between two pictures

// One triangle that covers what is drawn to.
const EVERYWHERE = `void main() {
  gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0);
}`;
// Bilinear sampling of the blurred art. A sprite is resampled inside its surroundings, so that its
// edges match the plate's. `reach` is the blur's in px, `sigma` its width.
const SHOOT = `
uniform sampler2D base;
uniform sampler2DArray sprites;
uniform vec4 box;      // of the sprite in the art; no width: there is none
uniform int layer;
uniform vec2 origin;   // of what is drawn, in the picture
uniform vec3 lens;     // left, top, scale
uniform float sigma;
uniform int reach;
out vec4 colour;
vec4 art(ivec2 at) {
  ivec2 inside = at - ivec2(box.xy);
  if (box.z > 0.0 && all(greaterThanEqual(inside, ivec2(0))) && all(lessThan(inside, ivec2(box.zw)))) {
    return texelFetch(sprites, ivec3(inside, layer), 0);
  }
  ivec2 size = textureSize(base, 0);
  // Blurring mirrors the art at its edge, sampling finds nothing beyond it.
  ivec2 mirrored = abs(at);
  mirrored = min(mirrored, 2 * (size - 1) - mirrored);
  return texelFetch(base, clamp(mirrored, ivec2(0), size - 1), 0);
}
float bell(float x) { return sigma > 0.0 ? exp(-x * x / (2.0 * sigma * sigma)) : (abs(x) < 0.5 ? 1.0 : 0.0); }
void main() {
  vec2 place = (floor(gl_FragCoord.xy) + origin + 0.5) / lens.z + lens.xy - 0.5;
  vec2 low = floor(place), part = place - low;
  float all_ = 0.0;
  for (int i = -reach; i <= reach; i += 1) all_ += bell(float(i));
  vec4 sum = vec4(0.0);
  ivec2 size = textureSize(base, 0);
  vec2 least = vec2(-1.0), most = vec2(size);
  for (int y = -reach; y <= reach + 1; y += 1) {
    float v = 0.0;
    if (y <= reach && low.y >= 0.0) v += bell(float(y)) * (1.0 - part.y);
    if (y > -reach && low.y + 1.0 < most.y) v += bell(float(y - 1)) * part.y;
    if (v == 0.0) continue;
    for (int x = -reach; x <= reach + 1; x += 1) {
      float u = 0.0;
      if (x <= reach && low.x >= 0.0) u += bell(float(x)) * (1.0 - part.x);
      if (x > -reach && low.x + 1.0 < most.x) u += bell(float(x - 1)) * part.x;
      if (u == 0.0) continue;
      sum += u * v * art(ivec2(low) + ivec2(x, y));
    }
  }
  colour = any(lessThanEqual(place, least)) || any(greaterThanEqual(place, most)) ? vec4(0.0) : sum / (all_ * all_);
}`;
// Each px is the mean of the art that it covers.
const SHRINK = `
uniform sampler2D base;
uniform vec2 ratio;
out vec4 colour;
void main() {
  vec2 from = floor(gl_FragCoord.xy) * ratio, until = from + ratio;
  vec4 sum = vec4(0.0);
  float all_ = 0.0;
  ivec2 size = textureSize(base, 0);
  for (int y = int(from.y); y < min(size.y, int(ceil(until.y))); y += 1) {
    for (int x = int(from.x); x < min(size.x, int(ceil(until.x))); x += 1) {
      vec2 share = min(until, vec2(x, y) + 1.0) - max(from, vec2(x, y));
      sum += share.x * share.y * texelFetch(base, ivec2(x, y), 0);
      all_ += share.x * share.y;
    }
  }
  colour = sum / max(all_, 1e-6);
}`;

const neckFile = (pose) => `neck_${pose}.webp`;
/** The pictures that a plate is made of. */
export const plateFiles = (pose) => ['pose', 'mouth', 'eyes'].map((kind) => `${kind}_${pose}.webp`);

/** Whether a picture has the very px of the art: nothing is resampled then. */
const isWhole = ({ scale, left, top }) => scale === 1 && Number.isInteger(left) && Number.isInteger(top);

/** What of the art is in a picture that has its px. */
function crop(gl, bitmap, { left, top, width, height }) {
  const texture = createTexture(gl, width, height);
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const [across, down] = [Math.min(bitmap.width, left + width) - x, Math.min(bitmap.height, top + height) - y];
  gl.pixelStorei(gl.UNPACK_SKIP_PIXELS, x);
  gl.pixelStorei(gl.UNPACK_SKIP_ROWS, y);
  gl.texSubImage2D(gl.TEXTURE_2D, 0, x - left, y - top, across, down, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.pixelStorei(gl.UNPACK_SKIP_PIXELS, 0);
  gl.pixelStorei(gl.UNPACK_SKIP_ROWS, 0);
  return texture;
}

function upload(gl, bitmap, layers = 0) {
  const texture = createTexture(gl, bitmap.width, layers ? bitmap.height / layers : bitmap.height, layers);
  if (layers) {
    const height = bitmap.height / layers;
    for (let i = 0; i < layers; i += 1) {
      gl.pixelStorei(gl.UNPACK_SKIP_ROWS, i * height);
      gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, i, bitmap.width, height, 1, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    }
    gl.pixelStorei(gl.UNPACK_SKIP_ROWS, 0);
  } else {
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  }
  return texture;
}

/** What resamples art. Its plates are of one lens; `free` gives a plate back. */
export function createPlates(gl, bundle) {
  const { manifest } = bundle;
  const shoot = buildProgram(gl, EVERYWHERE, SHOOT);
  const shrink = buildProgram(gl, EVERYWHERE, SHRINK);
  const target = gl.createFramebuffer();
  const source = gl.createFramebuffer();
  const blank = createTexture(gl, 1, 1, 1); // where a plate is drawn without sprites

  /** `margin`: px around it that stay empty. */
  function drawInto(attach, width, height, margin = 0) {
    gl.bindFramebuffer(gl.FRAMEBUFFER, target);
    attach();
    gl.viewport(margin, margin, width, height);
    gl.disable(gl.BLEND);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  function aim(lens, base, rect, box, sheet) {
    const sigma = lens.scale < 0.95 ? 0.42 * (1 / lens.scale - 0.35) : 0;
    // As OpenCV sizes a Gaussian kernel for 8 bits.
    const reach = sigma ? (Math.round(sigma * 6 + 1) | 1) >> 1 : 0;
    shoot.use();
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, sheet);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, base);
    gl.uniform1i(shoot.at('base'), 0);
    gl.uniform1i(shoot.at('sprites'), 1);
    gl.uniform4f(shoot.at('box'), ...(box || [0, 0, 0, 0]));
    gl.uniform2f(shoot.at('origin'), rect.x, rect.y);
    gl.uniform3f(shoot.at('lens'), lens.left, lens.top, lens.scale);
    gl.uniform1f(shoot.at('sigma'), sigma);
    gl.uniform1i(shoot.at('reach'), reach);
  }

  /** The picture that lies under a plate, and its place as shares of the whole: one px more, with nothing in it. */
  async function neckOf(pose, box, lens) {
    if (!box) return null;
    const bitmap = await bundle.bitmap(neckFile(pose));
    if (gl.isContextLost()) return null;
    const base = upload(gl, bitmap);
    bitmap.close();
    const rect = pictureRect(lens, box);
    const [width, height] = [rect.width + 2, rect.height + 2];
    const texture = createTexture(gl, width, height);
    const corner = { x: rect.x - 1, y: rect.y - 1 };
    aim({ ...lens, left: lens.left - box[0], top: lens.top - box[1] }, base, corner, null, blank);
    drawInto(() => gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0), rect.width, rect.height, 1);
    gl.deleteTexture(base);
    return { texture, place: [(rect.x - 1) / lens.width, (rect.y - 1) / lens.height, width / lens.width, height / lens.height] };
  }

  /** A part of what `attach` names, to a place of what is bound to be drawn to. */
  function copy(attach, [x, y, width, height], [left, top]) {
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, source);
    attach();
    gl.blitFramebuffer(x, y, x + width, y + height, left, top, left + width, top + height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
  }

  /** A sprite in its surroundings, in a picture that has the px of the art: `base` is of the picture already. */
  function paste(lens, base, rect, box, sheet, layer, attach) {
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, target);
    attach();
    copy(() => gl.framebufferTexture2D(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, base, 0), [rect.x, rect.y, rect.width, rect.height], [0, 0]);
    copy(
      () => gl.framebufferTextureLayer(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, sheet, 0, layer),
      [0, 0, box[2], box[3]], [box[0] - lens.left - rect.x, box[1] - lens.top - rect.y]);
  }

  function sprites(lens, base, box, count) {
    const rect = pictureRect(lens, box);
    const texture = createTexture(gl, rect.width, rect.height, count);
    const missing = new Set(Array(count).keys());
    let sheet = null;
    return {
      rect,
      texture,
      missing,
      /** Whether there is anything to show; until then the plate shows its own. */
      get ready() {
        return Boolean(sheet);
      },
      dress(made) {
        sheet = made;
      },
      /** Have these ready. */
      need(...indices) {
        const fresh = indices.filter((i) => missing.delete(i));
        if (!fresh.length) return;
        const attach = (to, i) => gl.framebufferTextureLayer(to, gl.COLOR_ATTACHMENT0, texture, 0, i);
        if (isWhole(lens)) {
          for (const i of fresh) paste(lens, base, rect, box, sheet, i, () => attach(gl.DRAW_FRAMEBUFFER, i));
          return;
        }
        aim(lens, base, rect, box, sheet);
        for (const i of fresh) {
          gl.uniform1i(shoot.at('layer'), i);
          drawInto(() => attach(gl.FRAMEBUFFER, i), rect.width, rect.height);
        }
      },
    };
  }

  return {
    /** The plate of one pose, at first without sprites: `dress` gets those. They are made when needed, or by `finish`. */
    async plate(pose, lens) {
      const { mouth_rect: mouthBox, eyes_rect: eyesBox } = manifest.poses[pose];
      const [whole, ...sheets] = plateFiles(pose);
      const neck = await neckOf(pose, manifest.poses[pose].neck_rect, lens);
      const bitmap = await bundle.bitmap(whole);
      if (gl.isContextLost()) return null;
      bundle.expect(...sheets);
      const sources = [];
      let body;
      let base;
      if (isWhole(lens)) base = body = crop(gl, bitmap, lens);
      else {
        base = upload(gl, bitmap);
        sources.push(base);
        body = createTexture(gl, lens.width, lens.height);
        aim(lens, base, { x: 0, y: 0 }, null, blank);
        drawInto(() => gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, body, 0), lens.width, lens.height);
      }
      bitmap.close();
      const mouths = sprites(lens, base, mouthBox, manifest.mouths);
      const eyes = sprites(lens, base, eyesBox, manifest.eyes);
      return {
        sources,
        body,
        neck,
        mouths,
        eyes,
        async dress() {
          const bitmaps = await Promise.all(sheets.map((name) => bundle.bitmap(name)));
          const lost = gl.isContextLost();
          for (const [i, part] of [mouths, eyes].entries()) {
            if (!lost) {
              const sheet = upload(gl, bitmaps[i], [manifest.mouths, manifest.eyes][i]);
              sources.push(sheet);
              part.dress(sheet);
            }
            bitmaps[i].close();
          }
        },
      };
    },
    /** Some sprites more; whether there are all. Then what they were made from is given up. */
    finish(plate) {
      const { mouths, eyes, sources } = plate;
      const part = mouths.missing.size ? mouths : eyes;
      part.need(...[...part.missing].slice(0, AT_ONCE));
      if (mouths.missing.size + eyes.missing.size) return false;
      for (const texture of sources.splice(0)) gl.deleteTexture(texture);
      return true;
    },
    /** A raised arm, in px of the picture. */
    async limb(art, lens) {
      const bitmap = await bundle.bitmap(art.image);
      if (gl.isContextLost()) return null;
      const base = upload(gl, bitmap);
      const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * lens.scale)));
      let texture = base;
      if (lens.scale < 1) {
        texture = createTexture(gl, width, height);
        shrink.use();
        gl.activeTexture(gl.TEXTURE0);
        gl.bindTexture(gl.TEXTURE_2D, base);
        gl.uniform1i(shrink.at('base'), 0);
        gl.uniform2f(shrink.at('ratio'), bitmap.width / width, bitmap.height / height);
        drawInto(() => gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0), width, height);
        gl.deleteTexture(base);
      }
      bitmap.close();
      return { ...art, texture, width, height };
    },
    free(plate) {
      const { body, neck, mouths, eyes, sources } = plate;
      for (const texture of [body, mouths.texture, eyes.texture, ...sources.splice(0)]) gl.deleteTexture(texture);
      if (neck) gl.deleteTexture(neck.texture);
    },
  };
}
