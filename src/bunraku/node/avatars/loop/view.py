"""What of the footage a picture shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bunraku.node.avatars.loop.manifest import LoopManifest
from bunraku.node.avatars.loop.proxy import U8, Planes
from bunraku.node.avatars.pack.cv import cv2

FEWER, MANY = 1.1, 1.9  # source's px to one: from where on more is done than to take samples
SAME = 0.02  # of a size: that near to it the footage is shown pixel for pixel


@dataclass(frozen=True)
class Crop:
    """Even rectangle of the footage that fills a picture of ``width`` x ``height``; the picture never
    shows beyond the footage, whatever its sides."""

    x: int
    y: int
    columns: int
    rows: int
    width: int
    height: int

    @property
    def scale(self) -> tuple[float, float]:
        """Picture px per art px."""
        return self.width / self.columns, self.height / self.rows

    @property
    def exact(self) -> bool:
        return (self.columns, self.rows) == (self.width, self.height)

    def to_picture(self, place: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """An affine map (2, 3) into art px becomes one into picture px, both at pixel centres."""
        sx, sy = self.scale
        out = place.astype(np.float64)
        out[0] *= sx
        out[1] *= sy
        out[0, 2] += (0.5 - self.x) * sx - 0.5
        out[1, 2] += (0.5 - self.y) * sy - 0.5
        return out

    def take(self, planes: Planes, into: Planes) -> None:
        """Crop and scale a frame."""
        for halved, (source, target) in enumerate(zip(planes, into, strict=True)):
            d = 2 if halved else 1
            part = source[self.y // d : (self.y + self.rows) // d, self.x // d : (self.x + self.columns) // d]
            if self.exact:
                target[:] = part
            else:
                _scale(part, target, self.columns / self.width)


def _scale(part: U8, target: U8, fewer: float) -> None:
    """``fewer`` of the source's px become one. Hair and cloth flicker where this is done carelessly."""
    size = target.shape[1], target.shape[0]
    if fewer > MANY:
        cv2.resize(part, size, dst=target, interpolation=cv2.INTER_AREA)
        return
    if fewer > FEWER:
        # A small blur and then single samples: a third of the time of averaging, and less alias.
        part = cv2.GaussianBlur(part, (3, 3), 0.42 * (fewer - 0.35))
    cv2.resize(part, size, dst=target, interpolation=cv2.INTER_LINEAR)


def crop_of(manifest: LoopManifest, width: int, height: int) -> Crop:
    """The framing of a picture: ``portrait`` for tall ones, ``square`` for square and wide ones, and what
    lies between for sides between, so that no aspect ratio jumps."""
    art, portrait, square = manifest.art, manifest.portrait, manifest.square
    slender = portrait.height / portrait.width - 1.0
    t = min(1.0, max(0.0, (height / width - 1.0) / slender)) if slender else 0.0

    def blend(name: str) -> float:
        a, b = getattr(square, name), getattr(portrait, name)
        return a + (b - a) * t

    scale = max(height / blend("height"), width / art.width, height / art.height)
    if abs(scale - 1) < SAME and width <= art.width and height <= art.height:
        scale = 1.0
    columns, rows = _even(width / scale, art.width), _even(height / scale, art.height)
    x = _even(min(max(0.0, blend("x") - columns / 2), art.width - columns), art.width - columns, least=0)
    y = _even(min(max(0.0, blend("y") - rows / 2), art.height - rows), art.height - rows, least=0)
    return Crop(x, y, columns, rows, width, height)


def _even(value: float, most: int, least: int = 2) -> int:
    return max(least, min(most, round(value / 2) * 2))
