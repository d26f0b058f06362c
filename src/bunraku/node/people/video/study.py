"""The first look at a clip: who is in it, how the head goes, what the mouth says. Nothing is kept of its
pictures but numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bunraku.node.people.base import MARKS, Unsuitable
from bunraku.node.people.photo.arrays import F32, F64, U8
from bunraku.node.people.photo.find import Face, Finder
from bunraku.node.people.video import clip as clips
from bunraku.node.people.video import judge, listen, measure, patch, steady
from bunraku.node.people.video.chin import drops
from bunraku.node.people.video.clip import Clip
from bunraku.node.people.video.follow import EYES, Follower, Seen
from bunraku.node.people.video.settle import settled

SEEK = 25  # pictures between two looks for a first face
LOOK = 125  # pictures between two that are judged by their light
MARK = 50  # pictures between two that are shown to whoever waits
DEEPEST = 99  # per cent of the pictures of speech whose jaw a patch holds whole
NEUTRAL = 40  # pictures that the head at rest is averaged over
EYE_SEEN, PLACE_SEEN = 0.05, 0.03
"""Of the eyes' distance: how far lids or head may be from where they were before it is seen."""


@dataclass
class Study:
    """``first``: the picture with which ``n`` numbered ones begin. ``head`` (468, 3): the points of the head
    at rest, as picture ``rest`` (counted from ``first``) has it but level; ``corners`` (n, 3, 2): where
    ``seat.anchors`` are, steadily; ``angles`` (n, 3): yaw, pitch, roll; ``state`` (n, d): of the loop's
    choice; ``good`` (n,): the face is seen; ``drop``, ``lip`` (n,): see ``patch.taken``."""

    first: int
    rest: int
    seen: Seen
    head: F64
    seat: patch.MouthSeat
    corners: F64
    angles: F64
    drop: F64
    lip: F64
    spoken: measure.Uttered
    heard: bool
    state: F64
    good: np.ndarray
    warnings: list[str]


def study(clip: Clip, finder: Finder, folder: Path, told: Callable[[int, str], None]) -> Study:
    """``told`` hears per cent of this part, and the step. Raises ``Unsuitable``."""
    first, seen, warnings = _watched(clip, finder, folder, told)
    told(94, "landmarks")
    points = seen.points
    rest, head = _rest(seen)
    own, roll = _own_angles(points[rest])
    head = _level(head, roll)
    stance = steady.stance_of(head[list(steady.RIGID)], points[:, list(steady.RIGID)])
    angles = stance.angles() + own
    warnings += judge.judge(seen, angles[:, 0], (clip.width, clip.height))
    seat = patch.seat_of(head)
    still_head = stance.back(points)
    spoken, heard = _spoken(clip, first, seen, still_head)
    if clip.sound and not heard and spoken.talks.mean() > 0.2:
        warnings.append("The voice does not go with the lips; only what is seen was used.")
    corners = steady.path(stance.to(seat.anchors)[..., :2], seen.moves)
    lids = np.mean([still_head[:, e[4], 1] - still_head[:, e[2], 1] for e in EYES], axis=0)
    state = np.column_stack(
        [
            corners.reshape(len(corners), -1) / (PLACE_SEEN * seat.unit),
            steady.smoothed(lids, 0.7)[:, None] / (EYE_SEEN * seat.unit),
        ]
    )
    chin = still_head[:, list(patch.CHIN), 1].max(1)
    base = float(np.median(chin[spoken.still])) if spoken.still.any() else seat.chin
    drop = steady.smoothed(chin - base, 1.0)
    lip = steady.smoothed(still_head[:, 17, 1], 1.0)
    smooth_angles = steady.smoothed(angles, 2.0)
    good = ~judge.astray(seen)
    talks, still = spoken.talks & good, spoken.still & good
    places = steady.places(corners, seat.on_patch(seat.anchors[:, :2]))
    found = settled(clip, first, head, seat, places, talks, still)
    drop = drops(drop, found.chins, found.down / seat.scale, found.alike)
    if spoken.talks.any():
        seat = patch.seat_of(head, float(np.percentile(drop[spoken.talks], DEEPEST)))
    return Study(
        first, rest, seen, head, seat, found.anchors, smooth_angles, drop, lip, spoken, heard, state, good,
        warnings,
    )  # fmt: skip


def _watched(
    clip: Clip, finder: Finder, folder: Path, told: Callable[[int, str], None]
) -> tuple[int, Seen, list[str]]:
    follower, lights = Follower(finder), judge.Lights()
    first, last = -1, 0
    for n, bgr in clip.frames():
        last = n + 1
        if first < 0:
            if n % SEEK:
                continue
            face = _first_face(finder, bgr)
            if face is None:
                continue
            judge.at_once(face)
            follower.begin_with(face)
            first = n
        points = follower.show(bgr)
        if (n - first) % LOOK == 0:
            lights.look(bgr, points.astype(np.float64))
        if (n - first) % MARK == 0:
            _mark(folder, clip, n, points)
            done = n / (clips.MOST * clip.rate) if not clip.length else n / (clip.length * clip.rate)
            told(min(92, int(92 * done)), "landmarks")
    if first < 0:
        raise judge.no_face()
    if last < (clips.LEAST - 0.5) * clip.rate:
        raise clips.too_short(last / clip.rate)
    if last - first < 0.8 * clips.LEAST * clip.rate:
        raise Unsuitable("The face comes too late in the clip.", judge.GOOD)
    return first, follower.seen(), lights.warnings()


def _first_face(finder: Finder, bgr: U8) -> Face | None:
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    squares = finder.squares(rgb)
    return finder.face(rgb, judge.one_face(squares)) if squares else None


def _mark(folder: Path, clip: Clip, n: int, points: F32) -> None:
    about = {
        "width": clip.width,
        "height": clip.height,
        "at": round(n / clip.rate, 2),
        "points": points[:, :2].round(1).tolist(),
    }
    (folder / MARKS).write_text(json.dumps(about))


def _own_angles(points: F32) -> tuple[F64, float]:
    """Degrees that are added to angles counted from the head at rest: its yaw; pitch is counted from there,
    roll from level. And its roll, radians."""
    across = points[454] - points[234]
    yaw = float(np.degrees(np.arctan2(across[2], np.hypot(across[0], across[1]))))
    eyes = points[263] - points[33]
    return np.array([yaw, 0.0, 0.0]), float(np.arctan2(eyes[1], eyes[0]))


def _level(head: F64, roll: float) -> F64:
    """The head with its eyes level, turned about its middle; ``roll`` in radians."""
    c, s = np.cos(roll), np.sin(roll)
    middle = head.mean(0)
    return (head - middle) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]).T + middle


def _rest(seen: Seen) -> tuple[int, F64]:
    """The picture with the calmest face (lips closed, eyes open, straight, sharp), and the head's points
    there, averaged over others like it."""
    p = seen.points.astype(np.float64)
    width = measure.width_of(p)
    gap = measure.gap_of(p) / width
    across = p[:, 454] - p[:, 234]
    yaw = np.degrees(np.arctan2(across[:, 2], np.hypot(across[:, 0], across[:, 1])))
    lids = np.mean([p[:, e[4], 1] - p[:, e[2], 1] for e in EYES], axis=0) / width
    roll = np.degrees(np.arctan2(p[:, 263, 1] - p[:, 33, 1], p[:, 263, 0] - p[:, 33, 0]))
    tall = np.linalg.norm(p[:, 152] - p[:, 10], axis=1) / width
    cost = 12 * (gap - np.percentile(gap, 5)) + np.abs(yaw - np.median(yaw)) / 8 + np.abs(yaw) / 20
    cost += (
        np.abs(roll) / 15 + np.abs(width / np.median(width) - 1) * 3 + 4 * np.abs(tall / np.median(tall) - 1)
    )
    cost += 2 * np.maximum(0, 0.85 - lids / np.percentile(lids, 80))
    cost += 0.6 * np.maximum(0, 1 - seen.sharp / np.percentile(seen.sharp, 80))
    cost[judge.astray(seen)] += 100
    order = np.argsort(steady.smoothed(cost, 1.0))
    best = int(order[0])
    like = p[order[: min(NEUTRAL, max(1, len(order) // 10))]]
    stance = steady.stance_of(p[best][list(steady.RIGID)], like[:, list(steady.RIGID)])
    return best, np.median(stance.back(like), axis=0)


def _spoken(clip: Clip, first: int, seen: Seen, head: F64) -> tuple[measure.Uttered, bool]:
    silent = measure.spoken(head, seen.teeth, seen.mouths, None)
    samples = clip.heard()
    if samples is None or not samples.size:
        return silent, False
    told = listen.heard(samples, first + len(seen), clip.rate)[listen.FINE * first :]
    late, fit = listen.agreed(told[:, measure.OPEN], silent.gap)
    if fit < listen.BELIEVED:
        return silent, False
    return measure.spoken(head, seen.teeth, seen.mouths, listen.moved(told, late)), True
