"""espeak-ng voices, spoken by helper processes (``espeak_helper``)."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import numpy as np

from bunraku.core.media import PCM, Phoneme, SpeechChunk, Word
from bunraku.core.report import VoiceLoad
from bunraku.node.lipsync.visemes import VOICELESS_STOPS
from bunraku.node.speech.base import Prosody, SpeechFailed, Timbre, Voice
from bunraku.node.speech.helper import HelperPool
from bunraku.node.speech.pronounced import Pronounced, expanded
from bunraku.node.speech.reading import Reading
from bunraku.node.speech.resample import Resampler
from bunraku.node.speech.said_line import SaidLine, line_of, prepare
from bunraku.node.speech.text import sentences

WORDS_PER_MINUTE = 175
# Measured fundamental frequency at espeak's pitch settings.
PITCH_SETTINGS = (0, 25, 50, 75, 99)
PITCH_HZ = (71.0, 83.0, 102.0, 130.0, 170.0)
NORMAL_HZ = 102.0
QUIET = 300  # int16: below this a stop's closure is silent
MAX_CLOSURE = 0.12  # s
SCRIPTS = (("\u4e00", "\u9fff", "zh-CN"), ("\u0900", "\u097f", "hi-IN"))
"""First and last code point of scripts that tell the language."""


VOICES = (
    Voice(Timbre("en-us-evan", "Evan · English (US)", "en-US", gain=1.68), "en-us+klatt4"),
    Voice(Timbre("en-us-ava", "Ava · English (US)", "en-US", gain=1.67), "en-us+f3"),
    Voice(Timbre("en-gb-oliver", "Oliver · English (UK)", "en-GB", gain=1.67), "en+klatt4"),
    Voice(Timbre("zh-cn-mei", "Mei · 普通话", "zh-CN", gain=1.43), "cmn+f3"),
    Voice(Timbre("es-es-lucia", "Lucía · Español", "es-ES", gain=1.73), "es+f3"),
    Voice(Timbre("fr-fr-chloe", "Chloé · Français", "fr-FR", gain=1.78), "fr+f3"),
    Voice(Timbre("fr-fr-luc", "Luc · Français", "fr-FR", gain=2.15), "fr"),
    Voice(Timbre("de-de-lukas", "Lukas · Deutsch", "de-DE", gain=1.91), "de"),
    Voice(Timbre("de-de-greta", "Greta · Deutsch", "de-DE", gain=1.97), "de+f3"),
    Voice(Timbre("it-it-giulia", "Giulia · Italiano", "it-IT", gain=1.76), "it+f3"),
    Voice(Timbre("pt-br-rafael", "Rafael · Português", "pt-BR", gain=1.72), "pt-br"),
    Voice(Timbre("hi-in-ananya", "Ananya · हिन्दी", "hi-IN", gain=1.50), "hi+f3"),
)


def available() -> bool:
    """Whether the extra ``bunraku[espeak]`` is installed."""
    return importlib.util.find_spec("espeakng_loader") is not None


class EspeakProvider:
    """Voices of espeak-ng; the first sound comes after a few milliseconds."""

    def __init__(self, helpers: int = 2) -> None:
        self._pool = HelperPool("bunraku.node.speech.espeak_helper", helpers)
        self.voices = {v.timbre.id: v for v in VOICES}

    @property
    def timbres(self) -> tuple[Timbre, ...]:
        return tuple(v.timbre for v in VOICES)

    def load(self) -> VoiceLoad:
        return self._pool.load("espeak")

    async def start(self) -> None:
        await asyncio.gather(self._pool.start(), asyncio.to_thread(prepare))

    async def close(self) -> None:
        await self._pool.close()

    @property
    def helper_pids(self) -> list[int]:
        return self._pool.pids

    async def phonemes(self, timbre_id: str, text: str) -> str:
        """IPA that the voice reads, with marks such as ``(en)`` where it changes language."""
        request = {"voice": self.voices[timbre_id].name, "text": text, "phonemes_only": True}
        out = ""
        async for head, _ in self._pool.ask(request):
            out = head["phonemes"]
        return out

    async def pronounce(self, text: str) -> tuple[tuple[Phoneme, ...], tuple[Word, ...]]:
        """Phonemes and words as the first voice of the text's script would say them."""
        script = next((tag for first, last, tag in SCRIPTS if any(first <= c <= last for c in text)), "en-US")
        voice = next(v for v in VOICES if v.timbre.language == script)
        phonemes: list[Phoneme] = []
        words: list[Word] = []
        async with aclosing(self.speak(voice.timbre.id, text, Prosody())) as chunks:
            async for chunk in chunks:
                phonemes.extend(chunk.phonemes)
                words.extend(chunk.words)
        return tuple(phonemes), tuple(words)

    def speak(self, timbre_id: str, text: str, prosody: Prosody) -> AsyncGenerator[SpeechChunk]:
        return self.speak_as(timbre_id, text, prosody, ())

    async def speak_as(
        self, timbre_id: str, text: str, prosody: Prosody, pronounced: tuple[Pronounced, ...]
    ) -> AsyncGenerator[SpeechChunk]:
        voice = self.voices.get(timbre_id)
        if voice is None:
            raise SpeechFailed(f"no timbre {timbre_id}")
        spoken = 0.0
        for piece in sentences(text, "".join(p.sign for p in pronounced)):
            sentence, fixed = expanded(piece, pronounced)
            line = line_of(sentence, voice.timbre.language, fixed)
            request = {
                "pronounced": [list(sound) for sound in line.sounds],
                "voice": voice.name,
                "text": line.text,
                "rate": round(WORDS_PER_MINUTE * prosody.speed),
                "pitch": round(float(np.interp(NORMAL_HZ * prosody.pitch, PITCH_HZ, PITCH_SETTINGS))),
            }
            timeline = Timeline(sentence, line, self._pool.hello["sample_rate"], spoken)
            async with aclosing(self._pool.ask(request)) as reply:
                async for head, pcm in reply:
                    yield timeline.push(head.get("events", []), np.frombuffer(pcm, np.int16))
            yield timeline.finish()
            spoken = timeline.end


class Timeline:
    """Turns a sentence's events into timed phonemes and words.

    espeak-ng stamps a voiceless stop at its release; its start is moved back over the silent
    closure before it, which is when the lips are shut.
    """

    def __init__(self, sentence: str, line: SaidLine, rate: int, offset: float) -> None:
        self._reading, self._line, self._rate, self._offset = Reading(sentence), line, rate, offset
        self._resampler = Resampler(rate)
        self._pcm: PCM = np.zeros(0, np.int16)
        self._pending: tuple[float, str] | None = None
        self._events: list[list[Any]] = []

    @property
    def end(self) -> float:
        return self._offset + self._pcm.size / self._rate

    def push(self, events: list[list[Any]], pcm: PCM) -> SpeechChunk:
        self._pcm = np.concatenate([self._pcm, pcm])
        self._events.extend(events)
        ready = [e for e in self._events if e[1] <= self._pcm.size]
        self._events = self._events[len(ready) :]
        phonemes, words = self._read(ready)
        return SpeechChunk(self._resampler.push(pcm), tuple(phonemes), tuple(words))

    def finish(self) -> SpeechChunk:
        phonemes, words = self._read(self._events)
        self._events = []
        if self._pending is not None and self._pending[0] < self.end:
            phonemes.append(Phoneme(self._pending[0], self.end, self._pending[1]))
        last = self._reading.end(self.end)
        if last is not None:
            words.append(last)
        return SpeechChunk(self._resampler.flush(), tuple(phonemes), tuple(words))

    def _read(self, events: list[list[Any]]) -> tuple[list[Phoneme], list[Word]]:
        phonemes: list[Phoneme] = []
        words: list[Word] = []
        for event in events:
            at = self._offset + event[1] / self._rate
            if event[0] == "p":
                start = self._closure(event[1], event[2], at)
                if self._pending is not None:
                    start = max(start, self._pending[0] + 0.01)
                    phonemes.append(Phoneme(self._pending[0], start, self._pending[1]))
                self._pending = (start, event[2])
            else:
                place = self._line.written(max(0, event[2] - 1))  # espeak-ng counts from 1
                over = self._reading.reach(place, at)
                if over is not None:
                    words.append(over)
        return phonemes, words

    def _closure(self, sample: int, symbol: str, at: float) -> float:
        if symbol.strip("ˈˌː") not in VOICELESS_STOPS:
            return at
        first = max(0, sample - int(MAX_CLOSURE * self._rate))
        loud = np.nonzero(np.abs(self._pcm[first:sample].astype(np.int32)) > QUIET)[0]
        quiet_from = first + (int(loud[-1]) + 1 if loud.size else 0)
        return self._offset + quiet_from / self._rate
