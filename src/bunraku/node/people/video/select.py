"""Which of the clip's mouths are kept: all, when they are few; else runs that hold as many different ones as
possible, and the sharpest of each kind that is left.

Pure arithmetic. Runs, because a mouth that follows its own neighbours moves as the person does.
"""

from __future__ import annotations

import numpy as np

from bunraku.node.avatars.pack.mouth import COST
from bunraku.node.people.photo.arrays import F32, F64, Floats
from bunraku.node.people.video.loop import runs

MOST = 340
"""Pictures taken from the clip; what it lacks is made."""
RESTS = 8  # of them with closed lips in a pause
KINDS = 64
ENOUGH = 4  # of each kind
WINDOW, STRIDE = 16, 5  # pictures
BRIDGE = 6  # pictures of a pause that does not end a run
DEGREE = 0.035  # of a turn of the head, in mouth space
WEIGHT: F64 = np.sqrt(COST[:6]).astype(np.float64)


def spots(at: Floats, pose: Floats) -> F64:
    """(n, 8): where distance is how different two mouths look; ``at`` (n, 6), ``pose`` (n, 2) degrees."""
    return np.column_stack([at * WEIGHT, np.asarray(pose, np.float64) * DEGREE])


def kinds_of(points: Floats, count: int = KINDS, rounds: int = 12) -> np.ndarray:
    """(n,): the number of each point's kind, by k-means begun with points far from each other."""
    points = np.asarray(points, np.float64)
    count = min(count, len(points))
    if not count:
        return np.zeros(0, np.intp)
    first = int(np.linalg.norm(points - points.mean(0), axis=1).argmin())
    centres, away = [first], np.linalg.norm(points - points[first], axis=1)
    while len(centres) < count:
        centres.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(points - points[centres[-1]], axis=1))
    at = points[centres]
    kind = np.zeros(len(points), np.intp)
    for _ in range(rounds):
        kind = _distances(points, at).argmin(1)
        at = np.array([points[kind == k].mean(0) if (kind == k).any() else at[k] for k in range(count)])
    return kind


def _distances(a: F64, b: F64) -> F64:
    return (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)


def choose(
    at: Floats,
    pose: Floats,
    sharp: Floats,
    talks: np.ndarray,
    still: np.ndarray,
    usable: np.ndarray,
    most: int = MOST,
) -> np.ndarray:
    """(n,) true for the pictures whose mouths are kept; at most ``most``."""
    where = spots(at, pose)
    kept = _rests(where, sharp, still & usable)
    speaking = _bridged(talks) & usable
    room = most - int(kept.sum())
    if int((speaking & ~kept).sum()) <= room:
        return kept | speaking
    kept |= _windows(where, sharp, speaking, int(0.85 * room))
    return kept | _sharpest(where, sharp, speaking, kept, most - int(kept.sum()))


def _bridged(talks: np.ndarray) -> np.ndarray:
    out = talks.copy()
    for a, b in runs(~talks):
        if a > 0 and b < len(talks) and b - a <= BRIDGE:
            out[a:b] = True
    return out


def _rests(where: F64, sharp: Floats, still: np.ndarray) -> np.ndarray:
    out = np.zeros(len(where), bool)
    index = np.flatnonzero(still)
    kind = kinds_of(where[index], RESTS)
    for k in range(kind.max() + 1 if len(kind) else 0):
        mine = index[kind == k]
        if len(mine):
            out[mine[int(np.argmax(sharp[mine]))]] = True
    return out


def _windows(where: F64, sharp: Floats, speaking: np.ndarray, room: int) -> np.ndarray:
    """Greedily those windows whose kinds are seen too seldom so far."""
    out = np.zeros(len(where), bool)
    index = np.flatnonzero(speaking)
    kind = np.full(len(where), -1)
    kind[index] = kinds_of(where[index])
    count = int(kind.max()) + 1
    held = np.zeros(count, int)
    relative = np.clip(sharp / max(float(np.median(sharp[index])), 1e-6), 0.3, 1.3)
    starts = [a + s for a, b in runs(speaking, WINDOW) for s in range(0, b - a - WINDOW + 1, STRIDE)]

    def worth(start: int) -> float:
        new = fresh(start)
        if not len(new):
            return 0.0
        lack = np.minimum(np.bincount(kind[new], minlength=count), np.maximum(ENOUGH - held, 0))
        return float(lack.sum() * relative[new].mean()) / len(new)

    def fresh(start: int) -> np.ndarray:
        return start + np.flatnonzero(~out[start : start + WINDOW])

    while starts and int(out.sum()) + WINDOW <= room:
        best = max(starts, key=worth)
        if worth(best) <= 0.05:
            break
        new = fresh(best)
        held += np.bincount(kind[new], minlength=count)
        out[new] = True
        starts.remove(best)
    return out


def _sharpest(where: F64, sharp: Floats, speaking: np.ndarray, kept: np.ndarray, room: int) -> np.ndarray:
    """One of each kind that is not among those kept."""
    out = np.zeros(len(where), bool)
    index = np.flatnonzero(speaking)
    kind = kinds_of(where[index], 2 * KINDS)
    for k in range(int(kind.max()) + 1 if len(kind) else 0):
        mine = index[kind == k]
        if len(mine) and not kept[mine].any() and out.sum() < room:
            out[mine[int(np.argmax(sharp[mine]))]] = True
    return out


def takes(kept: np.ndarray, drawn: int = 0) -> np.ndarray:
    """(k, 2) int32: the run of each kept picture, and its place in it; then those that are drawn, run -1."""
    rows = [(run, i) for run, (a, b) in enumerate(runs(kept)) for i in range(b - a)]
    rows += [(-1, i) for i in range(drawn)]
    return np.array(rows, np.int32).reshape(-1, 2)


def lacking(at: Floats, wanted: Floats, apart: float) -> list[int]:
    """Which of ``wanted`` (m, 6) have nothing among ``at`` (k, 6) nearer than ``apart``, in mouth space."""
    if not len(at):
        return list(range(len(wanted)))
    d = _distances(np.asarray(wanted, np.float64) * WEIGHT, np.asarray(at, np.float64) * WEIGHT).min(1)
    return [i for i, far in enumerate(d.tolist()) if far > apart**2]


def rows_of(points: list[dict[str, float]], names: tuple[str, ...]) -> F32:
    return np.array([[p.get(n, 0.0) for n in names] for p in points], np.float32).reshape(-1, len(names))
