"""From canvas to picture: what is laid down is warped, dissolved and set over what lies behind."""

from __future__ import annotations

import numpy as np

from bunraku.core.framing import Framing
from bunraku.core.media import Picture, Rect
from bunraku.node.avatars.pack.canvas import Canvas, yuv
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.pack.geometry import NOTHING, intersection
from bunraku.node.avatars.pack.limbs import lay_over, video_range
from bunraku.node.avatars.pack.plates import F32, U8
from bunraku.node.avatars.pack.warp import chroma_map, luma_map

FADE = 5  # pictures over which one pose dissolves into the next
NECK_REACH = 16  # px: the farthest a neck is moved past its rectangle; even


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
        target = self._picture.y[rows, columns]
        self._warped(canvas.y, map_, old.y, leaving, target)
        matte = self._matte(map_, leaving) if self._shows_matte else None
        self._tuck_luma(rect, target, matte, map_, leaving)
        if matte is None:
            return
        if self._backdrop is not None:
            lay_over(target, self._backdrop.y[rows, columns], matte)
        else:
            self._picture.y[rows, w + rect.x : w + rect.x + rect.width] = video_range(matte)

    def chroma(self, rect: Rect) -> None:
        canvas, old, picture = self.canvas, self.old, self._picture
        rows = slice(rect.y // 2, (rect.y + rect.height) // 2)
        columns = slice(rect.x // 2, (rect.x + rect.width) // 2)
        map_ = chroma_map(canvas.nodes, rect)
        leaving = chroma_map(old.nodes, rect) if self.dissolving else None
        self._warped(canvas.u, map_, old.u, leaving, picture.u[rows, columns])
        self._warped(canvas.v, map_, old.v, leaving, picture.v[rows, columns])
        matte = self._half_matte(map_, leaving) if self._backdrop is not None else None
        self._tuck_chroma(rect, picture.u[rows, columns], picture.v[rows, columns], matte, map_, leaving)
        if self._backdrop is not None and matte is not None:
            lay_over(picture.u[rows, columns], self._backdrop.u[rows, columns], matte)
            lay_over(picture.v[rows, columns], self._backdrop.v[rows, columns], matte)

    @property
    def _shows_matte(self) -> bool:
        return self._framing.transparent or self._backdrop is not None

    def _matte(self, map_: F32, leaving: F32 | None) -> U8:
        """How far the figure covers each pixel of a map."""
        assert self.canvas.a is not None
        out = np.empty(map_.shape[:2], np.uint8)
        former = self.old.a if self.old.a is not None else self.canvas.a
        self._warped(self.canvas.a, map_, former, leaving, out)
        return out

    def _half_matte(self, map_: F32, leaving: F32 | None) -> U8:
        """The same for a map of the colour planes: their sample lies between four px of luma."""
        return self._matte(map_ * 2 + 0.5, None if leaving is None else leaving * 2 + 0.5)

    def _tuck_luma(self, rect: Rect, target: U8, matte: U8 | None, map_: F32, leaving: F32 | None) -> None:
        """Lay the neck under what was developed of ``rect``; ``matte`` then knows of it too."""
        neck = self.canvas.neck
        part = NOTHING if neck is None else intersection(rect, _around(neck.rect))
        if neck is None or part.empty:
            return
        here = (
            slice(part.y - rect.y, part.y - rect.y + part.height),
            slice(part.x - rect.x, part.x - rect.x + part.width),
        )
        if matte is None:
            over = self._matte(map_[here], None if leaving is None else leaving[here])
        else:
            over = matte[here]
        free = _free(over)
        under = cv2.subtract(luma_map(self.canvas.neck_nodes, part), (neck.rect.x, neck.rect.y, 0, 0))
        _add(target[here], neck.y, under, free)
        if matte is not None:
            covered = _from(neck.alpha, under) * free
            matte[here] = cv2.convertScaleAbs(over + 255 * covered)

    def _tuck_chroma(
        self, rect: Rect, u: U8, v: U8, matte: U8 | None, map_: F32, leaving: F32 | None
    ) -> None:
        neck = self.canvas.neck
        part = NOTHING if neck is None else intersection(rect, _around(neck.rect))
        if neck is None or part.empty:
            return
        here = (
            slice((part.y - rect.y) // 2, (part.y - rect.y + part.height) // 2),
            slice((part.x - rect.x) // 2, (part.x - rect.x + part.width) // 2),
        )
        if matte is None:
            over = self._half_matte(map_[here], None if leaving is None else leaving[here])
        else:
            over = matte[here]
        free = _free(over)
        corner = (neck.rect.x // 2, neck.rect.y // 2, 0, 0)
        under = cv2.subtract(chroma_map(self.canvas.neck_nodes, part), corner)
        _add(u[here], neck.u, under, free)
        _add(v[here], neck.v, under, free)
        if matte is not None:
            covered = _from(neck.alpha, under * 2 + 0.5) * free
            matte[here] = cv2.convertScaleAbs(over + 255 * covered)

    def _warped(self, plane: U8, map_: F32, old: U8, leaving: F32 | None, target: U8) -> None:
        cv2.remap(plane, map_, None, cv2.INTER_LINEAR, dst=target, borderMode=cv2.BORDER_REPLICATE)
        if leaving is not None:
            share = (self._left - 1) / (FADE + 1)
            before = cv2.remap(old, leaving, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            cv2.addWeighted(before, share, target, 1 - share, 0, dst=target)


def _around(rect: Rect) -> Rect:
    r = NECK_REACH
    x, y = max(0, rect.x - r), max(0, rect.y - r)
    return Rect(x, y, rect.x + rect.width + r - x, rect.y + rect.height + r - y)


def _from(plane: F32, map_: F32) -> F32:
    return cv2.remap(plane, map_, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def _add(target: U8, plane: F32, map_: F32, free: F32) -> None:
    """In place: what a signed plane adds where something is free."""
    added = _from(plane, map_)
    cv2.multiply(added, free, dst=added)
    cv2.add(target, added, dst=target, dtype=cv2.CV_8U)


def _free(over: U8) -> F32:
    """How much of each pixel nothing lies over, 0 to 1."""
    return cv2.addWeighted(over, -1 / 255, over, 0, 1, dtype=cv2.CV_32F)
