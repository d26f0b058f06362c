"""The lower jaw of footage: as far as a mouth is opened, chin and throat go down with it.

The patch holds the lips and the skin around them as they were filmed; of the frame below it, the chin is
moved by a smooth field, so that it is met where the patch has it. Nothing is blended at the chin.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bunraku.node.avatars.loop.proxy import Planes
from bunraku.node.avatars.pack.cv import cv2

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

ROUNDS = 4
"""Of the fixed point. The field is inverted where it changes by half of what is moved, at most: then what is
left is a sixteenth of that."""

LEAST = 0.25  # px of the picture: a jaw that is down by less is shown as it is


class JawField:
    """Which share of the jaw's way each place of the lower face goes: ``share`` (rows, columns), 0 at its
    rim, over the ``box`` x, y, width, height of patch px, first and last nodes on its edges."""

    def __init__(self, share: F32, box: tuple[float, float, float, float]) -> None:
        self.share = np.ascontiguousarray(share, np.float32)
        rows, columns = share.shape
        x, y, width, height = box
        self.box = box
        self.step = width / (columns - 1), height / (rows - 1)
        self.to_patch: F64 = np.array([[self.step[0], 0.0, x], [0.0, self.step[1], y], [0.0, 0.0, 1.0]])
        across, down = np.meshgrid(np.arange(columns), np.arange(rows))
        self._across, self._down = across.astype(np.float32), down.astype(np.float32)

    def moved(self, fall: float) -> F32:
        """(rows, columns): how far, in patch px, what is seen at each node has come down, when the jaw is
        down by ``fall`` patch px."""
        push = fall * self.share
        for _ in range(ROUNDS):
            back = self._down - push / np.float32(self.step[1])
            push = fall * cv2.remap(self.share, self._across, back, cv2.INTER_LINEAR)
        return np.asarray(push, np.float32)


class Jaw:
    """Of one figure: ``lower`` draws a frame's lower face with the jaw down."""

    def __init__(self, field: JawField, width: int, height: int) -> None:
        self._field, self._width, self._height = field, width, height

    def lower(self, frame: Planes, picture: Planes, place: F64, fall: float) -> None:
        """``frame`` and ``picture`` are of one size; ``place`` (2, 3) maps patch px to px of both; ``fall``
        in patch px."""
        way = place[:, 1] * fall  # px of the picture
        if math.hypot(*way) < LEAST:
            return
        field = self._field
        rows, columns = field.share.shape
        nodes = place @ field.to_patch  # from nodes to the picture
        corners = nodes[:, :2] @ np.array(
            [[0.0, columns - 1, 0.0, columns - 1], [0.0, 0.0, rows - 1, rows - 1]]
        )
        corners += nodes[:, 2:]
        x0, y0 = (max(0, math.floor(c / 2) * 2) for c in corners.min(1))
        x1 = min(self._width, math.ceil(corners[0].max() / 2) * 2)
        y1 = min(self._height, math.ceil(corners[1].max() / 2) * 2)
        if x1 - x0 < 4 or y1 - y0 < 4:
            return
        size = x1 - x0, y1 - y0
        here = np.column_stack([nodes[:, :2], nodes[:, 2] - (x0, y0)])
        push = cv2.warpAffine(field.moved(fall), here, size, flags=cv2.INTER_LINEAR)
        inside = slice(y0, y1), slice(x0, x1)
        at_x, at_y = push * np.float32(-place[0, 1]), push * np.float32(-place[1, 1])
        at_x += np.arange(x0, x1, dtype=np.float32)
        at_y += np.arange(y0, y1, dtype=np.float32)[:, None]
        picture.y[inside] = cv2.remap(frame.y, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        # A chroma pixel lies in the middle of four of luma: at 2 c + 0.5.
        half = size[0] // 2, size[1] // 2
        half_x, half_y = (
            cv2.resize(at, half, interpolation=cv2.INTER_AREA) * np.float32(0.5) - np.float32(0.25)
            for at in (at_x, at_y)
        )
        inside = slice(y0 // 2, y1 // 2), slice(x0 // 2, x1 // 2)
        for source, target in ((frame.u, picture.u), (frame.v, picture.v)):
            target[inside] = cv2.remap(
                source, half_x, half_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
