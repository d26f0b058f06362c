"""What the mouth does in each picture, as a point in mouth space (``avatars.pack.mouth``): seen from the
lips' points on the head at rest, and heard where the voice is the person's.

Pure arithmetic. ``n`` pictures; points have the size of the clip's pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bunraku.node.people.photo.arrays import F32, F64, U8, Floats, smooth
from bunraku.node.people.video.steady import smoothed

GAPS = ((13, 14), (82, 87), (312, 317))
THICK = ((0, 13), (37, 82), (267, 312)), ((14, 17), (87, 84), (317, 314))
FULL = 0.6  # "open" of a mouth that is opened as far as the person does, where no sound tells
FLAT = 0.02  # of the mouth's width: lips that never part by more do not speak
ENOUGH = 100  # pictures of speech from which what is seen can be fitted to what is heard
STIFF = 3.0  # of the fit, pictures
SIGHTS = 60  # principal components of how the mouth looks that are fitted
EACH = 8  # pictures of speech that one of them needs
ENOUGH_LOOKS = 1200  # pictures of speech of which they are found
SEEN = np.array([0.7, 0.7, 0.0, 0.0, 0.5, 0.5], np.float32)
"""Share of what is seen in each axis; the rest is what is heard."""
WIDEST, NARROWEST = 0.08, 0.12
"""Least changes of the mouth's width, of its own, that count as drawn apart and as a pucker."""
OPEN, WIDE, PRESS, TUCK, TEETH, TONGUE = range(6)


@dataclass
class Uttered:
    """``at`` (n, 6): points in mouth space; ``still`` (n,): lips closed, nothing said; ``talks`` (n,): the
    lips speak; ``gap`` (n,): between the lips beyond the closed mouth's, in widths of the mouth."""

    at: F32
    still: np.ndarray
    talks: np.ndarray
    gap: F64
    width: float


def width_of(points: Floats) -> F64:
    return np.asarray(np.linalg.norm(points[..., 291, :2] - points[..., 61, :2], axis=-1), np.float64)


def gap_of(points: Floats) -> F64:
    """Between the lips, in the points' px."""
    y = points[..., 1]
    return np.asarray(np.mean([y[..., low] - y[..., up] for up, low in GAPS], axis=0), np.float64)


def _thick(points: Floats) -> F64:
    """(n, 2): upper and lower lip."""
    y = points[..., 1]
    return np.stack([np.mean([y[..., b] - y[..., a] for a, b in pairs], axis=0) for pairs in THICK], -1)


def spoken(points: Floats, teeth: Floats, mouths: U8, told: Floats | None) -> Uttered:
    """``points`` (n, 468, 3) of the head at rest, ``teeth`` (n,) and ``mouths`` as ``follow.Seen``; ``told``
    (n, 6) what is heard, when it is the person who speaks."""
    wide, gaps, thick = (smoothed(f(points), 0.7) for f in (width_of, gap_of, _thick))
    low = np.sort(gaps)[: max(5, len(gaps) // 10)]
    closed_gap = float(np.median(low))
    width = float(np.median(wide[gaps <= np.percentile(gaps, 25)]))
    gap = np.maximum(gaps - closed_gap, 0) / width
    noise = float(np.median(np.abs(np.diff(gap, 2)))) if len(gap) > 3 else 0.0
    closed_at = max(0.012, 5 * noise)
    closed = gap < closed_at
    motion = _motion(gap, wide / width)
    talks = _share((gap > 1.5 * closed_at) | (motion > 0.012), 4.0) > 0.25
    if told is not None:
        talks &= _share(told[:, OPEN] > 0.05, 5.0) > 0.1
        quiet = _share(told[:, OPEN] > 0.06, 2.0) < 0.2
    else:
        quiet = np.ones(len(gap), bool)
    still = closed & (smoothed(motion, 2.0) < 0.008) & quiet
    at = _axes(gap, closed_at, wide / width - 1, thick, still, talks, teeth, mouths, told)
    return Uttered(at, still, talks, gap, width)


def _share(mask: np.ndarray, sigma: float) -> F64:
    """Of the pictures around each."""
    return smoothed(mask.astype(np.float64), sigma)


def _motion(gap: F64, wide: F64) -> F64:
    """How much the lips move from picture to picture, in widths of the mouth."""
    return np.hypot(np.gradient(gap), np.gradient(wide))


def _learned(mouths: U8, told: Floats, talks: np.ndarray) -> F32:
    """(n, 6): how mouths look in the words of mouth space, by ridge regression on what is heard in the
    pictures of speech. One picture's sound is uncertain; of hundreds it tells what this person's lips, teeth
    and chin mean. Each axis is then stretched to what is heard on it as a whole: a fit keeps to the
    middle."""
    looks = _sights(mouths, talks)
    spread = looks[talks].std(0) + 1e-9
    x = looks[talks] / spread
    heard = told[talks].mean(0)
    weights = np.linalg.solve(x.T @ x + STIFF * np.eye(x.shape[1]), x.T @ (told[talks] - heard))
    at = looks / spread @ weights + heard
    for axis in range(at.shape[1]):
        at[:, axis] = np.interp(at[:, axis], np.sort(at[talks, axis]), np.sort(told[talks, axis]))
    return np.clip(at, [0, -1, 0, 0, 0, 0], 1).astype(np.float32)


def _sights(mouths: U8, talks: np.ndarray) -> F32:
    """(n, k): principal components of how the mouth looks in speech, the mean taken off."""
    flat = mouths.reshape(len(mouths), -1)
    some = flat[np.flatnonzero(talks)[:: 1 + int(talks.sum()) // ENOUGH_LOOKS]].astype(np.float32)
    mean = some.mean(0)
    some -= mean
    k = min(SIGHTS, int(talks.sum()) // EACH)
    # Of fewer pictures than a picture has values: by how the pictures go with each other.
    vectors = some.T @ np.linalg.eigh(some @ some.T)[1][:, ::-1][:, :k]
    vectors /= np.linalg.norm(vectors, axis=0) + 1e-9
    return np.concatenate(
        [(part.astype(np.float32) - mean) @ vectors for part in np.array_split(flat, 1 + len(flat) // 500)]
    )


def _axes(
    gap: F64,
    closed_at: float,
    wider: F64,
    thick: F64,
    still: np.ndarray,
    talks: np.ndarray,
    teeth: Floats,
    mouths: U8,
    told: Floats | None,
) -> F32:
    if told is not None and talks.sum() > ENOUGH:
        at = _learned(mouths, told, talks)
        at[still & ~talks] = 0.0
        return at
    at = np.zeros((len(gap), 6), np.float32)
    shut = np.asarray(smooth(2.0 * closed_at, 0.8 * closed_at, gap), np.float64)
    top = float(np.percentile(gap[talks], 95)) if talks.sum() > 25 else 0.0
    if top > FLAT:
        full = FULL
        if told is not None:
            full = float(np.clip(np.percentile(told[talks, OPEN], 95), 0.45, 0.8))
        opened = np.clip(full * gap / top, 0, 1)
    else:  # too little is said to know the person's own way: by the size of the mouth (photo.mouth)
        opened = np.clip(gap / 0.37, 0, 1)
    # How wide the mouth is: an opened one is a little narrower by itself.
    wider = wider + 0.1 * opened
    base = float(np.median(wider[still])) if still.any() else 0.0
    wider = wider - base
    apart = max(WIDEST, float(np.percentile(wider[talks], 96))) if talks.any() else WIDEST
    narrow = max(NARROWEST, -float(np.percentile(wider[talks], 4))) if talks.any() else NARROWEST
    wide = np.where(wider > 0, 0.7 * wider / apart, wider / narrow)
    at[:, OPEN], at[:, WIDE] = opened * (1 - shut), np.clip(wide, -1, 1)
    rest = np.median(thick[still], 0) if still.any() else np.median(thick, 0)
    thin = np.clip((0.85 - thick / np.maximum(rest, 1e-3)) / 0.4, 0, 1)
    pressed = shut * thin.mean(1)
    bright = np.clip(teeth / 0.5, 0, 1) * np.asarray(smooth(0.0, closed_at, gap - closed_at), np.float64)
    at[:, PRESS], at[:, TEETH] = pressed, bright
    if told is not None:
        at = np.asarray(told + SEEN * (at - told), np.float32)
        at[:, OPEN] *= 1 - shut
        at[:, PRESS] = shut * np.maximum(pressed, told[:, PRESS])
        at[:, TUCK] *= at[:, OPEN] < 0.35
        at[:, TONGUE] *= 1 - shut
    at[still & ~talks] = 0.0
    return at
