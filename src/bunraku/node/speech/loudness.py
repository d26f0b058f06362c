"""One loudness for all voices: no offset, no clipping, no click where speech begins and ends.

Loudness is that of ITU-R BS.1770 (EBU R 128), as FFmpeg's ``ebur128`` measures it.
"""

from __future__ import annotations

import av
import av.filter
import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE
from bunraku.node.speech.limiter import REACH, limited

TARGET = -16.0  # LUFS
CEILING = 0.94
BLOCK = SAMPLE_RATE // 1000
HELD = 2 * REACH * BLOCK
"""Samples held back, which the limiter must know before it lets go of those in front of them."""

FADE = SAMPLE_RATE // 200  # 5 ms
OFFSET_S = 0.5  # s in which an offset is found
ENOUGH = 2.0  # s of sound from which loudness is believed
LEAST, MOST = 0.25, 4.0
"""Gains that a measured loudness may ask for."""


class LoudnessMeter:
    """Loudness of sound so far."""

    def __init__(self) -> None:
        graph = av.filter.Graph()
        source = graph.add(
            "abuffer",
            sample_rate=str(SAMPLE_RATE),
            sample_fmt="s16",
            channel_layout="mono",
            time_base=f"1/{SAMPLE_RATE}",
        )
        graph.link_nodes(source, graph.add("ebur128", "metadata=1"), graph.add("abuffersink")).configure()
        self._graph, self._pts = graph, 0
        self._value: float | None = None

    def push(self, samples: PCM) -> None:
        if samples.size == 0:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self._pts
        self._pts += samples.size
        self._graph.push(frame)
        self._pull()

    def finish(self) -> float | None:
        """LUFS; None where there was too little sound to tell. Nothing may be pushed afterwards."""
        if self._pts:
            self._graph.push(None)
            self._pull()
        return self._value if self._pts >= ENOUGH * SAMPLE_RATE else None

    def _pull(self) -> None:
        while True:
            try:
                found = self._graph.pull().metadata.get("lavfi.r128.I")
            except (BlockingIOError, EOFError):
                return
            if found is not None and float(found) > -60:
                self._value = float(found)


class Levels:
    """Gains of voices that were not measured beforehand, learned from what they say."""

    def __init__(self) -> None:
        self._gains: dict[tuple[int, str], float] = {}

    def of(self, voice: tuple[int, str]) -> float:
        """``voice``: the app whose own it is, 0 for everybody's, and its timbre."""
        return self._gains.get(voice, 1.0)

    def learn(self, voice: tuple[int, str], loudness: float | None) -> None:
        if loudness is not None:
            self._gains[voice] = float(np.clip(10 ** ((TARGET - loudness) / 20), LEAST, MOST))


class Finish:
    """The last hand on one speech, in order: offset, ``gain``, limit, fades. As many samples come out
    as go in, the last of them with ``flush``."""

    def __init__(self, gain: float) -> None:
        self._gain = gain
        self._offset = 0.0
        self._heard = 0
        self._past = np.zeros(0, np.float32)
        self._held = np.zeros(0, np.float32)

    def push(self, samples: PCM) -> PCM:
        if samples.size == 0:
            return samples
        self._held = np.concatenate([self._held, self._levelled(samples)])
        ready = (self._held.size - HELD) // BLOCK * BLOCK
        return self._out(ready) if ready > 0 else samples[:0]

    def flush(self) -> PCM:
        size = min(FADE, self._held.size)
        out = self._out(self._held.size)
        if size:
            out[-size:] = (out[-size:] * np.linspace(1, 0, size)).astype(np.int16)
        return out

    def _levelled(self, samples: PCM) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        x = samples.astype(np.float32)
        share = min(1.0, samples.size / SAMPLE_RATE / OFFSET_S)
        before, self._offset = self._offset, self._offset + (float(x.mean()) - self._offset) * share
        x = (x - np.linspace(before, self._offset, x.size, dtype=np.float32)) * np.float32(self._gain / 32768)
        if self._heard < FADE:
            part = slice(0, FADE - self._heard)
            ramp = np.arange(self._heard, FADE, dtype=np.float32)[: x.size] / FADE
            x[part] *= ramp
        self._heard += x.size
        return x

    def _out(self, count: int) -> PCM:
        if count <= 0:
            return np.zeros(0, np.int16)
        every = np.concatenate([self._past, self._held])
        quiet = limited(every, CEILING, BLOCK)[self._past.size : self._past.size + count]
        self._held = self._held[count:]
        # A whole number of blocks, so that a block is the same one however the sound is cut.
        done = every[: every.size - self._held.size]
        self._past = done[max(0, done.size - HELD) // BLOCK * BLOCK :] if done.size > HELD else done
        return (quiet * 32767).astype(np.int16)
