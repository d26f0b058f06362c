// Raised arms: where they are at a moment of their gesture. As `limbs.py` has it.

/** 0 at both ends of a gesture, 1 while it is held; smooth. */
function raised(phase) {
  const t = Math.min(1, Math.max(0, Math.min(phase, 1 - phase) / 0.2));
  return t * t * (3 - 2 * t);
}

/** The affine map from px of the limb's picture to px of the whole, `[a, b, x, c, d, y]`; null when it is down. */
export function limbMatrix(limb, lens, phase, breath) {
  const up = raised(phase);
  if (up <= 0) return null;
  const beat = Math.sin(phase * 2 * Math.PI * limb.beats) * up;
  const angle = ((limb.swing * beat + limb.lean * (1 - up)) * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const s = lens.scale;
  const [ax, ay] = [(limb.x - limb.pivot_x) * s, (limb.y - limb.pivot_y) * s];
  const [px, py] = [(limb.pivot_x - lens.left) * s, (limb.pivot_y - lens.top) * s];
  // The breath is in px of the stream's own picture, of which `lens.zoom` says how many this one has.
  const drop = ((1 - up) * limb.drop + limb.bob * beat) * s - 2.2 * breath * lens.zoom;
  return [cos, -sin, ax * cos - ay * sin + px, sin, cos, ax * sin + ay * cos + py + drop];
}
