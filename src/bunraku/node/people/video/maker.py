"""From a clip to a pack of kind ``loop``: the footage as it is, and the person's own mouths to lay on it."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bunraku import __version__
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.base import MARKS, Progress, Unsuitable
from bunraku.node.people.photo.arrays import F32, F64, U8, Floats
from bunraku.node.people.photo.find import Finder, square_of
from bunraku.node.people.video import clip as clips
from bunraku.node.people.video import jaw, judge, loop, made, measure, patch, select, steady
from bunraku.node.people.video.clip import Clip
from bunraku.node.people.video.loop import FADE, Stretch
from bunraku.node.people.video.study import Study, study
from bunraku.node.people.video.write import LoopFilm, sheets

NETS = True
FORMAT = 1
VERSION = 4
"""Of this maker: counted up when the same clip makes another pack."""
UNEVEN = 0.7  # of the usual sharpness: a mouth more blurred than this is not kept
EMPTY = 12  # pictures with a mouth that says something: fewer are none


def make(source: Path, folder: Path, *, name: str, models: Path, progress: Progress) -> list[str]:
    """See ``people.base.Maker``. Takes about one and a half times the clip's length on one core."""
    cv2.setNumThreads(1)
    progress(0, "clip")
    clip = clips.read(source)
    progress(2, "face")
    finder = Finder(models)
    known = study(clip, finder, folder, lambda done, step: progress(2 + 58 * done // 100, step))
    progress(62, "loop")
    warnings = list(known.warnings)
    if clip.hdr:
        warnings.append("The clip is HDR: colours may look pale. Film with HDR switched off.")
    work = _Work(clip, known, finder)
    if work.covered:
        warnings.append(
            "The lips are never closed long enough: while silent the mouth is a still one, laid on the "
            "footage. Say nothing for some seconds at the beginning."
        )
    elif work.stretch.cost > loop.FINE:
        warnings.append("The footage begins anew visibly: sit still for some seconds, as you began.")
    progress(64, "loop")
    work.film(folder, lambda done: progress(64 + 16 * done // 100, "loop"))
    progress(80, "mouth")
    count = work.draw(lambda done, all_: progress(80 + 14 * done // max(1, all_), "mouth"))
    if count and work.spoken < made.FEW:
        warnings.append("The clip shows few mouths of speech: they are drawn. Say some sentences in it.")
    progress(95, "pack")
    work.write(folder, name)
    (folder / MARKS).unlink(missing_ok=True)
    progress(100, "pack")
    return warnings


class _Work:
    """The second look at the clip: which pictures are the loop's, which mouths are kept."""

    def __init__(self, clip: Clip, known: Study, finder: Finder) -> None:
        self._clip, self._known, self._finder = clip, known, finder
        self._at_patch = known.seat.on_patch(known.seat.anchors[:, :2])
        self._places = steady.places(known.corners, self._at_patch)
        self.stretch, self.covered = self._choose()
        self._kept = self._choose_mouths()
        self.spoken = int((self._kept & known.spoken.talks).sum())
        self._model: U8 | None = None
        self._tones: list[F32] = []
        self._corners: list[F64] = []
        self._patches: dict[int, U8] = {}
        self._jaw = jaw.field_of(known.head, known.seat)
        self._made: list[made.MadeMouth] = []

    def _choose(self) -> tuple[Stretch, bool]:
        """Raises ``Unsuitable``."""
        known = self._known
        still = known.spoken.still & known.good
        found = loop.choose(still, known.state, known.seen.small)
        if found is not None:
            return found, False
        motion = np.abs(np.gradient(known.spoken.gap)) + known.spoken.gap
        calm = loop.calmest(motion + 10.0 * ~known.good, loop.LONGEST + FADE)
        found = loop.choose(calm & known.good, known.state, known.seen.small)
        if found is None:
            raise Unsuitable("The face is never seen long enough.", judge.GOOD)
        return found, True

    def _choose_mouths(self) -> np.ndarray:
        known, spoken = self._known, self._known.spoken
        sharp = known.seen.sharp
        usable = known.good & (sharp > UNEVEN * np.median(sharp))
        yaw = known.angles[:, 0]
        usable &= np.abs(yaw - np.median(yaw)) < 20
        talks = spoken.talks & usable
        if talks.sum() < EMPTY:
            talks = np.zeros(len(usable), bool)
        return select.choose(spoken.at, known.angles[:, :2], sharp, talks, spoken.still, usable)

    # --- the footage

    def _frame(self, i: int) -> U8:
        n = self._known.first + i
        return next(bgr for _, bgr in self._clip.frames(n, n + 1))

    def film(self, folder: Path, told: Any) -> None:
        """Write the loop, and take the mouths on the way."""
        known, stretch = self._known, self.stretch
        rest = self._frame(known.rest)
        self._model = self._take(rest, known.rest)
        self._tone = patch.tone_of(self._model, known.seat.ring)
        begin = stretch.first - (FADE if stretch.fade else 0)
        kept = np.flatnonzero(self._kept)
        start = min([begin, *kept[:1].tolist()])
        end = max([stretch.last, *(kept[-1:] + 1).tolist()])
        fading = stretch.last - FADE if stretch.fade else stretch.last
        held: list[U8] = []
        with LoopFilm(folder / "loop.mp4", self._clip.width, self._clip.height) as film:
            for n, bgr in self._clip.frames(known.first + start, known.first + end):
                i = n - known.first
                if self._kept[i]:
                    light = patch.relight(self._take(bgr, i), self._model, known.seat.beside)
                    self._patches[i] = light(patch.seen_at(bgr, self._places[i], known.seat))
                if begin <= i < stretch.first:
                    held.append(bgr)
                elif stretch.first <= i < fading:
                    self._add(film, bgr, known.corners[i])
                elif fading <= i < stretch.last:
                    m = i - fading
                    w = loop.share(m)
                    corners = (1 - w) * known.corners[i] + w * known.corners[begin + m]
                    self._add(film, loop.faded(bgr, held[m], w), corners)
                told(100 * (i - start) // max(1, end - start))

    def _take(self, bgr: U8, i: int) -> U8:
        known = self._known
        return patch.taken(bgr, self._places[i], known.seat, float(known.drop[i]), float(known.lip[i]))

    def _add(self, film: LoopFilm, bgr: U8, corners: F64) -> None:
        seat, place = self._known.seat, steady.places(corners[None], self._at_patch)[0]
        here = cv2.remap(bgr, *_maps(seat, place), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        tone = patch.match(self._tone, patch.tone_of(here, seat.ring))
        if self.covered:
            assert self._model is not None
            bgr = patch.laid(bgr, self._model, place, tone, seat)
        film.add(bgr)
        self._corners.append(corners)
        self._tones.append(tone)

    # --- the mouths

    def draw(self, told: Any) -> int:
        """Those that the clip lacks; how many they are."""
        known = self._known
        index = np.flatnonzero(self._kept)
        shapes = made.wanted(known.spoken.at[index], self.spoken)
        rest = self._frame(known.rest)
        rgb = np.ascontiguousarray(rest[..., ::-1])
        face = self._finder.face(rgb, square_of(known.seen.points[known.rest]))
        place = self._places[known.rest]
        self._made = made.draw(shapes, rest, face, place, known.seat, lambda done: told(done, len(shapes)))
        return len(self._made)

    # --- the pack

    def write(self, folder: Path, name: str) -> None:
        known, seat = self._known, self._known.seat
        index = np.flatnonzero(self._kept)
        patches = [self._patches[i] for i in index.tolist()] + [m.patch for m in self._made]
        count = len(self._made)
        at = np.concatenate(
            [known.spoken.at[index], np.array([m.at for m in self._made], np.float32).reshape(-1, 6)]
        )
        own = known.angles[known.rest, :2]
        pose = np.concatenate([known.angles[index, :2], np.tile(own, (count, 1))])
        take = select.takes(self._kept, count)
        fall = np.concatenate([self._falls(known.drop[index]), self._falls([m.drop for m in self._made])])
        sheets(folder, patches, [jaw.lowered_edge(seat.alpha, self._jaw, f) for f in fall.tolist()])
        np.savez_compressed(
            folder / "mouths.npz",
            at=at.astype(np.float32),
            pose=pose.astype(np.float32),
            take=take,
            fall=fall,
            jaw=self._jaw.share,
            jaw_box=np.array(self._jaw.box, np.float32),
        )
        self._write_frames(folder)
        about = self._manifest(name)
        (folder / "manifest.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")

    def _falls(self, drops: Floats | list[float]) -> F32:
        """How far jaws are down, patch px; ``drops`` on the head at rest."""
        seat = self._known.seat
        return (np.clip(drops, 0, seat.fall) * seat.scale).astype(np.float32)

    def _write_frames(self, folder: Path) -> None:
        known, stretch = self._known, self.stretch
        rows = np.arange(stretch.first, stretch.last)
        angles = known.angles[rows].astype(np.float32)
        shut = np.zeros(len(rows)) if self.covered else known.spoken.at[rows, measure.OPEN]
        if stretch.fade:
            w = np.array([loop.share(m) for m in range(FADE)])[:, None]
            angles[-FADE:] = (1 - w) * angles[-FADE:] + w * known.angles[rows[:FADE] - FADE]
        tones = np.array(self._tones)
        np.savez_compressed(
            folder / "frames.npz",
            place=steady.places(np.array(self._corners), self._at_patch),
            shut=shut.astype(np.float32),
            yaw=angles[:, 0],
            pitch=angles[:, 1],
            roll=angles[:, 2],
            tone=steady.smoothed(tones, 2.0).astype(np.float32),
        )

    def _manifest(self, name: str) -> dict[str, Any]:
        clip, seat, stretch = self._clip, self._known.seat, self.stretch
        tall, square = views(clip.width, clip.height, self._known.seen.points[self._known.rest], seat.unit)
        return {
            "format": FORMAT,
            "kind": "loop",
            "id": str(uuid.uuid4()),
            "name": name,
            "art": {"width": clip.width, "height": clip.height},
            "frames": stretch.last - stretch.first,
            "portrait": tall,
            "square": square,
            "join": {"kind": "fade" if stretch.fade else "turn", "frames": FADE if stretch.fade else 0},
            "patch": {"width": seat.width, "height": seat.height},
            "emotion": "neutral",
            "voices": {},
            "provenance": {
                "source": "video",
                "sha256": clip.sha256,
                "made": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
                "maker": f"bunraku {__version__} video {VERSION}",
            },
        }


def _maps(seat: patch.MouthSeat, place: F32) -> tuple[F32, None]:
    own = np.stack(np.meshgrid(np.arange(seat.width), np.arange(seat.height)), -1).astype(np.float32)
    return (own @ place[:, :2].T + place[:, 2]).astype(np.float32), None


def views(width: int, height: int, head: Floats, unit: float) -> tuple[dict[str, float], dict[str, float]]:
    """The framings: portrait as tall as the footage, but with a face that can be seen, and square around
    head and shoulders."""
    x, top = float(head[[33, 263], 0].mean()), float(head[10, 1])
    crown = max(0.0, top - 0.9 * unit)
    tall = min(height, width * 16 / 9, 11.0 * unit)
    side = min(width, height, 5.2 * unit)
    x_tall = float(np.clip(x, tall * 9 / 32, width - tall * 9 / 32))
    y_tall = float(np.clip(crown - 0.3 * unit + tall / 2, tall / 2, height - tall / 2))
    x_side = float(np.clip(x, side / 2, width - side / 2))
    y_side = float(np.clip(crown + side / 2, side / 2, height - side / 2))
    return (
        {"x": x_tall, "y": y_tall, "width": tall * 9 / 16, "height": tall},
        {"x": x_side, "y": y_side, "width": side, "height": side},
    )
