"""flite voices: statistical, clear, English, with the exact time of every sound and word.

Present when Debian's ``libflite1`` (or any libflite 2 with its voices) is installed.
"""

from __future__ import annotations

import asyncio
import ctypes
import unicodedata
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import numpy as np

from bunraku.core.media import Phoneme, SpeechChunk, Word
from bunraku.core.report import VoiceLoad
from bunraku.node.speech.base import Prosody, SpeechFailed, Timbre, Voice
from bunraku.node.speech.flite_helper import ENGINE, voice_library
from bunraku.node.speech.helper import HelperPool
from bunraku.node.speech.reading import Reading
from bunraku.node.speech.said_line import line_of, prepare
from bunraku.node.speech.tempo import Tempo
from bunraku.node.speech.text import begun_early

VOICES = (
    Voice(Timbre("en-us-grace", "Grace · English (US), natural", "en-US", gain=1.00), "slt"),
    Voice(Timbre("en-us-reed", "Reed · English (US), natural", "en-US", gain=1.98), "rms"),
    Voice(Timbre("en-gb-alban", "Alban · English (Scotland), natural", "en-GB", gain=1.70), "awb"),
)
OPENING = (20, 60)  # code points of a text's first clause that is made by itself


def ascii_of(word: str) -> str:
    """In the letters that flite knows; what has none is left out."""
    return unicodedata.normalize("NFKD", word.replace("’", "'")).encode("ascii", "ignore").decode()


def installed() -> tuple[Voice, ...]:
    """Voices whose libraries are on this machine; none when flite is not."""
    found: list[Voice] = []
    with suppress(OSError):
        for name in ENGINE:
            ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        for voice in VOICES:
            with suppress(OSError):
                ctypes.CDLL(voice_library(voice.name))
                found.append(voice)
    return tuple(found)


class FliteProvider:
    """A pool of helpers. A text's first syllables are made before the rest of its sentence; a long first
    sentence is begun with its first clause."""

    def __init__(self, voices: tuple[Voice, ...], helpers: int = 1) -> None:
        self._voices = {v.timbre.id: v for v in voices}
        self._pool = HelperPool("bunraku.node.speech.flite_helper", helpers)

    @property
    def timbres(self) -> tuple[Timbre, ...]:
        return tuple(v.timbre for v in self._voices.values())

    def load(self) -> VoiceLoad:
        return self._pool.load("flite")

    async def start(self) -> None:
        await asyncio.gather(self._pool.start(), asyncio.to_thread(prepare))

    async def close(self) -> None:
        await self._pool.close()

    @property
    def helper_pids(self) -> list[int]:
        return self._pool.pids

    async def pronounce(self, text: str) -> None:
        """Left to espeak-ng, which reads every language."""
        del text

    async def speak(self, timbre_id: str, text: str, prosody: Prosody) -> AsyncGenerator[SpeechChunk]:
        voice = self._voices.get(timbre_id)
        if voice is None:
            raise SpeechFailed(f"no timbre {timbre_id}")
        rate = self._pool.hello["sample_rate"]
        # One filter for the whole text: it holds back some sound, which must not move the times.
        tempo = Tempo(rate, prosody.speed, prosody.pitch)
        spoken = 0.0
        for number, sentence in enumerate(begun_early(text, *OPENING)):
            line, reading = line_of(sentence, voice.timbre.language, fold=ascii_of), Reading(sentence)
            since, made, start = spoken, 0, 0.0
            begins = number == 0
            request = {
                "voice": voice.name,
                "text": line.text,
                "prompt": begins,
                "early": begins and not self._pool.crowded,  # it is a quarter of the work, once more
            }
            async with aclosing(self._pool.ask(request)) as reply:
                async for head, pcm in reply:
                    samples = np.frombuffer(pcm, np.int16)
                    phonemes: list[Phoneme] = []
                    words: list[Word | None] = []
                    for symbol, end in head.get("phonemes", ()):
                        first, last = since + start / prosody.speed, since + end / prosody.speed
                        phonemes.append(Phoneme(first, last, symbol, "arpabet"))
                        start = end
                    for place, begin, _ in (said := head.get("words", ())):
                        words.append(reading.reach(line.written(place), since + begin / prosody.speed))
                    if said and not head.get("more"):
                        words.append(reading.end(since + said[-1][2] / prosody.speed))
                    made += samples.size
                    yield SpeechChunk(
                        tempo.push(samples), tuple(phonemes), tuple(w for w in words if w is not None)
                    )
                    spoken = since + made / rate / prosody.speed
        yield SpeechChunk(tempo.flush())
