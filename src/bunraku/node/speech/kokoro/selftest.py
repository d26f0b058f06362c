"""Whether this machine computes what the shipped model said: asked when a helper starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bunraku.node.speech.kokoro.model import F32, Decoder, Plan

MADE = "made.json"
"""Written last: what is in the folder is whole."""

TOLERANCE = 6.0  # dB: mean distance of band levels from the shipped model's; broken ones are off by 15


def bands(sound: F32) -> F32:
    """Levels in dB, (frames, 24 bands): enough to tell a right sound from a broken one."""
    size, step = 512, 256
    count = max(0, (len(sound) - size) // step + 1)
    window = np.hanning(size)
    spectra = [np.abs(np.fft.rfft(sound[i * step : i * step + size] * window)) ** 2 for i in range(count)]
    edges = np.unique(np.geomspace(3, size // 2, 25).astype(int))
    summed = np.add.reduceat(np.array(spectra).reshape(count, size // 2 + 1), edges[:-1], axis=1)
    return (10 * np.log10(summed + 1e-2)).astype(np.float32)


def distance(sound: F32, reference: F32) -> float:
    """Mean difference of band levels, dB; infinite when ``sound`` is no sound at all."""
    if sound.shape != reference.shape or not np.isfinite(sound).all():
        return float("inf")
    return float(np.abs(bands(sound) - bands(reference)).mean())


def works(decoder: Decoder, test: dict[str, Any]) -> bool:
    """The numeric self-test: whether this machine computes what the shipped model said.

    Integer convolutions may saturate on processors that add pairs of products in 16 bits.
    """
    plan = Plan(
        np.zeros(0, np.int64),
        test["text"],
        test["pitch"],
        test["energy"],
        test["style"],
        np.zeros(3, np.float32),
    )
    return distance(decoder.sound(plan, None, 0, plan.length), test["sound"]) < TOLERANCE


def load_test(folder: Path) -> dict[str, Any]:
    with np.load(folder / "test.npz") as stored:
        return dict(stored)
