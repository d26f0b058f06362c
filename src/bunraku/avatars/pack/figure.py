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
from bunraku.avatars.pack.manifest import Manifest
from bunraku.avatars.pack.mouth import MouthChooser
from bunraku.avatars.pack.plates import F32, NODE, NODE_AT, U8, Arm, Plate
from bunraku.media import Picture, Pose, Rect, Weights

POSE_HYSTERESIS = 0.8  # degrees: a head that hovers between two poses must not flicker
MAX_TURN = 13.0  # degrees of yaw the baked poses carry without visible stretching
MAX_TILT = 9.0
FADE = 5  # pictures over which one pose dissolves into the next
CHROMA_STILL = 0.5  # px of luma: colour is coarse, and follows in steps of a quarter of its own px
WARP_COST = 12_000  # px: what beginning another warp costs
NOTHING = Rect(0, 0, 0, 0)


class PackFigure:
    """An ``Avatar`` (see ``avatars.base``) over plates of one size.

    Two baked poses never agree to the pixel at their layers' edges, so the hand-over between
    them is a short dissolve of two pictures warped to the same pose.
    """

    def __init__(
        self, manifest: Manifest, plates: tuple[Plate, ...], arm: Arm | None, framing: Framing
    ) -> None:
        self.framing = framing
        self._plates, self._arm = plates, arm
        self._picture = Picture(framing.stream_width, framing.height)
        self._mouths = MouthChooser(manifest)
        self._eyes = manifest.eyes
        self._bases = manifest.bases
        background = yuv(framing.background)
        self._canvas, self._old = (
            Canvas(framing.width, framing.height, background, alpha=framing.transparent) for _ in range(2)
        )
        self._fading = 0
        self._arm_rect = NOTHING
        rows, columns = plates[0].bases.shape[1:3]
        x, y = np.meshgrid(np.arange(columns) * NODE + NODE_AT, np.arange(rows) * NODE + NODE_AT)
        self._grid = np.stack([x, y], -1).astype(np.float32)

    @property
    def picture(self) -> Picture:
        return self._picture

    def render(self, mouth: Weights, pose: Pose) -> Rect:
        first = self._canvas.plate is None
        plate = self._choose_plate(pose)
        if not first and plate is not self._canvas.plate:
            self._canvas, self._old = self._old, self._canvas
            self._canvas.plate = None
            self._fading = FADE
        eyes, sprite = self._choose_eyes(pose), self._mouths.choose(mouth, pose.smile)
        patched = self._canvas.show(plate, sprite, eyes)
        nodes = self._warp(plate, pose)
        if first or self._fading:
            self._canvas.nodes, self._canvas.chroma_nodes = nodes, nodes.copy()
            if self._old.plate is not None and self._fading:
                self._old.show(self._old.plate, sprite, eyes)
                self._old.nodes = self._warp(self._old.plate, pose)
            dirty = Rect(0, 0, self.framing.width, self.framing.height) if first else NOTHING
            for band in (dirty,) if first else merged([b.rect for b in plate.bands]):
                self._develop(band)
                dirty = union(dirty, band)
            if not first:  # where the arm was, bands may not reach
                self._develop(self._arm_rect)
                dirty = union(dirty, self._arm_rect)
            self._fading = max(0, self._fading - 1)
        else:
            if not self._arm_rect.empty:
                patched.append(self._arm_rect)
            dirty = self._develop_bands(plate, nodes, patched)
        self._arm_rect = self._draw_arm(pose)
        dirty = union(dirty, self._arm_rect)
        if self.framing.transparent and not dirty.empty:
            return Rect(0, dirty.y, self.framing.stream_width, dirty.height)
        return dirty

    def _develop_bands(self, plate: Plate, nodes: F32, patched: list[Rect]) -> Rect:
        """Warp the bands that moved, and what lies in the others of the patched rectangles."""
        shown = self._canvas.nodes
        dirty = NOTHING
        touched = self._around(patched)
        stale: list[Rect] = []
        faded: list[Rect] = []
        moved = np.abs(nodes - shown).max((1, 2))
        tinted = self._canvas.chroma_nodes
        moved_chroma = np.abs(nodes - tinted).max((1, 2))
        still: list[Rect] = []
        for band in plate.bands:
            top, bottom = band.rect.y // NODE, -(-(band.rect.y + band.rect.height) // NODE)
            if float(moved[top : bottom + 2].max()) > band.still:
                stale.append(band.rect)
                if float(moved_chroma[top : bottom + 2].max()) > CHROMA_STILL:
                    faded.append(band.rect)
            else:
                still.append(band.rect)
        for rect in stale:
            inner = slice(rect.y // NODE + 1, -(-(rect.y + rect.height) // NODE) + 1)
            shown[inner] = nodes[inner]
            if rect in faded:
                tinted[inner] = nodes[inner]
        developed = merged(stale)
        for rect in developed:
            self._develop_luma(rect)
        for rect in merged(faded):
            self._develop_chroma(rect)
        if not touched.empty:
            parts = [intersection(touched, rect) for rect in still]
            fresh = merged([part for part in parts if not part.empty])
            for rect in fresh:
                self._develop_luma(rect)
            plain = [intersection(touched, b.rect) for b in plate.bands if b.rect not in faded]
            for rect in merged([part for part in plain if not part.empty]):
                self._develop_chroma(rect)
            developed += fresh
            for rect in patched:
                # Contained in one of them: the box around all covers more than was drawn.
                if not covered(rect, developed):
                    self._develop(rect)
                    developed.append(rect)
        for rect in developed:
            dirty = union(dirty, rect)
        return dirty

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
        push = np.tensordot(k, plate.bases, 1).astype(np.float32)
        # The bases say where a point of the canvas goes; the warp needs where a point of the
        # picture comes from. One step of fixed-point iteration on the coarse grid is exact
        # enough for the angles between two poses.
        back = (self._grid - push - NODE_AT) * np.float32(1 / NODE)
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
        leaving = luma_map(old.nodes, rect) if self._fading else None
        self._warped(canvas.y, map_, old.y, leaving, self._picture.y[rows, columns])
        if canvas.a is not None and old.a is not None:
            matte = np.empty((rect.height, rect.width), np.uint8)
            self._warped(canvas.a, map_, old.a, leaving, matte)
            self._picture.y[rows, w + rect.x : w + rect.x + rect.width] = video_range(matte)

    def _develop_chroma(self, rect: Rect) -> None:
        canvas, old = self._canvas, self._old
        rows = slice(rect.y // 2, (rect.y + rect.height) // 2)
        columns = slice(rect.x // 2, (rect.x + rect.width) // 2)
        map_ = chroma_map(canvas.nodes, rect)
        leaving = chroma_map(old.nodes, rect) if self._fading else None
        self._warped(canvas.u, map_, old.u, leaving, self._picture.u[rows, columns])
        self._warped(canvas.v, map_, old.v, leaving, self._picture.v[rows, columns])

    def _warped(self, plane: U8, map_: F32, old: U8, leaving: F32 | None, target: U8) -> None:
        cv2.remap(plane, map_, None, cv2.INTER_LINEAR, dst=target, borderMode=cv2.BORDER_REPLICATE)
        if leaving is not None:
            share = self._fading / (FADE + 1)
            before = cv2.remap(old, leaving, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            cv2.addWeighted(before, share, target, 1 - share, 0, dst=target)

    def _draw_arm(self, pose: Pose) -> Rect:
        """Lay the waving arm over the finished picture; returns what it covered."""
        arm = self._arm
        if arm is None or pose.gesture != "wave":
            return NOTHING
        raised = raise_curve(pose.gesture_phase)
        if raised <= 0:
            return NOTHING
        swing = 9.0 * math.sin(pose.gesture_phase * math.tau * 3.5) * raised
        angle = math.radians(swing + 18 * (1 - raised))
        cos, sin = math.cos(angle), math.sin(angle)
        ax, ay = arm.x - arm.pivot[0], arm.y - arm.pivot[1]
        drop = (1 - raised) * arm.drop - 2.2 * pose.breath
        matrix = np.array(
            [
                [cos, -sin, ax * cos - ay * sin + arm.pivot[0]],
                [sin, cos, ax * sin + ay * cos + arm.pivot[1] + drop],
            ]
        )
        h, w = arm.image.shape[:2]
        corners = np.array([[0, 0, 1], [w, 0, 1], [0, h, 1], [w, h, 1]]) @ matrix.T
        x0, y0 = np.floor(corners.min(0) / 2).astype(int) * 2
        x1, y1 = np.ceil(corners.max(0) / 2).astype(int) * 2
        x0, y0 = max(0, int(x0)), max(0, int(y0))
        x1, y1 = min(self.framing.width, int(x1)), min(self.framing.height, int(y1))
        if x1 <= x0 or y1 <= y0:
            return NOTHING
        matrix[:, 2] -= (x0, y0)
        over = cv2.warpAffine(arm.image, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
        alpha = over[..., 3]
        straight = over[..., :3].astype(np.float32) * 255 / np.maximum(alpha[..., None], 1)
        i420 = cv2.cvtColor(np.clip(straight, 0, 255).astype(np.uint8), cv2.COLOR_BGR2YUV_I420).reshape(-1)
        n = (x1 - x0) * (y1 - y0)
        half_shape = ((y1 - y0) // 2, (x1 - x0) // 2)
        half_alpha = cv2.resize(alpha, half_shape[::-1], interpolation=cv2.INTER_AREA)
        layers = (
            (self._picture.y[y0:y1, x0:x1], i420[:n].reshape(y1 - y0, x1 - x0), alpha),
            (
                self._picture.u[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2],
                i420[n : n + n // 4].reshape(half_shape),
                half_alpha,
            ),
            (
                self._picture.v[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2],
                i420[n + n // 4 :].reshape(half_shape),
                half_alpha,
            ),
        )
        for under, colour, matte in layers:
            a = matte.astype(np.float32) * (1 / 255)
            under[:] = cv2.convertScaleAbs((colour.astype(np.float32) - under) * a + under)
        if self.framing.transparent:
            plane = self._picture.y[y0:y1, self.framing.width + x0 : self.framing.width + x1]
            np.maximum(plane, video_range(alpha), out=plane)
        return Rect(x0, y0, x1 - x0, y1 - y0)


def raise_curve(phase: float) -> float:
    """0 at both ends of a gesture, 1 while it is held; smooth."""
    t = min(1.0, max(0.0, min(phase, 1 - phase) / 0.2))
    return t * t * (3 - 2 * t)


def union(a: Rect, b: Rect) -> Rect:
    if a.empty:
        return b
    if b.empty:
        return a
    x0, y0 = min(a.x, b.x), min(a.y, b.y)
    x1, y1 = max(a.x + a.width, b.x + b.width), max(a.y + a.height, b.y + b.height)
    return Rect(x0, y0, x1 - x0, y1 - y0)


def merged(rects: list[Rect]) -> list[Rect]:
    """Rectangles from top to bottom; neighbours are joined where one warp costs less than two."""
    out: list[Rect] = []
    for rect in rects:
        if out and out[-1].y + out[-1].height == rect.y:
            both = union(out[-1], rect)
            waste = both.width * both.height - out[-1].width * out[-1].height - rect.width * rect.height
            if waste < WARP_COST:
                out[-1] = both
                continue
        out.append(rect)
    return out


def intersection(a: Rect, b: Rect) -> Rect:
    x0, y0 = max(a.x, b.x), max(a.y, b.y)
    x1, y1 = min(a.x + a.width, b.x + b.width), min(a.y + a.height, b.y + b.height)
    return Rect(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else Rect(0, 0, 0, 0)


def covered(rect: Rect, parts: list[Rect]) -> bool:
    """Whether parts that lie one below the other cover every row of ``rect``."""
    top = rect.y
    for part in sorted(parts, key=lambda p: p.y):
        wide = part.x <= rect.x and part.x + part.width >= rect.x + rect.width
        if wide and part.y <= top < part.y + part.height:
            top = part.y + part.height
    return top >= rect.y + rect.height


def contains(outer: Rect, inner: Rect) -> bool:
    return intersection(outer, inner) == inner


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


def video_range(matte: U8) -> U8:
    """Alpha as luma: 0 to 255 becomes 16 to 235."""
    return 16 + (matte.astype(np.uint16) * 219 // 255).astype(np.uint8)
