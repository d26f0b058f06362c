"""From canvas to picture: what is laid down is warped, dissolved and set over what lies behind."""

from __future__ import annotations

import numpy as np

from bunraku.core.framing import Framing
from bunraku.core.media import Picture, Rect
from bunraku.node.avatars.pack.canvas import Canvas, yuv
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.pack.limbs import lay_over, video_range
from bunraku.node.avatars.pack.plates import F32, U8
from bunraku.node.avatars.pack.warp import chroma_map, luma_map

FADE = 5  # pictures over which one pose dissolves into the next


class Developer:
    """Owns the canvas and, while one pose dissolves into the next, the canvas of the former.

    Two baked poses never agree to the pixel at their layers' edges, so the hand-over between
    them is a short dissolve of two pictures warped to the same pose.
    """

    def __init__(self, framing: Framing, picture: Picture) -> None:
        self._framing, self._picture = framing, picture
        # A backdrop must not follow the warp: the figure is developed premultiplied and laid over it.
        self._backdrop = None if framing.transparent else framing.backdrop
        background = yuv(framing.background) if self._backdrop is None else (0, 0, 0)
        alpha = framing.transparent or self._backdrop is not None
        self.canvas, self.old = (
            Canvas(framing.width, framing.height, background, alpha=alpha) for _ in range(2)
        )
        self._left = 0
        """Pictures until the former pose is gone; the last of them is drawn without it."""

    @property
    def colour_may_lag(self) -> bool:
        """Over a backdrop it may not: matte and colour must agree."""
        return self._backdrop is None

    @property
    def changing(self) -> bool:
        """A dissolve is not over: every band of this picture must be developed."""
        return self._left > 0

    @property
    def dissolving(self) -> bool:
        """Something of the former pose is still seen."""
        return self._left > 1

    def begin_dissolve(self) -> None:
        """What the canvas shows becomes the former pose."""
        self.canvas, self.old = self.old, self.canvas
        self.canvas.plate = None
        self._left = FADE + 1

    def drawn(self) -> None:
        """A picture is done."""
        self._left = max(0, self._left - 1)

    def develop(self, rect: Rect) -> None:
        """Warp ``rect`` of the canvas into the picture; of both canvases while one fades."""
        if not rect.empty:
            self.luma(rect)
            self.chroma(rect)

    def luma(self, rect: Rect) -> None:
        w, canvas, old = self._framing.width, self.canvas, self.old
        rows, columns = slice(rect.y, rect.y + rect.height), slice(rect.x, rect.x + rect.width)
        map_ = luma_map(canvas.nodes, rect)
        leaving = luma_map(old.nodes, rect) if self.dissolving else None
        self._warped(canvas.y, map_, old.y, leaving, self._picture.y[rows, columns])
        if canvas.a is not None and old.a is not None:
            matte = np.empty((rect.height, rect.width), np.uint8)
            self._warped(canvas.a, map_, old.a, leaving, matte)
            if self._backdrop is not None:
                lay_over(self._picture.y[rows, columns], self._backdrop.y[rows, columns], matte)
            else:
                self._picture.y[rows, w + rect.x : w + rect.x + rect.width] = video_range(matte)

    def chroma(self, rect: Rect) -> None:
        canvas, old = self.canvas, self.old
        rows = slice(rect.y // 2, (rect.y + rect.height) // 2)
        columns = slice(rect.x // 2, (rect.x + rect.width) // 2)
        map_ = chroma_map(canvas.nodes, rect)
        leaving = chroma_map(old.nodes, rect) if self.dissolving else None
        self._warped(canvas.u, map_, old.u, leaving, self._picture.u[rows, columns])
        self._warped(canvas.v, map_, old.v, leaving, self._picture.v[rows, columns])
        if self._backdrop is not None and canvas.a is not None and old.a is not None:
            # Luma px of this place; the chroma sample lies between four of them.
            whole, former = map_ * 2 + 0.5, None if leaving is None else leaving * 2 + 0.5
            matte = np.empty((rect.height // 2, rect.width // 2), np.uint8)
            self._warped(canvas.a, whole, old.a, former, matte)
            for plane, behind in (
                (self._picture.u, self._backdrop.u),
                (self._picture.v, self._backdrop.v),
            ):
                lay_over(plane[rows, columns], behind[rows, columns], matte)

    def _warped(self, plane: U8, map_: F32, old: U8, leaving: F32 | None, target: U8) -> None:
        cv2.remap(plane, map_, None, cv2.INTER_LINEAR, dst=target, borderMode=cv2.BORDER_REPLICATE)
        if leaving is not None:
            share = (self._left - 1) / (FADE + 1)
            before = cv2.remap(old, leaving, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            cv2.addWeighted(before, share, target, 1 - share, 0, dst=target)
