"""What is seen between the lips: painted, and lit as the photo is.

Upper teeth stay with the skull, lower teeth and tongue go with the jaw. Lengths as in ``lips``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F64, Floats, smooth
from bunraku.node.people.photo.lips import MIDDLE, Lips
from bunraku.node.people.photo.shapes import Rig

UPPER_TEETH, LOWER_TEETH = (0.335, 0.585, 0.8, 0.98), (0.2, 0.4, 0.62, 0.8)
"""Where each tooth of one half ends, from the middle outwards."""


class Curves(NamedTuple):
    """Where a rig puts the lips: inner and outer edges over ``lips.U``, width, way of the jaw."""

    upper: F64
    upper_out: F64
    lower: F64
    lower_out: F64
    wide: float
    jaw: float


class Interior:
    def __init__(self, lips: Lips, uv: Floats, scale: float) -> None:
        self._lips, self._uv, self._scale = lips, uv, scale
        tint = lips.skin / lips.skin.mean()
        bright = np.clip(1.12 * lips.light, 110, 232)
        self._tooth = bright * (0.72 * np.array([0.91, 0.985, 1.03]) + 0.28 * tint)
        dim = np.clip(lips.light / 160, 0.45, 1.2)
        # Flesh inside is redder and wetter than the lip's skin.
        self._flesh = (0.45 * lips.lip + 0.55 * np.array([88.0, 82.0, 176.0]) * dim).astype(np.float32)
        self._deep = (0.1 * self._flesh + np.array([3.0, 2.0, 6.0])).astype(np.float32)
        self._touching = (0.4 * lips.lip).astype(np.float32)

    def paint(self, rig: Rig, curves: Curves, above: Floats, below: Floats) -> Floats:
        """BGR (h, w, 3). ``above`` and ``below`` say where the lips are: they cast shadows."""
        u, v = self._uv[..., 0], self._uv[..., 1]
        if not rig.open:  # lips that touch: what shows between them is lip
            return np.broadcast_to(self._touching, (*u.shape, 3)).astype(np.float32)
        rest = float(self._lips.seam[MIDDLE])  # where the upper teeth's edge hides when the lips touch
        floor = rest + curves.jaw
        out = self._cavity(u, v, rest, floor, curves.wide)
        out = self._lay_tongue(out, rig, u, v, rest, curves)
        edge = float(curves.lower[MIDDLE]) - 0.03 - 0.12 * rig.teeth_low
        out = self._row(out, u, v - edge, LOWER_TEETH, -1, 0.74, 0.05)
        edge = rest + 0.12 - 0.16 * (1 - rig.teeth_up)
        out = self._row(out, u, v - edge, UPPER_TEETH, 1, 1.0, 0.03)
        if rig.tip_out:
            out = self._lay_tip(out, u, v - (rest + 0.135), curves.wide)
        return self._shade(out, u, curves.wide, above, below)

    def _cavity(self, u: Floats, v: Floats, rest: float, floor: float, wide: float) -> Floats:
        """Dark in the throat, a dim red towards palate, cheeks and floor."""
        tall = max(floor - rest, 0.05)
        d = np.hypot(u / (0.62 * max(wide, 0.5)), (v - rest - 0.42 * tall) / (0.5 * tall + 0.08))
        lit = 0.34 * smooth(0.35, 1.25, d)
        return self._deep + (self._flesh - self._deep) * lit[..., None]

    def _lay_tongue(self, out: Floats, rig: Rig, u: Floats, v: Floats, rest: float, curves: Curves) -> Floats:
        """A mound behind the lower teeth, its back lit from above, a groove along its middle."""
        jaw, half = curves.jaw, 0.7 * max(curves.wide, 0.62)
        high = rest + jaw * (0.72 - 0.36 * rig.tongue) + 0.06
        high -= rig.tip_up * (0.28 * jaw + 0.02)
        top = high + (0.28 + 0.2 * jaw) * (u / half) ** 2 * half
        depth = np.clip((v - top) / 0.42, 0, 1)
        body = smooth(-0.035, 0.035, v - top) * smooth(1.0, 0.8, np.abs(u) / half)
        # The back of it lies in the dark of the mouth, the front in the light.
        light = 0.56 + 0.44 * np.sqrt(depth) - 0.22 * (u / half) ** 2
        light = light * (1 - 0.2 * np.exp(-((u / 0.05) ** 2)) * smooth(0.05, 0.25, depth))
        gloss = 0.16 * np.exp(-(((np.abs(u) - 0.2) / 0.1) ** 2) - ((depth - 0.5) / 0.2) ** 2)
        colour = self._flesh * light[..., None] + (255 * gloss * self._lips.light / 220)[..., None]
        return out + (colour - out) * (body * (0.86 + 0.14 * rig.tip_up))[..., None]

    def _lay_tip(self, out: Floats, u: Floats, v: Floats, wide: float) -> Floats:
        """The tongue's tip between the teeth, over the edge of the upper ones."""
        half = 0.46 * max(wide, 0.7)
        round_ = np.sqrt(np.clip(1 - (u / half) ** 2, 0, 1))
        tall = 0.155 * round_
        tip = smooth(0.03, -0.03, np.abs(v) - tall) * (round_ > 0)
        light = 1.08 - 0.32 * smooth(-0.5, 1.0, v / 0.16) - 0.2 * (u / half) ** 2
        gloss = 0.2 * np.exp(-((u / 0.16) ** 2) - ((v + 0.035) / 0.035) ** 2)
        colour = self._flesh * light[..., None] + (255 * gloss * self._lips.light / 220)[..., None]
        return out + (colour - out) * tip[..., None]

    def _row(
        self, out: Floats, u: Floats, v: Floats, ends: tuple[float, ...], sign: int, light: float, arch: float
    ) -> Floats:
        """A row of teeth whose biting edge lies at v = 0; ``sign`` 1 for the upper jaw."""
        a = np.abs(u)
        v = v * sign + 0.16 * a**2 * (1 if sign > 0 else -0.2)
        start = 0.0
        for n, end in enumerate(ends):
            middle, half = (start + end) / 2, (end - start) / 2
            t = np.clip((a - middle) / half, -1.2, 1.2)
            bite = -arch * np.abs(t) ** 4 - (0.035 if n == 1 and sign > 0 else 0)
            cover = smooth(0.025, -0.025, v - bite) * smooth(1.04, 0.97, np.abs(t)) * smooth(-0.62, -0.52, v)
            tone = light * (1 - 0.13 * n**1.2) * (0.95 + 0.05 * (1 - t**2)) * (1 - 0.08 * np.abs(t) ** 6)
            tone = tone * (1 - 0.1 * smooth(-0.1, -0.45, v))  # towards the gum
            out = out + (self._tooth * tone[..., None] - out) * cover[..., None]
            start = end
        return out.astype(np.float32)

    def _shade(self, out: Floats, u: Floats, wide: float, above: Floats, below: Floats) -> Floats:
        """The lips' shadow, deepest under the upper one and in the corners."""
        sigma = 0.05 * self._lips.half
        shadow = np.roll(cv2.GaussianBlur(above, (0, 0), sigma), round(0.035 * self._lips.half), 0)
        out = out * (1 - 0.34 * np.clip(shadow * 1.2, 0, 1))[..., None]
        out = out * (1 - 0.25 * np.clip(cv2.GaussianBlur(below, (0, 0), sigma), 0, 1))[..., None]
        # In the corners the inside of the cheeks, not the dark.
        side = smooth(0.6, 1.0, np.abs(u) / max(wide, 0.3))[..., None]
        out = out + (0.3 * self._flesh - out) * (0.75 * side)
        return cv2.GaussianBlur(
            out.astype(np.float32), (0, 0), 0.35 * max(1.0, self._scale) + 0.2 / self._lips.half
        )
