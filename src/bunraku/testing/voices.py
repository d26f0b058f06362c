"""Scripted voices: tones with known words and phonemes, with knobs for delay and failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE, Phoneme, SpeechChunk, Word
from bunraku.node.speech.base import Prosody, SpeechFailed, Timbre


def tone(hertz: float, seconds: float, level: float = 0.3) -> PCM:
    """A sine, int16 at ``SAMPLE_RATE``."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (np.sin(2 * np.pi * hertz * t) * level * 32767).astype(np.int16)


class ToneVoices:
    """A ``SpeechProvider``: each word is ``word_seconds`` of a tone, spoken as an open vowel.

    ``delay`` seconds pass before the first sound; text that holds ``fail_on`` fails after the
    words before it.
    """

    def __init__(
        self,
        *,
        names: tuple[str, ...] = ("tone-a", "tone-b"),
        word_seconds: float = 0.3,
        delay: float = 0.0,
        fail_on: str = "FAIL",
        bound: dict[str, str] | None = None,
    ) -> None:
        self._names, self._word_seconds = names, word_seconds
        self.delay, self.fail_on = delay, fail_on
        self._bound = bound or {}

    def bind(self, timbre_id: str, digital_human_id: str) -> None:
        """Only this digital human may have it."""
        self._bound[timbre_id] = digital_human_id

    @property
    def timbres(self) -> tuple[Timbre, ...]:
        return tuple(Timbre(n, n, "und", self._bound.get(n)) for n in self._names)

    def load(self) -> None:
        return

    async def start(self) -> None:
        return

    async def close(self) -> None:
        return

    def hertz(self, timbre_id: str) -> float:
        return 300.0 + 150.0 * self._names.index(timbre_id)

    async def pronounce(self, text: str) -> None:
        del text

    async def speak(self, timbre_id: str, text: str, prosody: Prosody) -> AsyncGenerator[SpeechChunk]:
        if self.delay:
            await asyncio.sleep(self.delay)
        at = 0.0
        for word in text.split():
            if word == self.fail_on:
                raise SpeechFailed("scripted")
            if not any(c.isalnum() for c in word):
                continue
            length = self._word_seconds / prosody.speed
            sound = tone(self.hertz(timbre_id) * prosody.pitch, length)
            yield SpeechChunk(sound, (Phoneme(at, at + length, "a"),), (Word(at, at + length, word),))
            at += length
            await asyncio.sleep(0)
