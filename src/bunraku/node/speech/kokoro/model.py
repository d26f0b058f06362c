"""The voice model, run: tokens to the lengths of sounds, and any stretch of them to sound.

Numbers only; nothing here knows text. Used by the helper process and by the maker.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bunraku.node.inference import open_model
from bunraku.node.speech.kokoro.alphabet import BREATHED, HISSING, SILENT

F32 = npt.NDArray[np.float32]
RATE = 24_000  # Hz
FRAME = 600  # samples
HARMONICS = 9
TEXT, PITCH, ENERGY = "/encoder/MatMul_1_output_0", "/encoder/Reshape_output_0", "/encoder/Reshape_1_output_0"
CONTEXT = 8
"""Frames decoded on either side of a stretch and thrown away: what its sound depends on."""

RIDGE = 1e-4
WHOLE = 66
"""Frames up to which a sentence is decoded in one, as the model was trained; longer ones borrow the
statistics of their voice, which fit a short sentence less well."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A sentence before it is sound. ``frames`` a token; pitch (Hz) and energy two a frame."""

    frames: npt.NDArray[np.int64]
    text: F32
    pitch: F32
    energy: F32
    style: F32
    shares: F32
    """Shares of the frames that are pauses, hissing sounds, and other sounds without voice: (3,)."""

    @property
    def length(self) -> int:
        """Frames of the sentence."""
        return int(self.text.shape[-1])


@dataclass(frozen=True, slots=True)
class Usual:
    """What the decoder's normalisations measure in sentences of a voice, by the shares of their sounds:
    (4, channels) coefficients of mean and mean square, and the least variance seen.

    Both are averages over frames, so the kinds of frames add up. Without the hissing ones, a stretch
    of a sentence with many would hiss twice as loud.
    """

    mean: F32
    square: F32
    least: F32

    @classmethod
    def fit(cls, shares: F32, mean: F32, variance: F32) -> Usual:
        """Ridge regression: ``shares`` (sentences, 3), ``mean`` and ``variance`` (sentences, channels)."""
        centre = shares.mean(0)
        known = np.concatenate([np.ones((len(shares), 1)), shares - centre], 1)
        ridge = np.diag([0.0] + [RIDGE] * shares.shape[1])
        solve = np.linalg.solve(known.T @ known + ridge, known.T)

        def coefficients(wanted: F32) -> F32:
            found = solve @ wanted
            found[0] -= centre @ found[1:]
            return found.astype(np.float32)

        least = (variance.min(0) / 2).astype(np.float32)
        return cls(coefficients(mean), coefficients(variance + mean**2), least)

    def at(self, shares: F32) -> tuple[F32, F32]:
        """Means and variances, each (1, channels, 1)."""
        known = np.concatenate([np.ones(1, np.float32), shares])
        mean = known @ self.mean
        variance = np.maximum(known @ self.square - mean**2, self.least)
        return mean.reshape(1, -1, 1), variance.reshape(1, -1, 1)

    def save(self, path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, np.concatenate([self.mean, self.square, self.least[None]]))

    @classmethod
    def load(cls, path: Path) -> Usual:
        rows = np.load(path)
        return cls(rows[:4], rows[4:8], rows[8])


def load_style(path: Path) -> F32:
    """A voice's styles (510, 1, 256), one for each number of tokens."""
    return np.fromfile(path, "<f4").astype(np.float32).reshape(-1, 1, 256)


class ProsodyNet:
    """The front half: how a sentence is said."""

    def __init__(self, model: Path | bytes) -> None:
        self._session: Any = open_model(model)

    def plan(self, tokens: list[int], style: F32, speed: float) -> Plan:
        """``tokens`` without pads, ``style`` as of ``load_style``."""
        row = style[min(len(tokens), len(style) - 1)]
        padded = [0, *tokens, 0]
        feed: dict[str, Any] = {
            "tokens": np.array([padded], np.int64),
            "style": row,
            "speed": np.array([speed], np.float32),
        }
        frames, text, pitch, energy = self._session.run(None, feed)
        kinds = [[t in kind for t in padded] for kind in (SILENT, HISSING, BREATHED)]
        shares = (np.array(kinds) @ frames / max(1, int(frames.sum()))).astype(np.float32)
        return Plan(frames, text, pitch, energy, row, shares)


class Decoder:
    """The back half: a plan, or a stretch of it, to sound."""

    def __init__(self, model: Path | bytes, channels: int) -> None:
        self._session: Any = open_model(model)
        self._none = np.zeros((1, channels, 1), np.float32)

    def sound(self, plan: Plan, usual: Usual | None, first: int, last: int) -> F32:
        """Sound of the frames from ``first`` to before ``last``, floats of about one.

        ``usual`` None takes the stretch for a whole sentence, whose statistics are its own.
        """
        a, b = max(0, first - CONTEXT), min(plan.length, last + CONTEXT)
        mean, variance = (self._none, self._none) if usual is None else usual.at(plan.shares)
        cycles = float(plan.pitch[0, : 2 * a].astype(np.float64).sum()) / RATE
        phase = np.mod(np.arange(1, HARMONICS + 1) * cycles, 1.0).astype(np.float32)
        feed: dict[str, Any] = {
            TEXT: plan.text[..., a:b],
            PITCH: plan.pitch[:, 2 * a : 2 * b],
            ENERGY: plan.energy[:, 2 * a : 2 * b],
            "style": plan.style,
            "means": mean,
            "variances": variance,
            "own": np.array([1.0 if usual is None else 0.0], np.float32),
            "phase": phase.reshape(1, 1, -1),
        }
        sound = self._session.run(None, feed)[0].reshape(-1)
        return sound[(first - a) * FRAME : (last - a) * FRAME]
