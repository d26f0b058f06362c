"""espeak-ng voices, spoken by helper processes (``espeak_helper`` documents the pipe protocol)."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from bunraku.lipsync.visemes import VOICELESS_STOPS
from bunraku.media import PCM, Phoneme, SpeechChunk, Word
from bunraku.speech.base import Prosody, SpeechFailed, Timbre
from bunraku.speech.resample import Resampler
from bunraku.speech.text import sentences

log = logging.getLogger(__name__)

WORDS_PER_MINUTE = 175
# Measured fundamental frequency at espeak's pitch settings.
PITCH_SETTINGS = (0, 25, 50, 75, 99)
PITCH_HZ = (71.0, 83.0, 102.0, 130.0, 170.0)
NORMAL_HZ = 102.0
REPLY_TIMEOUT = 10.0
QUIET = 300  # int16: below this a stop's closure is silent
MAX_CLOSURE = 0.12  # s


@dataclass(frozen=True, slots=True)
class Voice:
    timbre: Timbre
    name: str


VOICES = (
    Voice(Timbre("en-us-evan", "Evan · English (US)", "en-US"), "en-us+klatt4"),
    Voice(Timbre("en-us-ava", "Ava · English (US)", "en-US"), "en-us+f3"),
    Voice(Timbre("en-gb-oliver", "Oliver · English (UK)", "en-GB"), "en+klatt4"),
    Voice(Timbre("zh-cn-mei", "Mei · 普通话", "zh-CN"), "cmn+f3"),
    Voice(Timbre("es-es-lucia", "Lucía · Español", "es-ES"), "es+f3"),
    Voice(Timbre("fr-fr-chloe", "Chloé · Français", "fr-FR"), "fr+f3"),
    Voice(Timbre("de-de-lukas", "Lukas · Deutsch", "de-DE"), "de"),
    Voice(Timbre("it-it-giulia", "Giulia · Italiano", "it-IT"), "it+f3"),
    Voice(Timbre("pt-br-rafael", "Rafael · Português", "pt-BR"), "pt-br"),
    Voice(Timbre("hi-in-ananya", "Ananya · हिन्दी", "hi-IN"), "hi+f3"),
)


def available() -> bool:
    """Whether the extra ``bunraku[espeak]`` is installed."""
    return importlib.util.find_spec("espeakng_loader") is not None


class HelperDied(SpeechFailed):
    """The helper process ended or went silent; a new one is started for the next sentence."""


class Helper:
    """One helper process. One request at a time."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self.sample_rate = 22050

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def _ensure(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            environment = {k: v for k, v in os.environ.items() if not k.startswith("BUNRAKU_")}
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bunraku.speech.espeak_helper",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environment,
                # Ctrl-C goes to the server, which ends its helpers in order.
                start_new_session=True,
            )
            head, _ = await self._block(self._process)
            self.sample_rate = head["sample_rate"]
        return self._process

    async def start(self) -> None:
        try:
            await self._ensure()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            await self.close()
            raise HelperDied("espeak-ng helper did not start") from error

    async def _block(self, process: asyncio.subprocess.Process) -> tuple[dict[str, Any], bytes]:
        assert process.stdout is not None
        async with asyncio.timeout(REPLY_TIMEOUT):
            lengths = await process.stdout.readexactly(8)
            head_length, pcm_length = struct.unpack("<II", lengths)
            head = await process.stdout.readexactly(head_length)
            pcm = await process.stdout.readexactly(pcm_length)
        return (json.loads(head) if head else {}), pcm

    async def request(self, request: dict[str, Any]) -> AsyncIterator[tuple[dict[str, Any], bytes]]:
        """Blocks of the reply, without the empty one that ends it.

        A process that died before it said anything is replaced once, unnoticed.
        """
        for last in (False, True):
            begun = False
            try:
                async for block in self._attempt(request):
                    begun = True
                    yield block
                return
            except HelperDied:
                if begun or last:
                    raise
                log.warning("espeak-ng helper ended; starting another")

    async def _attempt(self, request: dict[str, Any]) -> AsyncIterator[tuple[dict[str, Any], bytes]]:
        done = False
        try:
            process = await self._ensure()
            assert process.stdin is not None
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            while True:
                head, pcm = await self._block(process)
                if not head and not pcm:
                    done = True
                    return
                if "error" in head:
                    raise SpeechFailed(head["error"])
                yield head, pcm
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise HelperDied("espeak-ng helper ended") from error
        finally:
            if not done:  # the rest of the reply is still in the pipe: the process is unusable
                await self.close()

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()


class EspeakProvider:
    """A pool of helpers; sentences queue for a free one, so one long text holds up nobody."""

    def __init__(self, helpers: int = 2) -> None:
        self._helpers = [Helper() for _ in range(helpers)]
        self._free: asyncio.Queue[Helper] = asyncio.Queue()
        self._voices = {v.timbre.id: v for v in VOICES}

    @property
    def timbres(self) -> tuple[Timbre, ...]:
        return tuple(v.timbre for v in VOICES)

    async def start(self) -> None:
        await asyncio.gather(*(h.start() for h in self._helpers))
        for helper in self._helpers:
            self._free.put_nowait(helper)

    async def close(self) -> None:
        await asyncio.gather(*(h.close() for h in self._helpers))

    @property
    def helper_pids(self) -> list[int]:
        return [h.pid for h in self._helpers if h.pid is not None]

    @asynccontextmanager
    async def _helper(self) -> AsyncIterator[Helper]:
        helper = await self._free.get()
        try:
            yield helper
        finally:
            self._free.put_nowait(helper)

    async def phonemes(self, timbre_id: str, text: str) -> str:
        """IPA that the voice reads, with marks such as ``(en)`` where it changes language."""
        request = {"voice": self._voices[timbre_id].name, "text": text, "phonemes_only": True}
        out = ""
        async with self._helper() as helper:
            async for head, _ in helper.request(request):
                out = head["phonemes"]
        return out

    async def speak(self, timbre_id: str, text: str, prosody: Prosody) -> AsyncIterator[SpeechChunk]:
        voice = self._voices.get(timbre_id)
        if voice is None:
            raise SpeechFailed(f"no timbre {timbre_id}")
        spoken = 0.0
        for sentence in sentences(text):
            request = {
                "voice": voice.name,
                "text": sentence,
                "rate": round(WORDS_PER_MINUTE * prosody.speed),
                "pitch": round(float(np.interp(NORMAL_HZ * prosody.pitch, PITCH_HZ, PITCH_SETTINGS))),
            }
            async for chunk, length in self._sentence(request, sentence, spoken):
                yield chunk
                spoken = length

    async def _sentence(
        self, request: dict[str, Any], sentence: str, offset: float
    ) -> AsyncIterator[tuple[SpeechChunk, float]]:
        """Chunks of one sentence and the time at which speech then ends.

        The reply is read as fast as it comes and the helper freed, whatever the pace of playing.
        """
        blocks: asyncio.Queue[tuple[dict[str, Any], bytes] | BaseException | None] = asyncio.Queue()

        async def read() -> None:
            try:
                async with self._helper() as helper:
                    async for block in helper.request(request):
                        blocks.put_nowait(block)
            except SpeechFailed as error:
                blocks.put_nowait(error)
            else:
                blocks.put_nowait(None)

        reader = asyncio.create_task(read())
        try:
            timeline = Timeline(sentence, self._helpers[0].sample_rate, offset)
            while (block := await blocks.get()) is not None:
                if isinstance(block, BaseException):
                    raise block
                head, pcm = block
                yield timeline.push(head.get("events", []), np.frombuffer(pcm, np.int16)), timeline.end
            yield timeline.finish(), timeline.end
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)


class Timeline:
    """Turns a sentence's events into timed phonemes and words.

    espeak-ng stamps a voiceless stop at its release; its start is moved back over the silent
    closure before it, which is when the lips are shut.
    """

    def __init__(self, sentence: str, rate: int, offset: float) -> None:
        self._sentence, self._rate, self._offset = sentence, rate, offset
        self._resampler = Resampler(rate)
        self._pcm: PCM = np.zeros(0, np.int16)
        self._pending: tuple[float, str] | None = None
        self._word: tuple[float, str] | None = None
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
        if self._word is not None and self._word[0] < self.end:
            words.append(Word(self._word[0], self.end, self._word[1]))
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
                if self._word is not None:
                    words.append(Word(self._word[0], at, self._word[1]))
                position, length = event[2] - 1, event[3]
                self._word = (at, self._sentence[max(0, position) : max(0, position) + length])
        return phonemes, words

    def _closure(self, sample: int, symbol: str, at: float) -> float:
        if symbol.strip("ˈˌː") not in VOICELESS_STOPS:
            return at
        first = max(0, sample - int(MAX_CLOSURE * self._rate))
        loud = np.nonzero(np.abs(self._pcm[first:sample].astype(np.int32)) > QUIET)[0]
        quiet_from = first + (int(loud[-1]) + 1 if loud.size else 0)
        return self._offset + quiet_from / self._rate
