// From art px to the px of a picture: art px - (left, top), times scale. As `plates.py` has it.

/** The lens of a picture of this size. */
export function lensOf(manifest, width, height) {
  const { portrait, square, art } = manifest;
  const slender = portrait.height / portrait.width - 1;
  const t = slender ? Math.min(1, Math.max(0, (height / width - 1) / slender)) : 0;
  const blend = (name) => square[name] + (portrait[name] - square[name]) * t;
  const scale = Math.max(height / blend('height'), Math.min(width / blend('width'), height / blend('height')));
  let [left, top] = [blend('x') - width / scale / 2, blend('y') - height / scale / 2];
  // Nothing of the figure exists below the art's edge: never show the cut.
  top = Math.min(top, art.height - height / scale);
  if (Math.abs(scale - 1) < 1e-6) [left, top] = [Math.round(left), Math.round(top)];
  return { scale, left, top, width, height };
}

/** The same picture with more px: what a screen has of them. */
export function enlarged(lens, width, height) {
  return { ...lens, scale: (lens.scale * width) / lens.width, width, height };
}

/** The smallest even rectangle inside the picture that covers an art rectangle. */
export function pictureRect(lens, [x, y, w, h]) {
  const even = (value, round) => round(value / 2) * 2;
  const x0 = Math.max(0, even((x - lens.left) * lens.scale, Math.floor));
  const y0 = Math.max(0, even((y - lens.top) * lens.scale, Math.floor));
  const x1 = Math.min(lens.width, even((x + w - lens.left) * lens.scale, Math.ceil));
  const y1 = Math.min(lens.height, even((y + h - lens.top) * lens.scale, Math.ceil));
  return { x: x0, y: y0, width: Math.max(2, x1 - x0), height: Math.max(2, y1 - y0) };
}
