"""A bounded buffer between whoever makes speech and the tick that plays it."""

from __future__ import annotations

import asyncio
from collections import deque

import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE, Phoneme, SpeechChunk, Word

_EMPTY: PCM = np.zeros(0, np.int16)


def _joined(parts: list[PCM]) -> PCM:
    """One array; no copy where there is one already, as there mostly is."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else _EMPTY


class SpeechBuffer:
    """Filled by one producer, emptied by one performance; both on the event loop.

    Invariant: at most ``capacity`` seconds are held, except that one chunk may overshoot. The
    producer waits in ``put`` when it is full. ``clear`` drops everything at once and makes
    later ``put`` calls no-ops: that is how an interrupt flushes it.
    """

    def __init__(self, capacity: float) -> None:
        self._capacity = int(capacity * SAMPLE_RATE)
        self._chunks: deque[tuple[PCM, PCM]] = deque()
        self._held = 0
        self._taken = 0
        self._phonemes: list[Phoneme] = []
        self._words: list[Word] = []
        self._room = asyncio.Event()
        self._room.set()
        self.finished = False
        self.failure: str | None = None
        self.closed = False

    @property
    def seconds(self) -> float:
        return self._held / SAMPLE_RATE

    @property
    def position(self) -> float:
        """Seconds of speech taken so far."""
        return self._taken / SAMPLE_RATE

    @property
    def exhausted(self) -> bool:
        """Nothing is left and nothing more will come."""
        return self._held == 0 and (self.finished or self.failure is not None or self.closed)

    @property
    def has_audio(self) -> bool:
        return self._held > 0

    async def put(self, chunk: SpeechChunk) -> None:
        """Append; returns when there is room for more."""
        if self.closed:
            return
        self._phonemes.extend(chunk.phonemes)
        self._words.extend(chunk.words)
        if chunk.samples.size:
            lips = chunk.samples if chunk.lips is None else chunk.lips
            self._chunks.append((chunk.samples, lips))
            self._held += chunk.samples.size
            if self._held >= self._capacity:
                self._room.clear()
                await self._room.wait()

    def finish_with(self, tail: SpeechChunk) -> None:
        """Append without waiting, and finish: what is left when a socket has closed."""
        if not self.closed and tail.samples.size:
            lips = tail.samples if tail.lips is None else tail.lips
            self._chunks.append((tail.samples, lips))
            self._held += tail.samples.size
        self.finish()

    def finish(self) -> None:
        """No more speech will come; what is held still plays."""
        self.finished = True

    def fail(self, reason: str) -> None:
        """The producer broke; what is held still plays. ``reason`` is for the log."""
        if self.failure is None:
            self.failure = reason

    def clear(self) -> None:
        self.closed = True
        self._chunks.clear()
        self._held = 0
        self._room.set()

    def take(self, count: int) -> tuple[PCM, PCM]:
        """Up to ``count`` samples to publish, and as many for the lips."""
        sound: list[PCM] = []
        lips: list[PCM] = []
        wanted = count
        while wanted and self._chunks:
            a, b = self._chunks.popleft()
            if a.size > wanted:
                self._chunks.appendleft((a[wanted:], b[wanted:]))
                a, b = a[:wanted], b[:wanted]
            sound.append(a)
            lips.append(b)
            wanted -= a.size
        got = count - wanted
        self._held -= got
        self._taken += got
        if self._held < self._capacity:
            self._room.set()
        return _joined(sound), _joined(lips)

    def position_after(self, samples: int) -> float:
        """``position`` once so many more are taken; the very same number."""
        return (self._taken + samples) / SAMPLE_RATE

    def peek(self, count: int, skip: int = 0) -> PCM:
        """Up to ``count`` samples that ``take`` will give to publish, once ``skip`` more are taken."""
        return self._first(0, count, skip)

    def peek_lips(self, count: int) -> PCM:
        """Up to ``count`` samples for the lips that the next ``take`` will give."""
        return self._first(1, count, 0)

    def _first(self, which: int, count: int, skip: int) -> PCM:
        found: list[PCM] = []
        for chunk in self._chunks:
            size = chunk[which].size
            if skip >= size:
                skip -= size
                continue
            found.append(chunk[which][skip : skip + count])
            skip = 0
            count -= found[-1].size
            if count <= 0:
                break
        return _joined(found)

    def take_phonemes(self) -> tuple[Phoneme, ...]:
        """Phonemes that arrived since the last call."""
        out = tuple(self._phonemes)
        self._phonemes.clear()
        return out

    def take_words(self) -> tuple[Word, ...]:
        """Words that arrived since the last call."""
        out = tuple(self._words)
        self._words.clear()
        return out
