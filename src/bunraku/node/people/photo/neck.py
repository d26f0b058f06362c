"""A neck of its own under the head, so that a chin slides over it instead of pulling it along.

The portrait gets a hole below the jaw; what was there becomes a picture that lies under it and goes on
upwards behind the chin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, U8, Box, smooth
from bunraku.node.people.photo.portrait import Portrait
from bunraku.node.people.photo.space import cheapest_path, grid, sample

JAW_LINE = (172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397)
# In pupil distances:
BEHIND = 0.45  # how far the neck goes on behind the chin
BEGIN, END = 0.62, 0.88  # below the chin: where the hole begins to close, and where it has
SIDE = 0.07  # softness at its sides
CHIN = 0.05  # what lies nearer below the jaw's line has the chin's colour
MARGIN = 12  # art px: sprites and rectangles keep this off the art's edge


@dataclass(frozen=True)
class Neck:
    """``picture`` straight BGRA of ``box``, art px."""

    picture: U8
    box: Box


def separate(portrait: Portrait) -> Neck | None:
    """Cuts the hole into the portrait. None, and no hole, where the photo shows too little neck."""
    art, unit = portrait.bgra, portrait.unit
    line = _fitted(art, portrait.points[list(JAW_LINE), :2], unit)
    chin = float(line[:, 1].max())
    height, width = art.shape[:2]
    # No wider than the neck itself: beside it the jaw hangs free.
    row = np.nonzero(art[min(height - 1, int(chin + 0.1 * unit)), :, 3] > 128)[0]
    if not row.size:
        return None
    soft = SIDE * unit
    left = max(float(line[0, 0]), float(row[0]))
    right = min(float(line[-1, 0]), float(row[-1]))
    x0 = max(MARGIN, int(left - 4 * soft)) // 2 * 2
    x1 = min(width - MARGIN, int(right + 4 * soft)) // 2 * 2
    y0 = max(MARGIN, int(line[:, 1].min() - BEHIND * unit)) // 2 * 2
    y1 = min(height - MARGIN, int(chin + (END + 0.1) * unit)) // 2 * 2
    if y1 < chin + END * unit:
        return None
    box = (x0, y0, x1 - x0, y1 - y0)
    at = grid(x1 - x0, y1 - y0) + np.array([x0, y0], np.float32)
    x, y = at[..., 0], at[..., 1]
    jaw = np.interp(x, line[:, 0], line[:, 1]).astype(np.float32)
    # At its sides a neck begins at the chin's height: there the jaw, and a beard, reach past the line.
    beside = np.maximum(
        smooth(left + 0.9 * soft, left + 0.2 * soft, x), smooth(right - 0.9 * soft, right - 0.2 * soft, x)
    )
    jaw = jaw + (np.maximum(jaw, chin - 0.02 * unit) - jaw) * beside
    inside = smooth(left - 1.5 * soft, left - 0.3 * soft, x)
    inside = inside * smooth(right + 1.5 * soft, right + 0.3 * soft, x)
    hole = inside * smooth(-1.5, 1.5, y - jaw - 0.02 * unit) * smooth(END, BEGIN, (y - chin) / unit)
    own = art[y0:y1, x0:x1].astype(np.float32)
    # Behind the chin: the neck's colour just below it, in the shade, softer the farther it goes on.
    edge = jaw + CHIN * unit
    behind = np.stack([x - x0, np.maximum(y, edge + 0.5 * (edge - y)) - y0], -1)
    low = np.stack([x - x0, np.minimum(edge + 0.12 * unit, y1 - 1) - y0], -1)
    far = smooth(0, 0.2 * unit, edge - y)[..., None]
    blurred = cv2.GaussianBlur(own, (0, 0), 0.05 * unit)
    carried = sample(own, behind) * (1 - far) + sample(blurred, low) * far
    carried[..., :3] *= 1 - 0.25 * smooth(0, 0.25 * unit, edge - y)[..., None]
    above = smooth(1.0, -1.0, y - edge)[..., None]
    out = own + (carried - own) * above
    # Fades away at its sides, where the head's own picture is whole again.
    wide = smooth(left - 3 * soft, left - 1.5 * soft, x) * smooth(right + 3 * soft, right + 1.5 * soft, x)
    behind_chin = smooth(left - 0.4 * soft, left + 0.3 * soft, x)
    behind_chin = behind_chin * smooth(right + 0.4 * soft, right - 0.3 * soft, x)
    # At the sides nothing is open above the chin's height; what is carried up there is a collar.
    behind_chin = behind_chin * (1 - beside * smooth(chin, chin - 0.06 * unit, y))
    wide = np.where(y < chin, behind_chin, wide)
    out[..., 3] *= wide * smooth(y0, y0 + 0.1 * unit, y) * smooth(y1, y1 - 0.08 * unit, y)
    # What is carried up past the shoulders, from clothes beside the neck, would stand there as a bar.
    out[..., 3] = np.minimum(out[..., 3], own[..., 3])
    art[y0:y1, x0:x1, 3] = np.clip(own[..., 3] * (1 - hole) + 0.5, 0, 255).astype(np.uint8)
    return Neck(np.clip(out + 0.5, 0, 255).astype(np.uint8), box)


def _fitted(art: U8, points: F64, unit: float) -> F64:
    """(n, 2): the jaw's line, drawn down to where the picture has its edge: a beard hangs below the chin
    that the net sees."""
    points = points[np.argsort(points[:, 0])]
    xs = np.linspace(points[0, 0], points[-1, 0], 41)
    ys = np.interp(xs, points[:, 0], points[:, 1])
    offsets = np.linspace(-0.02, 0.16, 28) * unit
    x = np.repeat(xs[:, None], len(offsets), 1)
    bgr = np.ascontiguousarray(art[..., :3])

    def look(shift: float) -> F32:
        return sample(bgr, np.stack([x, ys[:, None] + offsets + shift], -1).astype(np.float32))

    change = np.linalg.norm(look(-0.03 * unit) - look(0.03 * unit), axis=-1)
    cost = 1.5 * (offsets / (0.1 * unit)) ** 2 - change / (change.std() + 1e-6)
    down = cheapest_path(cost, offsets, 0.3)
    down = cv2.GaussianBlur(down[None], (0, 0), 1.5, borderType=cv2.BORDER_REPLICATE)[0]
    return np.column_stack([xs, ys + down])
