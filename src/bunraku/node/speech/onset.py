"""Speech that begins when it is asked for: the silence in front of it is left out.

Engines put up to a third of a second of silence before their first sound. Listeners would wait for it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import numpy as np

from bunraku.core.media import SAMPLE_RATE, SpeechChunk

QUIET = 80  # int16: below this there is no sound yet
KEPT = SAMPLE_RATE // 200  # samples of silence that stay: the fade in, 5 ms
MOST = SAMPLE_RATE // 2  # samples: a longer silence is meant


class Onset:
    """Of one speech: its chunks in order, from the first sound on. Their times are those of what is left."""

    def __init__(self) -> None:
        self._held: SpeechChunk | None = None
        self._cut: float | None = None

    def push(self, chunk: SpeechChunk) -> SpeechChunk | None:
        """None while there is only silence."""
        if self._cut is not None:
            return later(chunk, -self._cut)
        held = chunk if self._held is None else _joined(self._held, chunk)
        loud = np.flatnonzero(np.abs(held.samples.astype(np.int32)) > QUIET)
        if loud.size == 0 and held.samples.size < MOST:
            self._held = held
            return None
        first = min(MOST, int(loud[0]) if loud.size else MOST)
        begin = max(0, first - KEPT)
        self._held, self._cut = None, begin / SAMPLE_RATE
        return later(replace(held, samples=held.samples[begin:]), -self._cut)

    def flush(self) -> SpeechChunk | None:
        """What was silent to its end."""
        held, self._held = self._held, None
        return held


async def prompt(speech: AsyncGenerator[SpeechChunk]) -> AsyncGenerator[SpeechChunk]:
    """The speech without the silence in front of it."""
    onset = Onset()
    async with aclosing(speech):
        async for chunk in speech:
            out = onset.push(chunk)
            if out is not None:
                yield out
    rest = onset.flush()
    if rest is not None:
        yield rest


def _joined(before: SpeechChunk, after: SpeechChunk) -> SpeechChunk:
    return SpeechChunk(
        np.concatenate([before.samples, after.samples]),
        before.phonemes + after.phonemes,
        before.words + after.words,
    )


def later(chunk: SpeechChunk, seconds: float) -> SpeechChunk:
    """The chunk with its times moved, none of them before the beginning."""
    if not seconds:
        return chunk
    moved = {
        "phonemes": tuple(
            replace(p, start=max(0.0, p.start + seconds), end=p.end + seconds)
            for p in chunk.phonemes
            if p.end + seconds > 0
        ),
        "words": tuple(
            replace(w, start=max(0.0, w.start + seconds), end=max(0.0, w.end + seconds)) for w in chunk.words
        ),
    }
    return replace(chunk, **moved)
