"""The lower face of a photo, saying things: lips and jaw by warping, what lies between them painted.

Two smooth fields move the face: one is right above the line between the lips, the other below it;
beyond the corners they are one. What neither claims is the inside of the mouth. Lengths as in ``lips``.
"""

from __future__ import annotations

import numpy as np

from bunraku.node.people.photo.arrays import F32, F64, U8, Box, Floats, smooth
from bunraku.node.people.photo.interior import Curves, Interior
from bunraku.node.people.photo.lips import Lips, U
from bunraku.node.people.photo.portrait import Portrait
from bunraku.node.people.photo.shapes import Rig
from bunraku.node.people.photo.space import Spline, grid, inverse, sample

# How much of the jaw's way the skin goes, by landmark and its twin on the other side.
JAW = {
    (152, 152): 1.0, (148, 377): 1.0, (176, 400): 0.97, (149, 378): 0.9, (150, 379): 0.8, (136, 365): 0.65,
    (172, 397): 0.42, (58, 288): 0.24, (132, 361): 0.1, (93, 323): 0.0, (200, 200): 1.0, (199, 199): 1.0,
    (175, 175): 1.0, (18, 18): 1.0, (201, 421): 1.0, (208, 428): 1.0, (171, 396): 1.0, (140, 369): 0.93,
    (32, 262): 0.97, (204, 424): 0.88, (211, 431): 0.86, (194, 418): 0.93, (202, 422): 0.66, (210, 430): 0.6,
    (212, 432): 0.44, (214, 434): 0.4, (135, 364): 0.62, (138, 367): 0.46, (216, 436): 0.26, (215, 435): 0.3,
    (192, 416): 0.17, (207, 427): 0.1, (187, 411): 0.06, (205, 425): 0.02, (206, 426): 0.08, (50, 280): 0.0,
}  # fmt: skip
STILL = (
    1, 2, 4, 5, 6, 19, 94, 98, 327, 64, 294, 168, 129, 358, 101, 330, 116, 345, 117, 346, 234, 454, 127, 356,
    33, 263, 133, 362, 10, 109, 338, 151,
)  # fmt: skip
# Skin beside the lips follows their width, less the farther it lies.
FOLLOW = {
    (216, 436): 0.45, (206, 426): 0.35, (207, 427): 0.3, (212, 432): 0.45, (202, 422): 0.4, (205, 425): 0.18,
    (203, 423): 0.15, (187, 411): 0.2, (214, 434): 0.25, (210, 430): 0.25, (204, 424): 0.3, (50, 280): 0.06,
}  # fmt: skip
PHILTRUM = (164, 167, 393, 165, 391, 92, 322)
RISES = 0.3  # of the upper lip's way; if this skin stayed, a spline would swing out between nose and lip
AT = np.arange(2, 39, 3)  # of U: where lips are control points, dense enough to hold their outline


class Mouth:
    """``draw`` gives the lower face for a rig; ``box`` says where it belongs, in art px."""

    def __init__(self, portrait: Portrait) -> None:
        self._p = p = portrait.points[:, :2]
        self._lips = lips = Lips(portrait)
        self.was_open = lips.was_open
        unit, art, chin = portrait.unit, portrait.bgra, p[152]
        left, right = p[[234, 127, 58], 0].min(), p[[454, 356, 288], 0].max()
        x0, x1 = (
            int(np.clip(x, 12, art.shape[1] - 12)) // 2 * 2 for x in (left - 0.12 * unit, right + 0.12 * unit)
        )
        y0 = max(12, int(p[[1, 4], 1].min() - 0.1 * unit)) // 2 * 2
        y1 = min(int(chin[1] + 0.75 * unit), art.shape[0] - 12) // 2 * 2
        self.box: Box = (x0, y0, x1 - x0, y1 - y0)
        self._patch: U8 = np.ascontiguousarray(art[y0:y1, x0:x1])
        self._uv = lips.to_uv(grid(x1 - x0, y1 - y0) + np.array([x0, y0], np.float32))
        self._interior = Interior(lips, self._uv, portrait.scale)
        self._place_points(unit)
        self._join_sides()

    def _place_points(self, unit: float) -> None:
        """Control points of both fields: the lips' own, then those that they share."""
        p, lips = self._p, self._lips
        chin = p[152]
        down = (chin - p[10]) / np.linalg.norm(chin - p[10])
        side = np.array([-down[1], down[0]])
        throat = [
            chin + unit * (down * d + side * s) for d in (0.62, 0.85) for s in (-0.9, -0.45, 0, 0.45, 0.9)
        ]
        self._jaw = [(i, m) for pair, m in JAW.items() for i in dict.fromkeys(pair)]
        self._beside = {i: (w, -1 if n == 0 else 1) for pair, w in FOLLOW.items() for n, i in enumerate(pair)}
        jaw = [i for i, _ in self._jaw]
        self._cheeks = [i for i in self._beside if i not in jaw]
        shared = np.concatenate([p[[*jaw, *self._cheeks, *PHILTRUM, *STILL]], np.array(throat)])
        self._unmoved = np.zeros((len(STILL) + len(throat), 2))
        self._corners = (lips.upper[[0, -1]] + lips.lower[[0, -1]]) / 2
        ends = np.column_stack([[-1.0, 1.0], self._corners])
        self._up_at = self._rows(lips.upper, lips.upper_out, U, ends)
        self._low_at = self._rows(lips.lower, lips.lower_out, U, ends)
        self._up = Spline(np.concatenate([self._up_at, shared]), self.box)
        self._low = Spline(np.concatenate([self._low_at, shared]), self.box)

    def _rows(self, inner: F64, outer: F64, u: F64, ends: Floats) -> F64:
        """A lip's control points in art px: inner edge, middle, outer edge, the corners."""
        rows = [np.stack([u[AT], c[AT]], -1) for c in (inner, (inner + outer) / 2, outer)]
        return self._lips.from_uv(np.concatenate([*rows, ends]))

    def _join_sides(self) -> None:
        """How the fields fade at the box's rim, and how they become one beyond the corners."""
        w, h = self.box[2:]
        x, y = np.arange(w), np.arange(h)
        across = smooth(0, 0.1 * w, np.minimum(x, x[::-1]))[None]
        down = smooth(0, 0.1 * h, np.minimum(y, y[::-1]))[:, None]
        self._rim = np.minimum(across, down)[..., None]
        beyond = np.maximum(np.abs(self._uv[..., 0]) - 0.97, 0)
        line = np.interp(self._uv[..., 0], U, (self._lips.upper + self._lips.lower) / 2)
        share = np.clip(0.5 + (self._uv[..., 1] - line) / (2 * (0.02 + 0.8 * beyond)), 0, 1)
        self._share = share.astype(np.float32)[..., None]
        self._blend = smooth(0.0, 0.06, beyond)[..., None]

    def _curves(self, rig: Rig) -> Curves:
        lips, smile = self._lips, rig.smile - 0.5
        gap = rig.open * (0.74 - 0.08 * rig.round)
        wide = 1 + 0.1 * rig.width - 0.37 * rig.round - 0.1 * rig.open * (1 - rig.round)
        wide += 0.1 * smile - 0.04 * rig.press
        if self.was_open:  # a smile with teeth relaxes when the mouth closes
            wide *= 1 - 0.15 * (1 - max(0.0, smile))
        lift = 0.16 * gap + (0.07 * rig.lift if rig.open else 0.0)
        jaw = 0.84 * gap - 0.03 * rig.press
        line = lips.seam + U**2 * (0.36 * jaw - 0.14 * smile) - 0.02 * smile
        line = line * (1 - 0.35 * rig.round)
        arc = np.clip(1 - U**2, 0, 1) ** (0.75 - 0.25 * rig.round + 0.1 * rig.width)
        thick_up = 1 + 0.22 * rig.round - 0.1 * rig.open - 0.12 * rig.width - 0.45 * rig.press - 0.1 * smile
        thick_low = 1 + 0.2 * rig.round - 0.08 * rig.open - 0.1 * rig.width - 0.4 * rig.press
        thick_low += -0.6 * rig.tuck - 0.1 * smile
        swell = 1 + 0.25 * rig.round * arc  # rolled out, lips swell most in the middle
        upper, lower = line - lift * arc, line + (gap - lift) * arc
        if rig.tuck:  # the lower lip lies under the upper teeth's edge
            upper, lower = line - 0.08 * rig.tuck * arc, line + 0.06 * rig.tuck * arc
            jaw *= 0.4
        return Curves(
            upper,
            upper - (lips.upper - lips.upper_out) * thick_up * swell,
            lower,
            lower + (lips.lower_out - lips.lower) * thick_low * swell,
            wide,
            jaw,
        )

    def _push(self, c: Curves) -> tuple[Floats, Floats]:
        """Where the skin goes, art px: above the line of the lips, and below it."""
        lips = self._lips
        ends = np.array([[-c.wide, (c.upper[0] + c.lower[0]) / 2], [c.wide, (c.upper[-1] + c.lower[-1]) / 2]])
        corner = min((c.upper[0] - self._corners[0]) * lips.half, 0.0)

        def follow(i: int) -> F64:
            weight, side = self._beside.get(i, (0.0, 1))
            return weight * (lips.along * (side * (c.wide - 1) * lips.half) + lips.down * corner)

        moves = [lips.down * (c.jaw * lips.half * m) + follow(i) for i, m in self._jaw]
        moves += [follow(i) for i in self._cheeks]
        at = lips.to_uv(self._p[list(PHILTRUM)])[:, 0]
        rise = np.interp(at, U, c.upper_out - lips.upper_out)
        moves += [
            RISES * lips.half * (lips.down * r + lips.along * (a * (c.wide - 1)))
            for a, r in zip(at.tolist(), rise.tolist(), strict=True)
        ]
        shared = np.concatenate([np.array(moves), self._unmoved])
        up_to = self._rows(c.upper, c.upper_out, U * c.wide, ends)
        low_to = self._rows(c.lower, c.lower_out, U * c.wide, ends)
        up = self._up(np.concatenate([up_to - self._up_at, shared])) * self._rim
        low = self._low(np.concatenate([low_to - self._low_at, shared])) * self._rim
        both = up + (low - up) * self._share
        return up + (both - up) * self._blend, low + (both - low) * self._blend

    def fall(self, rig: Rig) -> float:
        """How far the chin goes down, art px."""
        return self._curves(rig).jaw * self._lips.half

    def draw(self, rig: Rig) -> U8:
        """Straight BGRA of ``box``."""
        curves = self._curves(rig)
        up, low = self._push(curves)
        at_up, at_low = inverse(up), inverse(low)
        over, under = self._claims(at_up, self._lips.upper, 1), self._claims(at_low, self._lips.lower, -1)
        above, below = sample(self._patch, at_up, fine=True), sample(self._patch, at_low, fine=True)
        out = self._interior.paint(rig, curves, over, under)
        out = out + (below[..., :3] - out) * under[..., None]
        out = out + (above[..., :3] - out) * over[..., None]
        alpha = above[..., 3] + (below[..., 3] - above[..., 3]) * under * (1 - over)
        alpha = np.maximum(alpha, 255.0 * ((over + under) < 0.5))
        return np.clip(np.dstack([out, alpha]) + 0.5, 0, 255).astype(np.uint8)

    def _claims(self, at: Floats, line: F64, sign: int) -> F32:
        """How far a field's own side of the line between the lips holds each pixel."""
        uv = sample(self._uv, at)
        d = sign * (np.interp(uv[..., 0], U, line) - uv[..., 1])
        soft = 0.7 / self._lips.half
        return np.maximum(smooth(0.965, 1.0, np.abs(uv[..., 0])), smooth(-soft, soft, d))
