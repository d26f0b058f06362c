// The warp of a picture: a coarse field of nodes that says where each part of it comes from. As `warp.py` has it.

const NODE = 16; // px of the stream's picture between nodes
const NODE_AT = -NODE / 2 - 0.5; // where node 0 lies
const MAX_TURN = 13; // degrees of yaw that the baked poses carry
const MAX_TILT = 9;
const TURNS = new Set(['yaw', 'pitch', 'nod']); // what moves the head and leaves the neck where it is

/** Bilinear weights of a place on an axis of `count` samples; what lies outside repeats the edge. */
function between(place, count) {
  const at = Math.min(count - 1, Math.max(0, place));
  const low = Math.min(count - 2, Math.floor(at));
  return low < 0 ? [0, 0, 0] : [low, low + 1, at - low];
}

/** The nodes of a picture; `lens` is that of the stream's own size. */
export function createWarp(manifest, fields, lens) {
  const columns = Math.ceil(lens.width / NODE) + 2;
  const rows = Math.ceil(lens.height / NODE) + 2;
  const count = rows * columns;
  const { grid } = manifest.art;
  const names = manifest.bases;
  const of = new Map(); // pose -> displacement by base, node, axis, in px
  const push = new Float32Array(count * 2);

  /** The bases of a pose on the nodes of this picture. */
  function bases(pose) {
    let made = of.get(pose);
    if (made) return made;
    made = new Float32Array(names.length * count * 2);
    const values = fields.of(pose);
    const size = fields.rows * fields.columns * 2;
    const { scale } = lens;
    const across = Array.from({ length: columns }, (_, i) => between(
      ((i * NODE + NODE_AT + 0.5) / lens.scale + lens.left - 0.5) / grid, fields.columns));
    for (let r = 0; r < rows; r += 1) {
      const [y0, y1, v] = between(((r * NODE + NODE_AT + 0.5) / lens.scale + lens.top - 0.5) / grid, fields.rows);
      for (let c = 0; c < columns; c += 1) {
        const [x0, x1, u] = across[c];
        const above0 = (y0 * fields.columns + x0) * 2;
        const above1 = (y0 * fields.columns + x1) * 2;
        const below0 = (y1 * fields.columns + x0) * 2;
        const below1 = (y1 * fields.columns + x1) * 2;
        const [p, q, s, t] = [(1 - u) * (1 - v) * scale, u * (1 - v) * scale, (1 - u) * v * scale, u * v * scale];
        for (let b = 0; b < names.length; b += 1) {
          const from = b * size;
          const to = (b * count + r * columns + c) * 2;
          for (let axis = 0; axis < 2; axis += 1) {
            const at = from + axis;
            made[to + axis] = p * values[at + above0] + q * values[at + above1] + s * values[at + below0] + t * values[at + below1];
          }
        }
      }
    }
    of.set(pose, made);
    return made;
  }

  return {
    rows,
    columns,
    /** Where the nodes lie, as shares of the picture's width and height. */
    places() {
      const out = new Float32Array(count * 2);
      for (let i = 0; i < count; i += 1) {
        out[2 * i] = ((i % columns) * NODE + NODE_AT + 0.5) / lens.width;
        out[2 * i + 1] = (Math.floor(i / columns) * NODE + NODE_AT + 0.5) / lens.height;
      }
      return out;
    },
    /** Where each node samples the plate of `pose`, in the same shares, or, if not `turned`, the neck under it. */
    nodes(pose, values, out, turned = true) {
      const field = bases(pose);
      const plate = manifest.poses[pose];
      push.fill(0);
      names.forEach((name, b) => {
        if (!turned && TURNS.has(name)) return;
        let k = values[name] ?? 0;
        if (name === 'yaw') k = Math.max(-MAX_TURN, Math.min(MAX_TURN, k)) - plate.yaw;
        if (name === 'pitch') k = Math.max(-MAX_TILT, Math.min(MAX_TILT, k)) - plate.pitch;
        if (k === 0) return;
        const from = b * count * 2;
        for (let i = 0; i < count * 2; i += 1) push[i] += k * field[from + i];
      });
      // The bases say where a point of the plate goes; wanted is where a point of the picture comes from:
      // one step of fixed-point iteration.
      for (let r = 0; r < rows; r += 1) {
        for (let c = 0; c < columns; c += 1) {
          const i = 2 * (r * columns + c);
          const [x0, x1, u] = between(c - push[i] / NODE, columns);
          const [y0, y1, v] = between(r - push[i + 1] / NODE, rows);
          const [a, b, d, e] = [y0 * columns + x0, y0 * columns + x1, y1 * columns + x0, y1 * columns + x1];
          for (let axis = 0; axis < 2; axis += 1) {
            const above = push[2 * a + axis] * (1 - u) + push[2 * b + axis] * u;
            const below = push[2 * d + axis] * (1 - u) + push[2 * e + axis] * u;
            const moved = above * (1 - v) + below * v;
            const place = (axis ? r : c) * NODE + NODE_AT + 0.5 - moved;
            out[i + axis] = place / (axis ? lens.height : lens.width);
          }
        }
      }
    },
  };
}
