"""The compositor: one live figure made of shared plates.

Each frame picks the nearest head pose, replaces mouth and eyes by sprites, and warps the
whole picture by a sum of displacement bases (head turn between poses, roll, sway, breath,
brows). Only what changed is composed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bunraku.core.framing import Framing
from bunraku.core.media import Picture, Pose, Rect
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.pack.canvas import Canvas
from bunraku.node.avatars.pack.chooser import Chooser
from bunraku.node.avatars.pack.developer import Developer
from bunraku.node.avatars.pack.geometry import NOTHING, covered, intersection, merged, union
from bunraku.node.avatars.pack.limbs import lay
from bunraku.node.avatars.pack.manifest import KIND, Manifest
from bunraku.node.avatars.pack.plates import F32, NODE, Decoded, Plate
from bunraku.node.avatars.pack.tracer import MomentTracer
from bunraku.node.avatars.pack.warp import Warp, farthest

NECK_STILL = 0.5  # px: it breathes and sways, slowly, and is not warped anew for less
CHROMA_STILL = 0.75  # px of luma: colour is coarse, and follows in steps below half its own px


class PackFigure:
    """An ``Avatar`` (see ``avatars.base``) over plates of one size."""

    latency = 0
    """A picture shows the very moment it is drawn of."""

    def __init__(self, manifest: Manifest, art: Decoded, framing: Framing, tracer: MomentTracer) -> None:
        self.framing = framing
        self._tracer = tracer
        self.plates, self._limbs = art
        self._gestures = manifest.gestures
        self._picture = Picture(framing.stream_width, framing.height)
        self._chooser = Chooser(manifest)
        self._developer = Developer(framing, self._picture)
        rows, columns = self.plates[0].bases.shape[1:3]
        self.warp = Warp(rows, columns, manifest.bases)
        self._limb_rect = NOTHING
        """What raised arms cover in the picture."""

    @property
    def canvas(self) -> Canvas:
        """What the picture is developed from."""
        return self._developer.canvas

    @property
    def picture(self) -> Picture:
        return self._picture

    @property
    def gestures(self) -> Mapping[str, float]:
        return self._gestures

    @property
    def kind(self) -> str:
        return KIND

    @property
    def art(self) -> str:
        return self._tracer.art

    def besides(self) -> Mapping[str, Any]:
        return {}

    def trace(self, moments: Sequence[Moment]) -> bytes | None:
        return self._tracer.trace(moments)

    def foretold(self, moment: Moment) -> bool:
        return self._tracer.foretold(moment)

    def render(self, moment: Moment) -> Rect:
        mouth, pose = moment.weights, moment.pose
        shown = self.canvas.plate
        choice = self._chooser.choose(mouth, pose)
        plate, sprite, eyes = self.plates[choice.plate], choice.mouth, choice.eyes
        if shown is not None and plate is not shown:
            self._developer.begin_dissolve()
        canvas = self.canvas
        patched = canvas.show(plate, sprite, eyes)
        nodes = self.warp.nodes(plate, self.warp.pushes(plate, pose))
        if shown is None or self._developer.changing:
            canvas.nodes, canvas.chroma_nodes = nodes, nodes.copy()
            self._follow_neck(pose)
            self._follow(sprite, eyes, pose)
            dirty = self._develop_all(plate, whole=shown is None)
        else:
            dirty = self._develop_bands(plate, nodes, [*patched, self._limb_rect], pose)
        self._developer.drawn()
        return self._reported(union(dirty, self._raise_limbs(pose)))

    def _follow(self, sprite: int, eyes: int, pose: Pose) -> None:
        """While the former pose is still seen it moves as the new one does."""
        old = self._developer.old
        if self._developer.dissolving and old.plate is not None:
            old.show(old.plate, sprite, eyes)
            old.nodes = self.warp.nodes(old.plate, self.warp.pushes(old.plate, pose))

    def _follow_neck(self, pose: Pose) -> None:
        neck, plate = self.canvas.neck, self.canvas.plate
        if neck is None or plate is None:
            return
        neck.reach = self._whole_reach()
        pushes = self.warp.pushes(plate, pose, turned=False)
        if not neck.nodes.size or float(np.abs(pushes - neck.pushes) @ neck.spans) > NECK_STILL:
            neck.pushes, neck.nodes, neck.warped = pushes, self.warp.nodes(plate, pushes), None

    def _raise_limbs(self, pose: Pose) -> Rect:
        self._limb_rect = NOTHING
        for limb in self._limbs:
            if limb.gesture == pose.gesture:
                self._limb_rect = union(self._limb_rect, lay(limb, self._picture, self.framing, pose))
        return self._limb_rect

    def _reported(self, dirty: Rect) -> Rect:
        if self.framing.transparent and not dirty.empty:  # colour and alpha lie side by side
            return Rect(0, dirty.y, self.framing.stream_width, dirty.height)
        return dirty

    def _develop_all(self, plate: Plate, *, whole: bool) -> Rect:
        """Warp everything that can move, or the whole picture, and where an arm was."""
        if whole:
            rects = [Rect(0, 0, self.framing.width, self.framing.height)]
        else:
            rects = [*merged([b.rect for b in plate.bands]), self._limb_rect]
        dirty = NOTHING
        for rect in rects:
            self._developer.develop(rect)
            dirty = union(dirty, rect)
        return dirty

    def _develop_bands(self, plate: Plate, nodes: F32, patched: list[Rect], pose: Pose) -> Rect:
        """Warp the bands that moved, and what lies in the others of the patched rectangles."""
        moved, recoloured = self._take_in(plate, nodes)
        if moved:
            self._follow_neck(pose)
        developed, coloured = merged(moved), merged(recoloured)
        for rect in developed:
            self._developer.luma(rect)
        for rect in coloured:
            self._developer.chroma(rect)
        touched = self._around(patched)
        if not touched.empty:
            fresh = self._left_of(touched, plate, moved)
            for rect in fresh:
                self._developer.luma(rect)
            plain = self._left_of(touched, plate, recoloured)
            for rect in plain:
                self._developer.chroma(rect)
            developed, coloured = developed + fresh, coloured + plain
            for rect in (r for r in patched if not r.empty):
                # Contained in one of them: the box around all covers more than was drawn.
                if not covered(rect, developed) or not covered(rect, coloured):
                    self._developer.develop(rect)
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
        canvas = self.canvas
        shown, tinted = canvas.nodes, canvas.chroma_nodes
        lag = CHROMA_STILL if self._developer.colour_may_lag else 0.0
        far, far_chroma = farthest(nodes, shown), farthest(nodes, tinted)
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

    def _whole_reach(self) -> int:
        """Past what anything is moved, even px."""
        return (math.ceil(self.warp.reach(self.canvas.nodes)) + 3) // 2 * 2

    def _around(self, rects: list[Rect]) -> Rect:
        """What sprites may touch after the warp."""
        out = NOTHING
        for rect in rects:
            out = union(out, rect)
        if out.empty:
            return NOTHING
        reach = self._whole_reach()
        x0, y0 = max(0, out.x - reach), max(0, out.y - reach)
        x1 = min(self.framing.width, out.x + out.width + reach)
        y1 = min(self.framing.height, out.y + out.height + reach)
        return Rect(x0, y0, x1 - x0, y1 - y0)
