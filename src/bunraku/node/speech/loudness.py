"""One loudness for all voices: no offset, no clipping, no click where speech begins and ends.

Loudness is that of ITU-R BS.1770 (EBU R 128), as FFmpeg's ``ebur128`` measures it.
"""

from __future__ import annotations

import asyncio

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
A_SENTENCE = 0.3  # s from which it is guessed, where nothing better is known
LEAST, MOST = 0.25, 8.0
"""Gains that a measured loudness may ask for."""
HEARD = 12.0  # s of a voice that its gain is found from
CLOSE = 0.2  # LU


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
    """Gains of voices that were not measured beforehand, found from what they say."""

    def __init__(self) -> None:
        self._gains: dict[tuple[int, str], float] = {}
        self._heard: dict[tuple[int, str], PCM] = {}

    def of(self, voice: tuple[int, str]) -> float | None:
        """``voice``: the app whose own it is, 0 for everybody's, and its timbre. None while it is unknown."""
        return self._gains.get(voice)

    def settled(self, voice: tuple[int, str]) -> bool:
        """Whether enough was heard of it: its gain stays, as texts differ by more than voices drift."""
        return voice in self._gains and voice not in self._heard

    async def hear(self, voice: tuple[int, str], sound: PCM) -> None:
        """One more text of an unsettled voice, before any gain."""
        if self.settled(voice):
            return
        every = self._heard[voice] = np.concatenate([self._heard.get(voice, sound[:0]), sound])
        gain = await asyncio.to_thread(fitting, every)
        if gain is not None:
            self._gains[voice] = gain
            if every.size >= HEARD * SAMPLE_RATE:
                self._heard.pop(voice, None)


class Guess:
    """The gain of a voice that nobody has heard yet, from its first words."""

    def __init__(self) -> None:
        self._parts: list[PCM] = []
        self._size, self._next = 0, A_SENTENCE * SAMPLE_RATE

    async def hear(self, sound: PCM) -> float | None:
        """A gain when there is a better one than before: from a first sentence that comes in one piece, then
        from ever more of it."""
        self._parts.append(sound)
        self._size += sound.size
        first = len(self._parts) == 1
        if self._size < (self._next if first else max(self._next, 2 * A_SENTENCE * SAMPLE_RATE)):
            return None
        self._next = 2 * self._size
        return await asyncio.to_thread(fitting, np.concatenate(self._parts), A_SENTENCE)


def fitting(sound: PCM, least: float = ENOUGH) -> float | None:
    """The gain that brings ``sound`` to ``TARGET``, what the limiter takes away included; None where it is
    shorter than ``least`` seconds, or silent. Takes some 50 ms: not for the event loop."""
    if sound.size < least * SAMPLE_RATE:
        return None
    sound = np.tile(sound[: int(HEARD * SAMPLE_RATE)], -(-int(ENOUGH * SAMPLE_RATE) // sound.size))
    gain = 1.0
    for _ in range(6):
        finish, meter = Finish(gain), LoudnessMeter()
        meter.push(finish.push(sound))
        meter.push(finish.flush())
        found = meter.finish()
        if found is None:
            return None
        before, gain = gain, float(np.clip(gain * 10 ** ((TARGET - found) / 20), LEAST, MOST))
        if abs(found - TARGET) < CLOSE or gain == before:
            break
    return gain


class Finish:
    """The last hand on one speech, in order: offset, ``gain``, limit, fades. As many samples come out
    as go in, the last of them with ``flush``."""

    def __init__(self, gain: float) -> None:
        self.gain = self._gain = gain
        """May be changed: it is reached within the next samples that are pushed."""
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
        since = self._gain if self._heard else self.gain
        gain = np.linspace(since / 32768, self.gain / 32768, x.size, dtype=np.float32)
        self._gain = self.gain
        x = ((x - np.linspace(before, self._offset, x.size, dtype=np.float32)) * gain).astype(np.float32)
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
