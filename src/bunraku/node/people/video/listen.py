"""What the clip's sound says of the mouth: the lip net's visemes, co-articulated as those of a voice are.

What is asked of a digital human comes from ``lipsync.coarticulation``; what was filmed must be told in the
same words. So each viseme that is heard pulls at the pictures around it with its dominance, by how sure the
net is, and a closure is shown in the picture that holds its middle.
"""

from __future__ import annotations

import math

import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.pack.mouth import SHAPES
from bunraku.node.lipsync import lipnet
from bunraku.node.lipsync.coarticulation import CLOSED, DOMINANCE, REACH, STEEPNESS
from bunraku.node.lipsync.features import Features
from bunraku.node.lipsync.from_audio import SHUT, SURE
from bunraku.node.lipsync.visemes import CLOSURES
from bunraku.node.people.photo.arrays import F32, F64, Floats
from bunraku.node.people.video.loop import runs

STEP = 0.02  # s, of the net
HEAD = 2  # the one that has heard farthest
BLOCK = SAMPLE_RATE * 5  # samples given to the net at once
FINE = 2
"""Times a picture at which what is heard is known: sound and picture are rarely a whole picture apart."""

SHIFT = 8  # pictures by which sound may be early or late
BELIEVED = 0.35
"""Correlation of what is heard with what is seen from which the voice is the person's."""
MATRIX = np.array([SHAPES[v] for v in VISEMES], np.float32)


def heard(samples: PCM, count: int, rate: float) -> F32:
    """(FINE * count, 6): the point in mouth space (``pack.mouth.AXES``) that is heard at the middle of each
    picture, and between."""
    p = _visemes(samples)
    if not len(p):
        return np.zeros((FINE * count, 6), np.float32)
    times = (np.arange(FINE * count) / FINE + 0.5) / rate
    return np.asarray(pulled(p, times, 0.5 / rate) @ MATRIX, np.float32)


def _visemes(samples: PCM) -> F32:
    """(steps, visemes): probabilities, each step's at its middle."""
    net = lipnet.shared()
    features, state = Features(net.prior), net.begin()
    late = lipnet.LOOK_AHEAD[HEAD]
    whole = np.concatenate([samples, np.zeros((late + 1) * round(STEP * SAMPLE_RATE), samples.dtype)])
    steps: list[F32] = []
    for at in range(0, whole.size, BLOCK):
        x = features.push(whole[at : at + BLOCK])
        if len(x):
            p, state = net.step(x[None], state)
            steps.append(p[0, :, HEAD])
    return np.concatenate(steps)[late:] if steps else np.zeros((0, len(VISEMES)), np.float32)


def pulled(p: Floats, times: Floats, half: float) -> F64:
    """(n, visemes): weights of pictures in whose middle it is ``times`` (n,) and which last twice ``half``
    seconds, of the probabilities ``p`` (steps, visemes)."""
    sure = np.asarray(p, np.float64) ** SURE
    sure /= sure.sum(1, keepdims=True)
    total = np.stack([_dominance(sure[:, v], *DOMINANCE[name]) for v, name in enumerate(VISEMES)], -1)
    total /= total.sum(1, keepdims=True)
    middles = (np.arange(len(p)) + 0.5) * STEP
    out = np.stack([np.interp(times, middles, row, right=0.0) for row in total.T], -1)
    for closure in CLOSURES:
        for a, b in runs(p[:, closure] > SHUT):
            near = np.flatnonzero(np.abs(times - (a + b) / 2 * STEP) <= half)
            out[near] *= ((1 - CLOSED) / np.maximum(1 - out[near, closure], 1e-6))[:, None]
            out[near, closure] = CLOSED
    return out


def _dominance(sure: F64, strength: float, rise: float, decay: float) -> F64:
    """How strongly one viseme pulls at each step, as ``VisemeTrack`` has it of segments: by the nearest and
    surest of it."""
    n, out = len(sure), strength * sure
    for k in range(1, min(n, round(REACH / STEP))):
        away = k * STEP - STEP / 2
        ahead = strength * math.exp(-STEEPNESS * away / rise)
        behind = strength * math.exp(-STEEPNESS * away / decay)
        np.maximum(out[:-k], ahead * sure[k:], out=out[:-k])
        np.maximum(out[k:], behind * sure[:-k], out=out[k:])
    return out


def agreed(told: Floats, gap: Floats) -> tuple[int, float]:
    """By how many ``FINE`` parts of a picture sound comes late, and how well it then goes with the gap
    between the lips (-1 to 1); ``told`` (FINE * n,) and ``gap`` (n,)."""
    best = (0, -1.0)
    for shift in sorted(range(-SHIFT * FINE, SHIFT * FINE + 1), key=abs):
        a, known = _shifted(np.asarray(told), shift)
        b = np.asarray(gap)[known]
        if known.sum() < 50 or np.std(a) < 1e-4 or np.std(b) < 1e-6:
            continue
        fit = float(np.corrcoef(a, b)[0, 1])
        if fit > best[1] + (0.01 if not best[0] else 0.0):
            best = (shift, fit)
    return best


def moved(told: Floats, late: int) -> F32:
    """What is heard, brought to the pictures that it belongs to: (n, 6) of (FINE * n, 6)."""
    index = np.clip(np.arange(0, len(told), FINE) + late, 0, len(told) - 1)
    return np.asarray(told[index], np.float32)


def _shifted(told: Floats, shift: int) -> tuple[Floats, np.ndarray]:
    index = np.arange(0, len(told), FINE) + shift
    known = (index >= 0) & (index < len(told))
    return told[index[known]], known
