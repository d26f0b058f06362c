// A figure's art as the server gives it: one file with a table of contents (docs/drawing.md).

import { CODES, fault } from '../errors.js';

const MAGIC = 0x31504b42; // "BKP1"

function broken(why) {
  return fault(CODES.PARAMETER, `art unreadable: ${why}`);
}

/** IEEE 754 half precision, little-endian, as 32-bit floats. */
function halves(from) {
  const out = new Float32Array(from.length);
  for (let i = 0; i < from.length; i += 1) {
    const bits = from[i];
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024);
    out[i] = bits >> 15 ? -size : size;
  }
  return out;
}

/** `{manifest, bitmap(name), fields(), bytes}` of the file; pictures are decoded when asked for. */
export function openBundle(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 8 || view.getUint32(0, true) !== MAGIC) throw broken('not a bundle');
  const start = 8 + view.getUint32(4, true);
  if (start > buffer.byteLength) throw broken('cut short');
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, start - 8)));
  function part(name, type) {
    const [offset, size] = head.files[name] || [0, -1];
    if (size < 0 || start + offset + size > buffer.byteLength) throw broken(`${name} missing`);
    return new Blob([new Uint8Array(buffer, start + offset, size)], { type });
  }
  const early = new Map();
  const decode = (name) => createImageBitmap(part(name, 'image/webp'), {
    premultiplyAlpha: 'premultiply', colorSpaceConversion: 'none',
  });
  return {
    manifest: head.manifest,
    /** Begin to decode what will be asked for. */
    expect(...names) {
      for (const name of names) {
        const coming = decode(name);
        coming.catch(() => {}); // who asks hears of it
        early.set(name, coming);
      }
    },
    /** Colour weighted by alpha. The caller closes it. */
    bitmap(name) {
      const coming = early.get(name) ?? decode(name);
      early.delete(name);
      return coming;
    },
    /** `of(pose)`: displacement in art px, by base, row, column, axis; and how many rows and columns. */
    async fields() {
      const packed = part('fields', 'application/octet-stream');
      const raw = new Response(packed.stream().pipeThrough(new DecompressionStream('deflate')));
      const [rows, columns] = head.nodes;
      const values = new Uint16Array(await raw.arrayBuffer());
      const { poses, bases } = head.manifest;
      const size = bases.length * rows * columns * 2;
      if (values.length !== poses.length * size) throw broken('fields');
      return { rows, columns, of: (pose) => halves(values.subarray(pose * size, (pose + 1) * size)) };
    },
  };
}
