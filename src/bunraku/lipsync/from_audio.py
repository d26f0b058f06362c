"""A mouth for audio without phonemes: level opens it, the spectrum's shape widens or rounds it.

A deliberately simple estimate from energy and formant regions, causal, with no look-ahead.
"""

from __future__ import annotations

import numpy as np

from bunraku.lipsync.visemes import INDEX, VISEMES, rest
from bunraku.media import PCM, SAMPLE_RATE, Weights

FLOOR_DB = -52.0
OPEN_DB = -22.0
BANDS = ((150, 350), (350, 700), (700, 1200), (1200, 1900), (1900, 3200), (4000, 9000))
ATTACK, RELEASE = 0.75, 0.5


class AudioMouth:
    """Feed it the audio of each tick, in order; it answers with that tick's weights."""

    def __init__(self) -> None:
        self._weights = rest()
        self._peak = OPEN_DB

    def reset(self) -> None:
        self._weights = rest()

    def weights(self, samples: PCM) -> Weights:
        """``samples`` is mono at ``SAMPLE_RATE``; any length, one tick usually."""
        target = self._target(samples)
        opening = target[0] < self._weights[0]
        pace = np.float32(ATTACK if opening else RELEASE)
        self._weights = np.asarray(self._weights + (target - self._weights) * pace, np.float32)
        return self._weights

    def _target(self, samples: PCM) -> Weights:
        if samples.size < 64:
            return rest()
        x = samples.astype(np.float32) / 32768
        level = 10 * np.log10(float(np.mean(x * x)) + 1e-10)
        self._peak = max(level, self._peak - 0.08, -38.0)  # follows a quiet or a loud speaker
        opening = (level - max(FLOOR_DB, self._peak - 30)) / 24
        opening = float(min(1.0, max(0.0, opening)))
        if opening <= 0.05:
            return rest()
        spectrum = np.abs(np.fft.rfft(x * np.hanning(x.size))) ** 2
        hertz = np.fft.rfftfreq(x.size, 1 / SAMPLE_RATE)
        bands = np.array([spectrum[(hertz >= a) & (hertz < b)].sum() for a, b in BANDS]) + 1e-9
        share = bands / bands.sum()
        hiss = float(share[5])
        out = np.zeros(len(VISEMES), np.float32)
        if hiss > 0.45:
            out[INDEX["SS"]] = opening
        else:
            # First formant: low for i, u; high for a. Second: low for u, o; high for i, e.
            height = float(share[2] + 0.6 * share[1] - 0.5 * share[0])
            front = float(share[4] + 0.5 * share[3])
            back = float(share[0] * (1 - front))
            vowels = {
                "aa": max(0.05, height),
                "E": max(0.0, 0.6 * height * front * 4),
                "ih": front * 1.4,
                "oh": max(0.0, 0.5 * share[1] * (1 - front)),
                "ou": max(0.0, back * 0.6),
            }
            total = sum(vowels.values())
            for name, value in vowels.items():
                out[INDEX[name]] = opening * value / total
        out[INDEX["sil"]] = 1 - float(out.sum())
        return out
