// What the server says of each tick (docs/drawing.md), and the state of the figure at any moment between.

export const DRAWING = 1; // the version of what is said
const TICK = 1920; // RTP units of a tick: 40 ms of sound
const HEAD = 8;
const UNIT = 1024;
const FORMER = 3; // ticks whose sprites are said again
const KEPT = 64; // ticks remembered
const FADE = 5; // ticks over which one pose dissolves into the next

/** `manifest` is the art's; `tag` the first 16 bits of its name. Times are RTP's, made continuous. */
export function createStates(manifest, tag) {
  const gestures = [null, ...new Set(manifest.limbs.map((limb) => limb.gesture))];
  const { bases } = manifest;
  const size = HEAD + 6 + 2 * bases.length + 2 * FORMER;
  let base; // of the continuous time
  let poses = []; // {time, plate, gesture, phase, values}, ascending
  const sprites = new Map(); // time -> [mouth, eyes]
  let shown = -1; // plate
  let changed = -Infinity; // when it came

  /** The continuous time of a 32-bit one. */
  const continuous = (time) => (base === undefined ? time : base + ((time - base) | 0));

  function insert(pose) {
    let i = poses.length;
    while (i && poses[i - 1].time > pose.time) i -= 1;
    if (i && poses[i - 1].time === pose.time) return;
    poses.splice(i, 0, pose);
    if (poses.length <= KEPT) return;
    poses = poses.slice(-KEPT);
    for (const time of sprites.keys()) if (time < poses[0].time) sprites.delete(time);
  }

  return {
    continuous,
    get latest() {
      return poses.length ? poses[poses.length - 1].time : undefined;
    },
    /** Take a message in; its time, or undefined when it is of no use here. */
    hear(buffer) {
      if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < size) return undefined;
      const view = new DataView(buffer);
      if (view.getUint8(0) !== DRAWING || view.getUint16(2) !== tag) return undefined;
      const time = continuous(view.getUint32(4));
      const [plate, mouth, eyes, gesture] = [0, 1, 2, 3].map((i) => view.getUint8(HEAD + i));
      if (plate >= manifest.poses.length || mouth >= manifest.mouths || eyes >= manifest.eyes) return undefined;
      if (base === undefined || time > base) base = time;
      const values = bases.map((_, i) => view.getInt16(HEAD + 6 + 2 * i) / UNIT);
      sprites.set(time, [mouth, eyes]);
      for (let i = 0; i < FORMER; i += 1) {
        const at = HEAD + 6 + 2 * bases.length + 2 * i;
        const before = time - (i + 1) * TICK;
        const pair = [view.getUint8(at), view.getUint8(at + 1)];
        if (!sprites.has(before) && pair[0] < manifest.mouths && pair[1] < manifest.eyes) sprites.set(before, pair);
      }
      insert({ time, plate, gesture: gestures[gesture] ?? null, phase: view.getUint16(HEAD + 4) / 65535, values });
      return time;
    },
    /** `[state, fading]` for `renderer.draw` at a time; null while nothing is known. */
    at(time) {
      if (!poses.length) return null;
      let i = poses.length - 1;
      while (i && poses[i].time > time) i -= 1;
      const [from, until] = [poses[i], poses[i + 1]];
      // Between two ticks it moves evenly; after a longer silence it holds.
      const near = until && until.time - from.time <= 6 * TICK;
      const k = near ? Math.min(1, Math.max(0, (time - from.time) / (until.time - from.time))) : 0;
      const state = { plate: from.plate, gesture: from.gesture, phase: from.phase };
      bases.forEach((name, b) => {
        state[name] = k ? from.values[b] + (until.values[b] - from.values[b]) * k : from.values[b];
      });
      if (k && until.gesture === from.gesture && until.phase > from.phase) state.phase += (until.phase - from.phase) * k;
      // A mouth belongs to its tick. The last one known holds.
      let tick = from.time;
      while (sprites.has(tick + TICK) && tick + TICK <= time) tick += TICK;
      [state.mouth, state.eyes] = sprites.get(tick);
      if (from.plate !== shown) {
        changed = shown < 0 ? -Infinity : from.time;
        shown = from.plate;
      }
      return [state, Math.min(FADE, Math.max(0, FADE - (time - changed) / TICK)) / (FADE + 1)];
    },
  };
}
