"""From canvas to picture: what is laid down is warped, dissolved and set over what lies behind."""

from __future__ import annotations

import numpy as np

from bunraku.core.framing import Framing
from bunraku.core.media import Picture, Rect
from bunraku.node.avatars.pack.canvas import Canvas, NeckLayers, NeckPlanes, yuv
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.pack.geometry import around, intersection
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
        background = self._behind = yuv(framing.background) if self._backdrop is None else (0, 0, 0)
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
        found = self._neck_in(rect)
        if found is None:
            return
        neck, part, planes = found
        here, there = _slices(part, rect, 1), _slices(part, neck, 1)
        if matte is None:
            over = self._matte(map_[here], None if leaving is None else leaving[here])
        else:
            over = matte[here]
        free = cv2.bitwise_not(over)
        _under(target[here], planes.y[there], free, self._behind[0])
        if matte is not None:
            matte[here] = cv2.add(over, cv2.multiply(planes.alpha[there], free, scale=1 / 255))

    def _tuck_chroma(
        self, rect: Rect, u: U8, v: U8, matte: U8 | None, map_: F32, leaving: F32 | None
    ) -> None:
        found = self._neck_in(rect)
        if found is None:
            return
        neck, part, planes = found
        here, there = _slices(part, rect, 2), _slices(part, neck, 2)
        if matte is None:
            over = self._half_matte(map_[here], None if leaving is None else leaving[here])
        else:
            over = matte[here]
        free = cv2.bitwise_not(over)
        _under(u[here], planes.u[there], free, self._behind[1])
        _under(v[here], planes.v[there], free, self._behind[2])
        if matte is not None:
            (top, left), (height, width) = (2 * there[0].start, 2 * there[1].start), over.shape
            whole = planes.alpha[top : top + 2 * height, left : left + 2 * width]
            alpha = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
            matte[here] = cv2.add(over, cv2.multiply(alpha, free, scale=1 / 255))

    def _neck_in(self, rect: Rect) -> tuple[Rect, Rect, NeckLayers] | None:
        """Where the neck may lie, what of that is in ``rect`` and may be seen, and the neck as it lies there
        now."""
        neck = self.canvas.neck
        if neck is None:
            return None
        part = intersection(rect, intersection(neck.place, around(neck.bare, neck.reach)))
        if part.empty:
            return None
        if neck.warped is None:
            neck.warped = self._lying(neck)
        return neck.place, part, neck.warped

    def _lying(self, neck: NeckPlanes) -> NeckLayers:
        x, y = neck.rect.x, neck.rect.y
        nodes = neck.nodes - np.array([x, y], np.float32)  # in its own px; both are even
        fine, coarse = luma_map(nodes, neck.place), chroma_map(nodes, neck.place)
        level = self._behind
        return NeckLayers(
            _beyond(neck.laid.y, fine, level[0]),
            _beyond(neck.laid.u, coarse, level[1]),
            _beyond(neck.laid.v, coarse, level[2]),
            _beyond(neck.laid.alpha, fine, 0) if self._shows_matte else neck.laid.alpha,
        )

    def _warped(self, plane: U8, map_: F32, old: U8, leaving: F32 | None, target: U8) -> None:
        cv2.remap(plane, map_, None, cv2.INTER_LINEAR, dst=target, borderMode=cv2.BORDER_REPLICATE)
        if leaving is not None:
            share = (self._left - 1) / (FADE + 1)
            before = cv2.remap(old, leaving, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            cv2.addWeighted(before, share, target, 1 - share, 0, dst=target)


def _slices(part: Rect, of: Rect, share: int) -> tuple[slice, slice]:
    """Rows and columns of a part of ``of``, in planes of that share of the size."""
    x, y = (part.x - of.x) // share, (part.y - of.y) // share
    return slice(y, y + part.height // share), slice(x, x + part.width // share)


def _beyond(plane: U8, map_: F32, level: int) -> U8:
    """A plane warped; the background beyond it."""
    return cv2.remap(plane, map_, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=level)


def _under(target: U8, plane: U8, free: U8, level: int) -> None:
    """In place: what lies over a background of ``level`` comes to lie over ``plane``, where ``free`` says how
    much of each pixel nothing lies over."""
    if level:
        cv2.subtract(target, cv2.multiply(free, level / 255), dst=target)
    cv2.add(target, cv2.multiply(plane, free, scale=1 / 255), dst=target)
