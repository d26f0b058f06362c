"""The compositor: one live figure made of shared plates.

Each frame picks the nearest head pose, replaces mouth and eyes by sprites, and warps the
whole picture by a sum of displacement bases (head turn between poses, roll, sway, breath,
brows). Only what changed is composed.
"""

from __future__ import annotations

import math

import numpy as np

from bunraku.avatars.base import Framing
from bunraku.avatars.pack.canvas import Canvas, yuv
from bunraku.avatars.pack.cv import cv2
from bunraku.avatars.pack.geometry import NOTHING, covered, intersection, merged, union
from bunraku.avatars.pack.limbs import lay, lay_over, video_range
from bunraku.avatars.pack.manifest import Manifest
from bunraku.avatars.pack.mouth import MouthChooser
from bunraku.avatars.pack.plates import F32, NODE, NODE_AT, U8, Limb, Plate
from bunraku.media import Picture, Pose, Rect, Weights

POSE_HYSTERESIS = 0.8  # degrees: a head that hovers between two poses must not flicker
MAX_TURN = 13.0  # degrees of yaw the baked poses carry without visible stretching
MAX_TILT = 9.0
FADE = 5  # pictures over which one pose dissolves into the next
CHROMA_STILL = 0.75  # px of luma: colour is coarse, and follows in steps below half its own px


class PackFigure:
    """An ``Avatar`` (see ``avatars.base``) over plates of one size.

    Two baked poses never agree to the pixel at their layers' edges, so the hand-over between
    them is a short dissolve of two pictures warped to the same pose.
    """

    def __init__(
        self, manifest: Manifest, plates: tuple[Plate, ...], limbs: tuple[Limb, ...], framing: Framing
    ) -> None:
        self.framing = framing
        self._plates, self._limbs = plates, limbs
        self._picture = Picture(framing.stream_width, framing.height)
        self._mouths = MouthChooser(manifest)
        self._eyes = manifest.eyes
        self._bases = manifest.bases
        # A backdrop must not follow the warp: the figure is developed premultiplied and laid over it.
        self._backdrop = None if framing.transparent else framing.backdrop
        background = yuv(framing.background) if self._backdrop is None else (0, 0, 0)
        alpha = framing.transparent or self._backdrop is not None
        self._canvas, self._old = (
            Canvas(framing.width, framing.height, background, alpha=alpha) for _ in range(2)
        )
        self._fading = 0
        """Pictures until the former pose is gone; the last of them is drawn without it."""
        self._limb_rect = NOTHING
        rows, columns = plates[0].bases.shape[1:3]
        x, y = np.meshgrid(np.arange(columns) * NODE + NODE_AT, np.arange(rows) * NODE + NODE_AT)
        self._grid = np.stack([x, y], -1).astype(np.float32)
        self._cells = (self._grid - NODE_AT) * np.float32(1 / NODE)

    @property
    def picture(self) -> Picture:
        return self._picture

    @property
    def _dissolving(self) -> bool:
        return self._fading > 1

    def render(self, mouth: Weights, pose: Pose) -> Rect:
        first = self._canvas.plate is None
        plate = self._choose_plate(pose)
        if not first and plate is not self._canvas.plate:
            self._canvas, self._old = self._old, self._canvas
            self._canvas.plate = None
            self._fading = FADE + 1
        eyes, sprite = self._choose_eyes(pose), self._mouths.choose(mouth, pose.smile)
        patched = self._canvas.show(plate, sprite, eyes)
        nodes = self._warp(plate, pose)
        if first or self._fading:
            self._canvas.nodes, self._canvas.chroma_nodes = nodes, nodes.copy()
            if self._dissolving and self._old.plate is not None:
                self._old.show(self._old.plate, sprite, eyes)
                self._old.nodes = self._warp(self._old.plate, pose)
            dirty = Rect(0, 0, self.framing.width, self.framing.height) if first else NOTHING
            for band in (dirty,) if first else merged([b.rect for b in plate.bands]):
                self._develop(band)
                dirty = union(dirty, band)
            if not first:  # where an arm was, bands may not reach
                self._develop(self._limb_rect)
                dirty = union(dirty, self._limb_rect)
            self._fading = max(0, self._fading - 1)
        else:
            if not self._limb_rect.empty:
                patched.append(self._limb_rect)
            dirty = self._develop_bands(plate, nodes, patched)
        self._limb_rect = NOTHING
        for limb in self._limbs:
            if limb.gesture == pose.gesture:
                self._limb_rect = union(self._limb_rect, lay(limb, self._picture, self.framing, pose))
        dirty = union(dirty, self._limb_rect)
        if self.framing.transparent and not dirty.empty:
            return Rect(0, dirty.y, self.framing.stream_width, dirty.height)
        return dirty

    def _develop_bands(self, plate: Plate, nodes: F32, patched: list[Rect]) -> Rect:
        """Warp the bands that moved, and what lies in the others of the patched rectangles."""
        moved, recoloured = self._take_in(plate, nodes)
        developed, coloured = merged(moved), merged(recoloured)
        for rect in developed:
            self._develop_luma(rect)
        for rect in coloured:
            self._develop_chroma(rect)
        touched = self._around(patched)
        if not touched.empty:
            fresh = self._left_of(touched, plate, moved)
            for rect in fresh:
                self._develop_luma(rect)
            plain = self._left_of(touched, plate, recoloured)
            for rect in plain:
                self._develop_chroma(rect)
            developed, coloured = developed + fresh, coloured + plain
            for rect in patched:
                # Contained in one of them: the box around all covers more than was drawn.
                if not covered(rect, developed) or not covered(rect, coloured):
                    self._develop(rect)
                    developed.append(rect)
        dirty = NOTHING
        for rect in developed:
            dirty = union(dirty, rect)
        return dirty

    def _left_of(self, touched: Rect, plate: Plate, developed: list[Rect]) -> list[Rect]:
        """What of the touched rectangle lies in bands that were not developed whole."""
        parts = [intersection(touched, b.rect) for b in plate.bands if b.rect not in developed]
        return merged([part for part in parts if not part.empty])

    def _take_in(self, plate: Plate, nodes: F32) -> tuple[list[Rect], list[Rect]]:
        """The bands that moved enough to be drawn anew, and those of them whose colour did.

        Their nodes become those of the canvas. A band owns the nodes within it; those beyond the
        first and the last band have no other owner.
        """
        shown, tinted = self._canvas.nodes, self._canvas.chroma_nodes
        lag = CHROMA_STILL if self._backdrop is None else 0.0
        far, far_chroma = _farthest(nodes, shown), _farthest(nodes, tinted)
        moved: list[Rect] = []
        recoloured: list[Rect] = []
        for band in plate.bands:
            top, bottom = band.rect.y // NODE, -(-(band.rect.y + band.rect.height) // NODE)
            if max(far[top : bottom + 2]) <= band.still:
                continue
            owned = slice(top + (band is not plate.bands[0]), bottom + 1 + (band is plate.bands[-1]))
            moved.append(band.rect)
            shown[owned] = nodes[owned]
            if max(far_chroma[top : bottom + 2]) > lag:
                recoloured.append(band.rect)
                tinted[owned] = nodes[owned]
        return moved, recoloured

    def _choose_plate(self, pose: Pose) -> Plate:
        def away(p: Plate) -> float:
            return (
                abs(pose.yaw - p.yaw)
                + abs(pose.pitch - p.pitch)
                - (POSE_HYSTERESIS if p is self._canvas.plate else 0.0)
            )

        return min(self._plates, key=away)

    def _choose_eyes(self, pose: Pose) -> int:
        def away(at: dict[str, float]) -> float:
            lid = 3.0 * (at["lid"] - pose.lid) ** 2
            look = (at["gaze_x"] - pose.gaze_x) ** 2 + (at["gaze_y"] - pose.gaze_y) ** 2
            return lid + look * (1 - 0.9 * pose.lid) + 0.8 * (at.get("squint", 0.0) - pose.squint) ** 2

        return min(range(len(self._eyes)), key=lambda i: away(self._eyes[i]))

    def _warp(self, plate: Plate, pose: Pose) -> F32:
        """Where each node samples the canvas: shape (rows, columns, 2), frame px."""
        yaw = max(-MAX_TURN, min(MAX_TURN, pose.yaw)) - plate.yaw
        pitch = max(-MAX_TILT, min(MAX_TILT, pose.pitch)) - plate.pitch
        values = {
            "yaw": yaw,
            "pitch": pitch,
            "roll": pose.roll,
            "sway": pose.sway,
            "breath": pose.breath,
            "nod": pose.nod,
            "brow_l": pose.brow_l,
            "brow_r": pose.brow_r,
            "brow_in": pose.brow_in,
        }
        k = np.array([values[name] for name in self._bases], np.float32)
        push = (k @ plate.bases.reshape(len(k), -1)).reshape(self._grid.shape)
        # The bases say where a point of the canvas goes; the warp needs where a point of the
        # picture comes from. One step of fixed-point iteration on the coarse grid is exact
        # enough for the angles between two poses.
        back = self._cells - push * np.float32(1 / NODE)
        push = cv2.remap(push, back, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return self._grid - push

    def _around(self, rects: list[Rect]) -> Rect:
        """What sprites may touch after the warp."""
        if not rects:
            return NOTHING
        out = rects[0]
        for r in rects[1:]:
            out = union(out, r)
        reach = (math.ceil(float(np.abs(self._canvas.nodes - self._grid).max())) + 3) // 2 * 2
        x0, y0 = max(0, out.x - reach), max(0, out.y - reach)
        x1 = min(self.framing.width, out.x + out.width + reach)
        y1 = min(self.framing.height, out.y + out.height + reach)
        return Rect(x0, y0, x1 - x0, y1 - y0)

    def _develop(self, rect: Rect) -> None:
        """Warp ``rect`` of the canvas into the picture; of both canvases while one fades."""
        if not rect.empty:
            self._develop_luma(rect)
            self._develop_chroma(rect)

    def _develop_luma(self, rect: Rect) -> None:
        w, canvas, old = self.framing.width, self._canvas, self._old
        rows, columns = slice(rect.y, rect.y + rect.height), slice(rect.x, rect.x + rect.width)
        map_ = luma_map(canvas.nodes, rect)
        leaving = luma_map(old.nodes, rect) if self._dissolving else None
        self._warped(canvas.y, map_, old.y, leaving, self._picture.y[rows, columns])
        if canvas.a is not None and old.a is not None:
            matte = np.empty((rect.height, rect.width), np.uint8)
            self._warped(canvas.a, map_, old.a, leaving, matte)
            if self._backdrop is not None:
                lay_over(self._picture.y[rows, columns], self._backdrop.y[rows, columns], matte)
            else:
                self._picture.y[rows, w + rect.x : w + rect.x + rect.width] = video_range(matte)

    def _develop_chroma(self, rect: Rect) -> None:
        canvas, old = self._canvas, self._old
        rows = slice(rect.y // 2, (rect.y + rect.height) // 2)
        columns = slice(rect.x // 2, (rect.x + rect.width) // 2)
        map_ = chroma_map(canvas.nodes, rect)
        leaving = chroma_map(old.nodes, rect) if self._dissolving else None
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
            share = (self._fading - 1) / (FADE + 1)
            before = cv2.remap(old, leaving, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            cv2.addWeighted(before, share, target, 1 - share, 0, dst=target)


def _farthest(a: F32, b: F32) -> list[float]:
    """How far, px, the nodes of each row lie apart at most, along either axis."""
    apart: list[float] = cv2.absdiff(a, b).reshape(len(a), -1).max(1).tolist()
    return apart


def enlarge(nodes: F32, factor: int, x: int, y: int, width: int, height: int) -> F32:
    """Bilinear values for a window whose corner lies (x, y) px after the first cell's end."""
    rows, columns = nodes.shape[:2]
    big = cv2.resize(nodes, (columns * factor, rows * factor), interpolation=cv2.INTER_LINEAR)
    return big[factor + y : factor + y + height, factor + x : factor + x + width]


def luma_map(nodes: F32, rect: Rect) -> F32:
    """Where each pixel of ``rect`` samples: shape (height, width, 2), frame px."""
    part, x, y = _window(nodes, rect)
    return enlarge(part, NODE, x, y, rect.width, rect.height)


def chroma_map(nodes: F32, rect: Rect) -> F32:
    """The same for the colour planes, in their px."""
    part, x, y = _window(nodes, rect)
    # Chroma sample c sits at luma 2c + 0.5 (H.264 4:2:0, centred as OpenCV averages it).
    return enlarge((part - 0.5) * 0.5, NODE // 2, x // 2, y // 2, rect.width // 2, rect.height // 2)


def _window(nodes: F32, rect: Rect) -> tuple[F32, int, int]:
    # One node more on each side, so that bilinear enlargement never meets its own border.
    c0, r0 = rect.x // NODE, rect.y // NODE
    c1, r1 = -(-(rect.x + rect.width) // NODE) + 2, -(-(rect.y + rect.height) // NODE) + 2
    return nodes[r0:r1, c0:c1], rect.x - c0 * NODE, rect.y - r0 * NODE
