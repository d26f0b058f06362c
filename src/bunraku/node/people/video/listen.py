"""What the clip's sound says of the mouth: the lip net's visemes, in step with the pictures."""

from __future__ import annotations

import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.pack.mouth import SHAPES
from bunraku.node.lipsync import lipnet
from bunraku.node.lipsync.features import Features
from bunraku.node.people.photo.arrays import F32, Floats
from bunraku.node.people.video.steady import smoothed

STEP = 0.02  # s, of the net
HEAD = 2  # the one that has heard farthest
BLOCK = SAMPLE_RATE * 5  # samples given to the net at once
SHIFT = 8  # pictures by which sound may be early or late
BELIEVED = 0.35
"""Correlation of what is heard with what is seen from which the voice is the person's."""
MATRIX = np.array([SHAPES[v] for v in VISEMES], np.float32)


def heard(samples: PCM, count: int, rate: float) -> F32:
    """(count, 6): the point in mouth space that is heard at each picture (``pack.mouth.AXES``)."""
    net = lipnet.shared()
    features, state = Features(net.prior), net.begin()
    steps: list[F32] = []
    for at in range(0, samples.size, BLOCK):
        x = features.push(samples[at : at + BLOCK])
        if len(x):
            p, state = net.step(x[None], state)
            steps.append(p[0, :, HEAD])
    late = lipnet.LOOK_AHEAD[HEAD]
    points = (np.concatenate(steps) @ MATRIX)[late:] if steps else np.zeros((0, 6), np.float32)
    if not len(points):
        return np.zeros((count, 6), np.float32)
    time = np.arange(count) / rate
    at = (np.arange(len(points)) + 0.5) * STEP
    even = smoothed(points, 0.5 / rate / STEP)
    return np.stack([np.interp(time, at, a, right=0.0) for a in even.T], -1).astype(np.float32)


def agreed(told: Floats, gap: Floats) -> tuple[int, float]:
    """By how many pictures sound comes late, and how well it then goes with the gap between the lips (-1 to
    1); ``told`` and ``gap`` (n,)."""
    best = (0, -1.0)
    for shift in range(-SHIFT, SHIFT + 1):
        a = told[max(0, shift) : len(told) + min(0, shift)]
        b = gap[max(0, -shift) : len(gap) + min(0, -shift)]
        if len(a) < 50 or np.std(a) < 1e-4 or np.std(b) < 1e-6:
            continue
        fit = float(np.corrcoef(a, b)[0, 1])
        if fit > best[1] + (0.01 if shift else 0.0):
            best = (shift, fit)
    return best


def moved(told: Floats, late: int) -> F32:
    """What is heard, brought to the pictures that it belongs to."""
    index = np.clip(np.arange(len(told)) + late, 0, len(told) - 1)
    return np.asarray(told[index], np.float32)
