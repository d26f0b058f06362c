"""One live figure of footage: frames as they were filmed, and while it speaks a mouth laid into them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bunraku.core.framing import Framing
from bunraku.core.media import TICK_US, Picture, Rect, Weights
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.loop.footage import Footage
from bunraku.node.avatars.loop.jaw import Jaw
from bunraku.node.avatars.loop.manifest import LoopManifest
from bunraku.node.avatars.loop.measures import FrameMeasures, MouthMeasures
from bunraku.node.avatars.loop.mouths import PathSearch
from bunraku.node.avatars.loop.patches import Painter, Patches
from bunraku.node.avatars.loop.proxy import Planes
from bunraku.node.avatars.loop.view import Crop
from bunraku.node.avatars.pack.mouth import AXES, SHAPES, stepped

F32 = npt.NDArray[np.float32]

AHEAD = 2
"""Pictures that the path search looks ahead, which is what the figure lags by."""

FADE = 3  # pictures from footage to patch and back
HELD = 5  # pictures for which the patch stays after a sound: words are nearer to each other than that
SPOKEN = 0.1  # share of the weights beyond silence from which on a mouth speaks
SKIPPED = 8  # ticks that may be missing before the mouth begins anew
OPAQUE = 235  # of alpha as luma, limited range

MATRIX = np.array([SHAPES[v] for v in VISEMES], np.float32)
SILENT = VISEMES.index("sil")
OPEN, PRESS, TUCK = (AXES.index(name) for name in ("open", "press", "tuck"))
NO_GESTURES: Mapping[str, float] = MappingProxyType({})


class MouthTick(NamedTuple):
    """A tick's point in mouth space, and whether anything is said in it."""

    point: F32
    spoken: bool


QUIET = MouthTick(np.zeros(MATRIX.shape[1], np.float32), False)


class LoopFigure:
    """An ``Avatar`` (see ``avatars.base``) of footage that is cropped to one size."""

    latency = AHEAD

    def __init__(
        self,
        manifest: LoopManifest,
        frames: FrameMeasures,
        mouths: MouthMeasures,
        patches: Patches,
        search: PathSearch,
        footage: Footage,
        crop: Crop,
        framing: Framing,
    ) -> None:
        self.framing = framing
        self._manifest, self._frames, self._crop = manifest, frames, crop
        self._search, self._footage = search, footage
        self._painter = Painter(patches, framing.width, framing.height)
        self._fall = mouths.fall
        self._jaw = Jaw(mouths.jaw, framing.width, framing.height) if mouths.jaw else None
        self._picture = Picture(framing.stream_width, framing.height)
        w, p = framing.width, self._picture
        self._colour = Planes(p.y[:, :w], p.u[:, : w // 2], p.v[:, : w // 2])
        if framing.transparent:  # what was filmed is there, everywhere
            p.y[:, w:] = OPAQUE
        self._heard: deque[MouthTick] = deque([QUIET] * (HELD + AHEAD + 1), HELD + AHEAD + 1)
        """Up to the tick at hand; the picture shows the one ``AHEAD`` before."""
        self._tick: int | None = None
        self._share = 0
        """Of the patch that is seen, of ``FADE``."""

    @property
    def picture(self) -> Picture:
        return self._picture

    @property
    def gestures(self) -> Mapping[str, float]:
        return NO_GESTURES

    def render(self, moment: Moment) -> Rect:
        tick = moment.time_us // TICK_US
        self._hear(tick, moment.weights)
        frame = self._footage.at(tick)
        for mine, seen in zip(self._colour, frame, strict=True):
            mine[:] = seen
        self._fade()
        if self._share:
            self._speak(tick, frame)
        else:
            self._search.rest()
        return Rect(0, 0, self._picture.width, self._picture.height)

    def _hear(self, tick: int, weights: Weights) -> None:
        """Take in a tick's mouth, and for ticks of which no picture was asked the same."""
        missed = 1 if self._tick is None else tick - self._tick
        self._tick = tick
        if missed > SKIPPED:
            self._heard.extend([QUIET] * len(self._heard))
            self._search.rest()
            self._share = 0
        point = weights @ MATRIX
        opened, press, tuck = (float(point[axis]) for axis in (OPEN, PRESS, TUCK))
        point[OPEN] = stepped(opened, press, tuck, float(self._heard[-1].point[OPEN]))
        heard = MouthTick(point, float(weights[SILENT]) < 1.0 - SPOKEN)
        # Asked again for the same tick it is a picture more all the same: who draws one moment again and
        # again means to see the mouth arrive there.
        self._heard.extend([heard] * (1 if missed > SKIPPED else max(1, missed)))

    def _fade(self) -> None:
        """The patch is there before a sound is, as far as the figure lags, and a little longer."""
        wanted = any(heard.spoken for heard in self._heard)
        self._share = min(FADE, self._share + 1) if wanted else max(0, self._share - 1)

    def _speak(self, tick: int, frame: Planes) -> None:
        shown = [self._manifest.frame_at(tick + k) for k in range(AHEAD + 1)]
        wanted = np.stack([heard.point for heard in list(self._heard)[-AHEAD - 1 :]])
        patch = self._search.follow(wanted, self._frames.turn[shown])
        place = self._crop.to_picture(self._frames.place[shown[0]])
        share = self._share / FADE
        if self._jaw is not None:
            self._jaw.lower(frame, self._colour, place, share * float(self._fall[patch]))
        self._painter.lay(self._colour, patch, place, self._frames.tone[shown[0]], share)
