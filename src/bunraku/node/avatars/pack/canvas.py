"""One plate laid over its background, with the sprites of the moment: what a warp samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bunraku.core.media import Rect
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.pack.geometry import around, intersection
from bunraku.node.avatars.pack.plates import F32, NODE, U8, Layer, Plate


def yuv(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """BT.601 limited range, as OpenCV converts."""
    bgr = np.full((2, 2, 3), rgb[::-1], np.uint8)
    plane = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420).reshape(-1)
    return int(plane[0]), int(plane[4]), int(plane[5])


def over(colour: U8, alpha: U8, background: int) -> U8:
    """``colour * alpha + background * (1 - alpha)`` in 8 bits."""
    a = alpha.astype(np.float32) * np.float32(1 / 255)
    return cv2.convertScaleAbs((colour.astype(np.float32) - background) * a + background)


NECK_REACH = 16  # px: the farthest a neck is moved past its rectangle; even


class NeckLayers(NamedTuple):
    """In 8 bits: what lies there, and how far it covers. Colour is of half the size."""

    y: U8
    u: U8
    v: U8
    alpha: U8


class NeckPlanes:
    """A neck laid over the background, in its rectangle; and as it lies under the head at this moment."""

    def __init__(self, layer: Layer, bases: F32, figure: U8, background: tuple[int, int, int]) -> None:
        """``bases`` are the plate's; ``figure`` is how far what lies over it covers each pixel of the
        picture."""
        self.rect = layer.rect
        height, width = figure.shape
        if layer.alpha is None or layer.alpha_half is None:
            self.laid = NeckLayers(layer.y, layer.u, layer.v, np.full_like(layer.y, 255))
        else:
            self.laid = NeckLayers(
                over(layer.y, layer.alpha, background[0]),
                over(layer.u, layer.alpha_half, background[1]),
                over(layer.v, layer.alpha_half, background[2]),
                layer.alpha,
            )
        self.place = intersection(around(layer.rect, NECK_REACH), Rect(0, 0, width, height))
        """Where it may come to lie."""
        self.bare = _bare(self.laid.alpha, self.rect, figure, self.place)
        """What of that the figure leaves uncovered, where nothing moves."""
        self.reach = 0
        """How far, px, the figure is moved from there; even."""
        rows = slice(layer.rect.y // NODE, -(-(layer.rect.y + layer.rect.height) // NODE) + 2)
        self.spans = np.abs(bases[:, rows]).max((1, 2, 3))
        """How far, px, a unit of each basis moves any part of it at most."""
        self.pushes: F32 = np.zeros(len(bases), np.float32)
        """By which it was moved last (``Warp.pushes``)."""
        self.nodes: F32 = np.empty(0, np.float32)
        """Where the warp nodes sample it then; shape (rows, columns, 2)."""
        self.warped: NeckLayers | None = None
        """By these nodes; None until it is wanted."""


def _least(figure: U8, mouths: Sequence[Layer]) -> U8:
    """The least that each pixel is covered by, whatever mouth is shown."""
    out = figure.copy()
    for layer in mouths:
        r = layer.rect
        if layer.alpha is not None:
            part = out[r.y : r.y + r.height, r.x : r.x + r.width]
            np.minimum(part, layer.alpha, out=part)
    return out


def _bare(alpha: U8, rect: Rect, figure: U8, place: Rect) -> Rect:
    """Where something of a neck that may be moved by ``NECK_REACH`` is not covered by the figure; even px."""
    there = np.zeros((place.height, place.width), np.uint8)
    x, y = rect.x - place.x, rect.y - place.y
    there[y : y + rect.height, x : x + rect.width] = alpha
    near = cv2.dilate(there, np.ones((2 * NECK_REACH + 1,) * 2, np.uint8))
    over = figure[place.y : place.y + place.height, place.x : place.x + place.width]
    x, y, width, height = cv2.boundingRect(((near > 0) & (over < 255)).astype(np.uint8))
    x0, y0 = (place.x + x) // 2 * 2, (place.y + y) // 2 * 2
    return Rect(x0, y0, (place.x + x + width + 1) // 2 * 2 - x0, (place.y + y + height + 1) // 2 * 2 - y0)


class Canvas:
    """Planes of one size; shows one plate at a time."""

    def __init__(self, width: int, height: int, background: tuple[int, int, int], *, alpha: bool) -> None:
        self._background = background
        self.y: U8 = np.empty((height, width), np.uint8)
        self.u: U8 = np.empty((height // 2, width // 2), np.uint8)
        self.v: U8 = np.empty((height // 2, width // 2), np.uint8)
        self.a: U8 | None = np.empty((height, width), np.uint8) if alpha else None
        self.plate: Plate | None = None
        self.mouth = self.eyes = -1
        self.nodes: F32 = np.empty(0, np.float32)
        """Where the warp nodes of the last picture sampled; shape (rows, columns, 2)."""
        self.chroma_nodes = self.nodes
        """The same for colour, which may lag by a fraction of a pixel."""
        self.neck: NeckPlanes | None = None

    def show(self, plate: Plate, mouth: int, eyes: int) -> list[Rect]:
        """Lay down what is not there yet; returns the rectangles that changed besides the plate."""
        fresh = plate is not self.plate
        patched: list[Rect] = []
        if fresh:
            self.plate = plate
            if plate.neck is not None and self.a is None:
                self.a = np.full(self.y.shape, 255, np.uint8)
            self._lay(plate.body)
            self.neck = None
            if plate.neck is not None and self.a is not None:
                self.neck = NeckPlanes(
                    plate.neck, plate.bases, _least(self.a, plate.mouths), self._background
                )
        if fresh or mouth != self.mouth:
            self._lay(plate.mouths[mouth])
            patched.append(plate.mouths[mouth].rect)
        if fresh or eyes != self.eyes:
            self._lay(plate.eyes[eyes])
            patched.append(plate.eyes[eyes].rect)
        self.mouth, self.eyes = mouth, eyes
        return patched

    def _lay(self, layer: Layer) -> None:
        r, b = layer.rect, self._background
        full = (slice(r.y, r.y + r.height), slice(r.x, r.x + r.width))
        half = (slice(r.y // 2, (r.y + r.height) // 2), slice(r.x // 2, (r.x + r.width) // 2))
        if layer.alpha is None or layer.alpha_half is None:
            self.y[full], self.u[half], self.v[half] = layer.y, layer.u, layer.v
        else:
            self.y[full] = over(layer.y, layer.alpha, b[0])
            self.u[half] = over(layer.u, layer.alpha_half, b[1])
            self.v[half] = over(layer.v, layer.alpha_half, b[2])
        if self.a is not None:
            self.a[full] = 255 if layer.alpha is None else layer.alpha
