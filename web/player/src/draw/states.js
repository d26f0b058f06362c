// What the server says of ticks (docs/drawing.md), and the state of the figure at any moment between.

export const DRAWING = 2; // the version of what is said
const TICK = 1920; // RTP units of a tick: 40 ms of sound
const HEAD = 6;
const UNIT = 256;
const FORMER = 3; // ticks whose sprites are said again
const EYES = 4; // of a state's first byte, whose lowest bits are how many ticks are foretold
const GESTURE = 8;
const KEPT = 64; // ticks remembered
const FADE = 5; // ticks over which one pose dissolves into the next

/** Reads bytes one after another; beyond the end everything is undefined and `ok` is false. */
function createReader(buffer) {
  const view = new DataView(buffer);
  let at = 0;
  const reader = {
    ok: true,
    take(size) {
      at += size;
      reader.ok &&= at <= view.byteLength;
      return at - size;
    },
    byte() {
      const from = reader.take(1);
      return reader.ok ? view.getUint8(from) : undefined;
    },
    bytes: (count) => Array.from({ length: count }, reader.byte),
    share() {
      const from = reader.take(2);
      return reader.ok ? view.getUint16(from) / 65535 : undefined;
    },
    time() {
      const from = reader.take(4);
      return reader.ok ? view.getUint32(from) : undefined;
    },
    /** A signed number, seven bits a byte, the least first. */
    number() {
      let value = 0;
      for (let shift = 0; shift < 28; shift += 7) {
        const byte = reader.byte();
        value |= (byte & 127) << shift;
        if (!(byte & 128)) break;
      }
      return value & 1 ? -(value + 1) / 2 : value / 2;
    },
  };
  return reader;
}

/** `manifest` is the art's; `tag` the first 8 bits of its name. Times are RTP's, made continuous. */
export function createStates(manifest, tag) {
  const gestures = [null, ...new Set(manifest.limbs.map((limb) => limb.gesture))];
  const { bases } = manifest;
  let base; // of the continuous time: that of the latest message
  let poses = []; // {time, said, plate, gesture, phase, values}, ascending
  const sprites = new Map(); // time -> {said, pair: [mouth, eyes]}
  let shown = -1; // plate
  let changed = -Infinity; // when it came

  /** The continuous time of a 32-bit one. */
  const continuous = (time) => (base === undefined ? time : base + ((time - base) | 0));

  function insert(pose) {
    let i = poses.length;
    while (i && poses[i - 1].time >= pose.time) i -= 1;
    const there = poses[i]?.time === pose.time;
    if (there && poses[i].said > pose.said) return;
    poses.splice(i, there ? 1 : 0, pose);
    if (poses.length <= KEPT) return;
    poses = poses.slice(-KEPT);
    for (const time of sprites.keys()) if (time < poses[0].time) sprites.delete(time);
  }

  /** The message as an object; undefined when it is of no use here. */
  function read(buffer) {
    if (!(buffer instanceof ArrayBuffer)) return undefined;
    const reader = createReader(buffer);
    const [version, art] = [reader.byte(), reader.byte()];
    if (version !== DRAWING || art !== tag) return undefined;
    const time = continuous(reader.time());
    const kind = reader.byte();
    const count = kind & 3;
    const plate = reader.byte();
    const mouths = reader.bytes(FORMER + 1 + count);
    const eyes = kind & EYES ? reader.bytes(mouths.length) : Array(mouths.length).fill(reader.byte());
    let gesture = null;
    let phases = [0, 0];
    if (kind & GESTURE) {
      gesture = gestures[reader.byte()] ?? null;
      phases = [reader.share(), reader.share()];
    }
    const first = bases.map(() => reader.number());
    const last = count ? first.map((value) => value + reader.number()) : first;
    const known = plate < manifest.poses.length && mouths.every((one) => one < manifest.mouths)
      && eyes.every((one) => one < manifest.eyes);
    if (!reader.ok || !known) return undefined;
    const pose = (at, phase, values) => ({
      time: at, said: time, plate, gesture, phase, values: values.map((value) => value / UNIT),
    });
    const told = [pose(time, phases[0], first)];
    if (count) told.push(pose(time + count * TICK, phases[1], last));
    return { time, mouths, eyes, told };
  }

  return {
    continuous,
    get latest() {
      return base;
    },
    /** Take a message in; its time, or undefined when it is of no use here. */
    hear(buffer) {
      const message = read(buffer);
      if (!message) return undefined;
      const { time, mouths, eyes, told } = message;
      const newest = base === undefined || time >= base ? time : base;
      if (newest === time) {
        // What was foretold before and is not said again does not come about.
        base = time;
        poses = poses.filter((one) => one.time <= time || one.said >= time);
        for (const [at, one] of sprites) if (at > time && one.said < time) sprites.delete(at);
      }
      mouths.forEach((mouth, i) => {
        const at = time + (i - FORMER) * TICK;
        if (at > newest && time < newest) return; // overtaken
        if (!sprites.has(at) || sprites.get(at).said <= time) sprites.set(at, { said: time, pair: [mouth, eyes[i]] });
      });
      for (const one of told) if (one.time <= newest || one.said === newest) insert(one);
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
      [state.mouth, state.eyes] = sprites.get(tick).pair;
      if (from.plate !== shown) {
        changed = shown < 0 ? -Infinity : from.time;
        shown = from.plate;
      }
      return [state, Math.min(FADE, Math.max(0, FADE - (time - changed) / TICK)) / (FADE + 1)];
    },
  };
}
