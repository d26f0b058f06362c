"""The mouth as the photo shows it: its frame, the curves of its lips, its colours.

Lengths are in half widths of the mouth; u runs along it from corner (-1) to corner (1), v down.
"""

from __future__ import annotations

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, U8, Floats
from bunraku.node.people.photo.portrait import Portrait
from bunraku.node.people.photo.space import cheapest_path, sample

UPPER_OUT = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
UPPER_IN = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_IN = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LOWER_OUT = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
EYES = (33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380)
CHEEKS, LIP = (50, 280, 205, 425, 199), (17, 84, 314)

U: F64 = np.linspace(-1, 1, 41)
MIDDLE = 20  # of U
OPEN = 0.13  # from this gap on the photo's mouth counts as open
INSET = 0.035
"""Teeth that shine through at the edge of a smile's lips stay out."""


class Lips:
    """``upper``, ``lower``: the lips' inner edges over U, one line where they are closed;
    ``upper_out``, ``lower_out``: their outer edges."""

    def __init__(self, portrait: Portrait) -> None:
        self._points = portrait.points[:, :2]
        a, b = self._points[61], self._points[291]
        self.half = float(np.linalg.norm(b - a)) / 2
        """Half the mouth's width, art px."""
        self.along: F64 = (b - a) / (2 * self.half)
        self.down: F64 = np.array([-self.along[1], self.along[0]])
        self._origin = (a + b) / 2
        art = np.ascontiguousarray(portrait.bgra[..., :3])
        self.upper_out, self.lower_out = self._curve(UPPER_OUT), self._curve(LOWER_OUT)
        upper, lower = self._curve(UPPER_IN), self._curve(LOWER_IN)
        self.gap = float(np.max(lower - upper))
        self.was_open = self.gap > OPEN
        if self.was_open:
            self.upper, self.lower = upper - INSET * (1 - U**2), lower + INSET * (1 - U**2)
            meet = 0.4 * self.upper + 0.6 * self.lower
            self.seam: F64 = 0.62 * meet + 0.2 * meet.max()  # a smile's lips meet on a flatter line
        else:
            self.upper = self.lower = self.seam = self._darkest(art, (upper + lower) / 2)
        self._read_colours(art, portrait.unit)

    def to_uv(self, xy: Floats) -> F32:
        d = xy - self._origin
        return (np.stack([d @ self.along, d @ self.down], -1) / self.half).astype(np.float32)

    def from_uv(self, uv: Floats) -> F64:
        return self._origin + self.half * (uv[..., :1] * self.along + uv[..., 1:] * self.down)

    def _curve(self, ids: tuple[int, ...]) -> F64:
        q = self.to_uv(self._points[list(ids)]).astype(np.float64)
        if ids in (UPPER_IN, LOWER_IN):  # the hole ends where the outer corners are
            q[0], q[-1] = (-1.0, 0.0), (1.0, 0.0)
        order = np.argsort(q[:, 0])
        return np.interp(U, q[order, 0], q[order, 1])

    def _darkest(self, art: U8, guess: F64) -> F64:
        """The line between closed lips: the darkest path from corner to corner near ``guess``."""
        grey = cv2.GaussianBlur(cv2.cvtColor(art, cv2.COLOR_BGR2GRAY), (0, 0), 0.02 * self.half + 0.5)
        reach, steps = 0.16, 33
        offsets = np.linspace(-reach, reach, steps)
        spots = np.stack([np.repeat(U[:, None], steps, 1), guess[:, None] + offsets], -1)
        cost = sample(grey, self.from_uv(spots).astype(np.float32)).astype(np.float64)
        cost -= cost.mean(1, keepdims=True)
        cost = cost / (cost.std() + 1e-6) + 0.6 * (offsets / reach) ** 2
        cost[[0, -1]] += 8 * (offsets / reach) ** 2
        line = guess + cheapest_path(cost, offsets, 0.35)
        return cv2.GaussianBlur(line[None], (0, 0), 1.2, borderType=cv2.BORDER_REPLICATE)[0]

    def _read_colours(self, art: U8, unit: float) -> None:
        def around(ids: tuple[int, ...], share: float) -> F64:
            mask = np.zeros(art.shape[:2], np.uint8)
            for i in ids:
                x, y = (round(v) for v in self._points[i].tolist())
                cv2.circle(mask, (x, y), max(2, round(share * unit)), 255, -1)
            return np.median(art[mask > 0].astype(np.float64), 0)

        self.skin, self.lip = around(CHEEKS, 0.07), around(LIP, 0.03)
        eyes = np.zeros(art.shape[:2], np.uint8)
        for ids in EYES:
            cv2.fillPoly(eyes, [np.int32(self._points[list(ids)])], 255)
        grey = cv2.cvtColor(art, cv2.COLOR_BGR2GRAY)
        # Teeth are lit as the skin is but do not share its tone: the whites of the eyes tell how bright.
        white = float(np.percentile(grey[eyes > 0], 85)) if eyes.any() else 160.0
        self.light = float(max(self.skin @ [0.114, 0.587, 0.299], 0.85 * white, 120.0))
