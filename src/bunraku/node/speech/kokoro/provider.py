"""Kokoro: neural voices that are pleasant to listen to, with the exact time of every sound.

Text is read in this process (dictionary, espeak-ng for other languages), sound is made by helper
processes, stretch by stretch: the first is short, so that it comes soon, and each next one is made
while the one before plays.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import count
from pathlib import Path

import numpy as np

from bunraku.core.clock import Clock
from bunraku.core.media import PCM, SAMPLE_RATE, SpeechChunk
from bunraku.core.report import VoiceLoad
from bunraku.node.speech import espeak
from bunraku.node.speech.base import Prosody, SpeechFailed, Timbre
from bunraku.node.speech.helper import TENANT, Helper
from bunraku.node.speech.kokoro import make
from bunraku.node.speech.kokoro.cast import CAST, CastMember
from bunraku.node.speech.kokoro.helper import OVERLAP
from bunraku.node.speech.kokoro.model import CONTEXT, FRAME, RATE
from bunraku.node.speech.kokoro.pool import PATIENCE, Pool
from bunraku.node.speech.kokoro.reader import Reader, readable
from bunraku.node.speech.kokoro.script import Script, scripts
from bunraku.node.speech.pronounced import Pronounced, expanded
from bunraku.node.speech.resample import Resampler
from bunraku.node.speech.text import begun_early

log = logging.getLogger(__name__)

FIRST = 20  # frames of the shortest stretch
OPENING = (20, 70)  # code points of a sentence's first clause that is made by itself: more than a second
MARGIN = 1.3  # how much sooner a stretch shall be ready than it is needed
PAUSES = {".": 0.30, "!": 0.30, "?": 0.30, "…": 0.40, "。": 0.30, ":": 0.22, ";": 0.22, ",": 0.14}
NO_PAUSE = 0.06  # s, where a sentence was too long and had to be cut
Made = asyncio.Queue[SpeechChunk | SpeechFailed | None]
HELPER = "bunraku.node.speech.kokoro.helper"


class KokoroProvider:
    """Lists its timbres once what they need is made, which the first start does in the background."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        helpers: int = 2,
        model: Path | None = None,
        styles: Path | None = None,
        timeout: float = 15.0,
    ) -> None:
        self._folder, self._clock = folder, clock
        self._model, self._styles = model, styles
        self.pool = Pool(lambda: Helper(HELPER, str(folder)), helpers, clock, timeout=timeout)
        self.reader: Reader | None = None
        self.members: dict[str, CastMember] = {}
        self._making: asyncio.Task[None] | None = None
        self._sentences = count()

    @property
    def timbres(self) -> tuple[Timbre, ...]:
        return tuple(m.timbre for m in self.members.values())

    @property
    def helper_pids(self) -> list[int]:
        return self.pool.pids

    def load(self) -> VoiceLoad:
        return self.pool.load("kokoro")

    async def start(self) -> None:
        """Raises ``SpeechFailed`` when what was made does not run."""
        if make.is_made(self._folder) and not make.damaged(self._folder):
            try:
                await self._open()
            except SpeechFailed:
                if not await asyncio.to_thread(make.damaged, self._folder, thorough=True):
                    raise
        if len(self.members) < len(self._wanted()):
            log.info("neural voices are being made; they are listed when they are ready")
            self._making = asyncio.create_task(self._prepare())

    def _wanted(self) -> list[CastMember]:
        """Voices whose language can be read here."""
        return [m for m in CAST if readable(m.timbre.language, with_espeak=espeak.available())]

    async def _prepare(self) -> None:
        try:
            await self._make()
            if self.reader is None:
                await self._open()
            self._list()
        except (SpeechFailed, OSError) as error:
            log.error("no neural voices: %s", error)
        else:
            log.info("neural voices are ready")

    async def _make(self, *extra: str) -> None:
        arguments = [str(self._folder), *extra, "--voices", *(m.style for m in self._wanted())]
        for name, path in (("--model", self._model), ("--styles", self._styles)):
            arguments += [name, str(path)] if path is not None else []
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bunraku.node.speech.kokoro.make",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stderr is not None
        try:
            _, said = await asyncio.gather(self._progress(process), process.stderr.read())
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            lines = said.decode("utf-8", "replace").strip().splitlines()
            raise SpeechFailed(lines[-1] if lines else "the voices could not be made")

    async def _progress(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            log.info("neural voices: %s", line.decode("utf-8", "replace").strip())

    async def _open(self) -> None:
        await self.pool.start()
        if not self.pool.hello.get("works"):
            # Made on another processor: here its integers do not add up.
            log.warning("the requantised voices do not work on this processor; making the shipped ones")
            await self._make("--shipped")
            await self.pool.restart()
        self.reader = Reader(self._folder / "words.sqlite", with_espeak=espeak.available())
        await self.reader.start()
        self._list()

    def _list(self) -> None:
        """The voices that are made."""
        self.members = {m.timbre.id: m for m in self._wanted() if make.is_made(self._folder, [m.style])}

    async def close(self) -> None:
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)
        self.members = {}
        await self.pool.close()
        if self.reader is not None:
            await self.reader.close()

    async def pronounce(self, text: str) -> None:
        """Left to espeak-ng, which reads every language."""
        del text

    def speak(self, timbre_id: str, text: str, prosody: Prosody) -> AsyncGenerator[SpeechChunk]:
        return self.speak_as(timbre_id, text, prosody, ())

    async def speak_as(
        self, timbre_id: str, text: str, prosody: Prosody, pronounced: tuple[Pronounced, ...]
    ) -> AsyncGenerator[SpeechChunk]:
        member = self.members.get(timbre_id)
        if member is None or self.reader is None:
            raise SpeechFailed(f"no timbre {timbre_id}")
        utterance = Utterance(self.pool, self._clock, member, prosody)
        for piece in begun_early(text, *OPENING, "".join(p.sign for p in pronounced)):
            sentence, fixed = expanded(piece, pronounced)
            words = await self.reader.read(sentence, member, fixed)
            for script in scripts(words):
                key = f"{id(utterance)}-{next(self._sentences)}"
                async with aclosing(utterance.say(key, sentence, script)) as chunks:
                    async for chunk in chunks:
                        yield chunk
        yield utterance.finish()


class Utterance:
    """One call of ``speak``: where it is, and the sound held back for the next join."""

    def __init__(self, pool: Pool, clock: Clock, member: CastMember, prosody: Prosody) -> None:
        self._pool, self._clock, self._member, self._prosody = pool, clock, member, prosody
        self._resampler = Resampler(RATE)
        self._until = 0.0
        """When what was given will have been played."""
        self._samples = 0
        """Made so far, at the model's rate."""
        self._pause = 0.0
        self._heard = False
        """The present sentence has begun to be played."""

    @property
    def _ahead(self) -> float:
        """Seconds of sound that are still to be played."""
        return max(0.0, self._until - self._clock.monotonic())

    @property
    def _due(self) -> float:
        """When the next sound is needed."""
        return self._clock.monotonic() + self._ahead

    def _give(self, chunk: SpeechChunk, made: Made) -> None:
        self._until = self._due + chunk.samples.size / SAMPLE_RATE
        made.put_nowait(chunk)

    async def say(self, key: str, sentence: str, script: Script) -> AsyncGenerator[SpeechChunk]:
        """A sentence is made as fast as it goes, whatever the pace of playing: its place is another's
        then."""
        made: Made = asyncio.Queue()
        job = asyncio.create_task(self._make(key, sentence, script, made))
        try:
            while (chunk := await made.get()) is not None:
                if isinstance(chunk, SpeechFailed):
                    raise chunk
                yield chunk
            await job
        finally:
            job.cancel()

    async def _make(
        self,
        key: str,
        sentence: str,
        script: Script,
        made: Made,
    ) -> None:
        held: list[SpeechChunk] = []
        self._heard, seconds, whole = False, 0.0, 0.0
        try:
            async with (
                self._pool.place(TENANT.get(), self._due),
                aclosing(self._stretches(key, sentence, script)) as chunks,
            ):
                async for chunk, length in chunks:
                    whole = length or whole
                    held.append(chunk)
                    seconds += chunk.samples.size / SAMPLE_RATE
                    if self._heard or self._ahead + seconds >= self._in_hand(whole):
                        self._heard = True
                        for one in held:
                            self._give(one, made)
                        held.clear()
            for one in held:
                self._give(one, made)
        except SpeechFailed as error:
            made.put_nowait(error)
        except Exception as error:
            made.put_nowait(SpeechFailed(type(error).__name__))
            raise
        else:
            made.put_nowait(None)

    def _in_hand(self, whole: float) -> float:
        """Seconds of a sentence that must be made before it begins, so that it does not break off: none
        where the helpers have time, all where they are slower than sound."""
        demand = MARGIN * self._pool.real_time_factor * self._pool.crowd
        late = whole * (1 - 1 / demand) if demand > 1 else 0.0
        return min(whole, max(late, self._pool.blocked))

    def most(self) -> int:
        """Frames of the next stretch: as many as are made while what is there plays.

        Each costs its context besides, so that the first must not be too short for the second.
        """
        pace = MARGIN * self._pool.pace * self._pool.crowd
        frame, context = FRAME / RATE, 2 * CONTEXT
        if self._ahead == 0:
            pace = min(0.8, pace)
            wanted = context * pace / (1 - pace)
        else:
            wanted = self._ahead / frame / max(pace, 0.05) - context
        return int(min(self._pool.longest, max(FIRST, wanted)))

    async def _stretches(
        self, key: str, sentence: str, script: Script
    ) -> AsyncGenerator[tuple[SpeechChunk, float]]:
        """Each with the length of the sentence, seconds, which is told with the first."""
        request = {
            "sentence": key,
            "style": self._member.style,
            "tokens": script.tokens,
            "speed": round(self._prosody.speed, 3),
            "pitch": round(self._prosody.pitch, 3),
            "gain": self._member.gain,
        }
        first: int | None = 0
        held: PCM = np.zeros(0, np.int16)
        silence = np.zeros(int(self._pause * RATE), np.int16)
        while first is not None:
            due = self._due + (0.0 if self._heard else PATIENCE)
            head, pcm = await self._pool.ask({**request, "from": first, "most": self.most()}, due)
            joined = cross_fade(held, np.frombuffer(pcm, "<i2").astype(np.int16))
            begins = first == 0
            first = head["next"]
            sound, held = (joined, joined[:0]) if first is None else (joined[:-OVERLAP], joined[-OVERLAP:])
            phonemes, words, whole = [], [], 0.0
            if begins:
                whole = sum(head["frames"]) * FRAME / RATE
                sound = np.concatenate([silence, sound])
                start = (self._samples + silence.size - head["start"]) / RATE
                phonemes, words = script.timed(sentence, head["frames"], start)
            self._samples += sound.size
            yield SpeechChunk(self._resampler.push(sound), tuple(phonemes), tuple(words)), whole
        mark = next((c for c in reversed(sentence) if not c.isspace() and c not in "\"')]”’»"), "")
        self._pause = PAUSES.get(mark, NO_PAUSE) / self._prosody.speed

    def finish(self) -> SpeechChunk:
        return SpeechChunk(self._resampler.flush())


def cross_fade(before: PCM, after: PCM) -> PCM:
    """``after`` with its beginning faded in over ``before``, which is the same moment of sound."""
    if before.size == 0:
        return after
    size = min(before.size, after.size)
    ramp = np.linspace(0, 1, size, dtype=np.float32)
    mixed = before[:size] * (1 - ramp) + after[:size] * ramp
    return np.concatenate([mixed.round().astype(np.int16), after[size:]])
