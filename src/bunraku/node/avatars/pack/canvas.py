"""One plate laid over its background, with the sprites of the moment: what a warp samples."""

from __future__ import annotations

import numpy as np

from bunraku.core.media import Rect
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.pack.plates import F32, U8, Layer, Plate


def yuv(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """BT.601 limited range, as OpenCV converts."""
    bgr = np.full((2, 2, 3), rgb[::-1], np.uint8)
    plane = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420).reshape(-1)
    return int(plane[0]), int(plane[4]), int(plane[5])


def over(colour: U8, alpha: U8, background: int) -> U8:
    """``colour * alpha + background * (1 - alpha)`` in 8 bits."""
    a = alpha.astype(np.float32) * np.float32(1 / 255)
    return cv2.convertScaleAbs((colour.astype(np.float32) - background) * a + background)


class NeckPlanes:
    """What a neck adds to the background where nothing lies over it: signed planes of its rectangle, and
    its alpha as 0 to 1."""

    def __init__(self, layer: Layer, background: tuple[int, int, int]) -> None:
        self.rect = layer.rect
        ones = np.ones_like(layer.y, np.float32), np.ones_like(layer.u, np.float32)
        planes = layer.alpha, layer.alpha_half
        self.alpha, half = (
            one if plane is None else plane.astype(np.float32) * np.float32(1 / 255)
            for one, plane in zip(ones, planes, strict=True)
        )
        self.y, self.u, self.v = (
            (plane.astype(np.float32) - np.float32(level)) * alpha
            for plane, level, alpha in zip(
                (layer.y, layer.u, layer.v), background, (self.alpha, half, half), strict=True
            )
        )


class Canvas:
    """Planes of one size; shows one plate at a time."""

    def __init__(self, width: int, height: int, background: tuple[int, int, int], *, alpha: bool) -> None:
        self._background = background
        self.y: U8 = np.empty((height, width), np.uint8)
        self.u: U8 = np.empty((height // 2, width // 2), np.uint8)
        self.v: U8 = np.empty((height // 2, width // 2), np.uint8)
        self.a: U8 | None = np.empty((height, width), np.uint8) if alpha else None
        self.plate: Plate | None = None
        self._mouth = self._eyes = -1
        self.nodes: F32 = np.empty(0, np.float32)
        """Where the warp nodes of the last picture sampled; shape (rows, columns, 2)."""
        self.chroma_nodes = self.nodes
        """The same for colour, which may lag by a fraction of a pixel."""
        self.neck_nodes = self.nodes
        """The same for the neck."""
        self.neck: NeckPlanes | None = None

    def show(self, plate: Plate, mouth: int, eyes: int) -> list[Rect]:
        """Lay down what is not there yet; returns the rectangles that changed besides the plate."""
        fresh = plate is not self.plate
        patched: list[Rect] = []
        if fresh:
            self.plate = plate
            if plate.neck is not None and self.a is None:
                self.a = np.full(self.y.shape, 255, np.uint8)
            self.neck = None if plate.neck is None else NeckPlanes(plate.neck, self._background)
            self._lay(plate.body)
        if fresh or mouth != self._mouth:
            self._lay(plate.mouths[mouth])
            patched.append(plate.mouths[mouth].rect)
        if fresh or eyes != self._eyes:
            self._lay(plate.eyes[eyes])
            patched.append(plate.eyes[eyes].rect)
        self._mouth, self._eyes = mouth, eyes
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
