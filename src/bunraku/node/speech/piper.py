"""Piper voices from a folder of the operator's: ``NAME.onnx`` with ``NAME.onnx.json`` beside it.

The model is a VITS exported to ONNX: phoneme ids in, float sound out. Phonemes are espeak-ng's
IPA by code point, as the voice's ``phoneme_id_map`` lists them. The lips come from the sound.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from bunraku.core.clock import Clock, SystemClock
from bunraku.core.media import PCM, SpeechChunk
from bunraku.core.report import VoiceLoad
from bunraku.node.inference import open_model, run_options
from bunraku.node.speech.base import Prosody, SpeechFailed, Timbre
from bunraku.node.speech.helper import TENANT, HelperPool
from bunraku.node.speech.said_line import line_of, prepare
from bunraku.node.speech.tally import Tally
from bunraku.node.speech.tempo import Tempo
from bunraku.node.speech.text import sentences
from bunraku.node.workers.fair import FairSlots

log = logging.getLogger(__name__)

PAD, BEGIN, END = "_", "^", "$"
_CLAUSE = re.compile(r"[^,;:.!?，；：。！？]+[,;:.!?，；：。！？]*")
_PLAIN = str.maketrans("，；：。！？", ",;:.!?")


class _ConfigPart(BaseModel):
    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class _Audio(_ConfigPart):
    sample_rate: int


class _Espeak(_ConfigPart):
    voice: str = "en-us"


class _Inference(_ConfigPart):
    noise_scale: float = 0.667
    length_scale: float = 1.0
    noise_w: float = 0.8


class _Language(_ConfigPart):
    code: str = "und"


class VoiceConfig(_ConfigPart):
    """What we read of ``NAME.onnx.json``."""

    audio: _Audio
    espeak: _Espeak = _Espeak()
    inference: _Inference = _Inference()
    language: _Language = _Language()
    phoneme_type: str = "espeak"
    num_speakers: int = 1
    speaker_id_map: dict[str, int] = {}
    phoneme_id_map: dict[str, list[int]]


def phoneme_ids(config: VoiceConfig, phonemes: str) -> list[int]:
    """Ids with a pad after each, begin and end marked; signs the voice does not know are left out."""
    known = config.phoneme_id_map
    pad = known.get(PAD, [0])
    ids = [*known.get(BEGIN, []), *pad]
    for sign in unicodedata.normalize("NFD", phonemes):
        if sign in known:
            ids += [*known[sign], *pad]
    return [*ids, *known.get(END, [])]


@dataclass
class _PiperVoice:
    path: Path
    config: VoiceConfig
    session: Any = None

    def run(self, ids: list[int], speaker: int | None, length: float, options: Any) -> PCM:
        """On a worker thread, until ``options.terminate``. Raises what ONNX Runtime raises."""
        if self.session is None:
            self.session = open_model(self.path)
        c = self.config.inference
        feed: dict[str, Any] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([c.noise_scale, length, c.noise_w], np.float32),
        }
        if self.config.num_speakers > 1:
            feed["sid"] = np.array([speaker or 0], np.int64)
        sound = np.asarray(self.session.run(None, feed, options)[0]).reshape(-1)
        return (np.clip(sound, -1, 1) * 32767).astype(np.int16)


class PiperProvider:
    """Voices of one folder; a file that cannot be read is reported and left out."""

    def __init__(
        self,
        folder: Path,
        clock: Clock | None = None,
        *,
        prefix: str = "piper",
        digital_human_id: str | None = None,
    ) -> None:
        """``prefix`` begins its timbres' ids. Reads the folder."""
        self._prefix, self._digital_human_id = prefix, digital_human_id
        self._clock, self._tally = clock or SystemClock(), Tally()
        self._waiting = self._busy = 0
        self._voices: dict[str, tuple[Timbre, _PiperVoice, int | None]] = {}
        self._espeak = HelperPool("bunraku.node.speech.espeak_helper", 1)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="piper")
        self._turns = FairSlots(1)
        for path in sorted(folder.glob("*.onnx")):
            try:
                text = path.with_name(path.name + ".json").read_text("utf-8")
                config = VoiceConfig.model_validate(json.loads(text))
            except (OSError, ValueError, ValidationError) as error:
                log.warning("voice %s is left out: %s", path.name, type(error).__name__)
                continue
            self._add(_PiperVoice(path, config))

    def _add(self, voice: _PiperVoice) -> None:
        name, language = voice.path.stem, voice.config.language.code.replace("_", "-")
        speakers: dict[str, int | None] = {"": None}
        if voice.config.num_speakers > 1:
            speakers = {f"-{k}": v for k, v in voice.config.speaker_id_map.items()} or {"-0": 0}
        for suffix, number in speakers.items():
            timbre = Timbre(
                f"{self._prefix}-{name}{suffix}",
                f"{name}{suffix} · {self._prefix}",
                language,
                self._digital_human_id,
            )
            self._voices[timbre.id] = (timbre, voice, number)

    @property
    def timbres(self) -> tuple[Timbre, ...]:
        return tuple(timbre for timbre, _, _ in self._voices.values())

    def load(self) -> VoiceLoad:
        return self._tally.load("piper", helpers=1, busy=self._busy, waiting=self._waiting, restarts=0)

    async def start(self) -> None:
        await asyncio.to_thread(prepare)
        if any(v.config.phoneme_type == "espeak" for _, v, _ in self._voices.values()):
            await self._espeak.start()

    async def close(self) -> None:
        await self._espeak.close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _phonemes(self, config: VoiceConfig, sentence: str) -> str:
        if config.phoneme_type != "espeak":
            return sentence
        out = ""
        for clause in _CLAUSE.findall(sentence):
            mark = clause.translate(_PLAIN)[-1]
            request = {"voice": config.espeak.voice, "text": clause, "phonemes_only": True}
            async for head, _ in self._espeak.ask(request):
                # Marks such as (en) are espeak-ng's note of a change of language, not sounds.
                out += re.sub(r"\([^)]*\)", "", head["phonemes"]).strip()
            out += mark + " " if mark in ",;:.!?" else " "
        return out.strip()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        asked = self._clock.monotonic()
        self._waiting += 1
        async with AsyncExitStack() as turn:
            try:
                await turn.enter_async_context(self._turns.of(TENANT.get()))
            finally:
                self._waiting -= 1
                self._tally.waited(self._clock.monotonic() - asked)
            self._busy += 1
            try:
                yield
            finally:
                self._busy -= 1

    async def pronounce(self, text: str) -> None:
        """Left to espeak-ng, which reads every language."""
        del text

    async def speak(self, timbre_id: str, text: str, prosody: Prosody) -> AsyncGenerator[SpeechChunk]:
        found = self._voices.get(timbre_id)
        if found is None:
            raise SpeechFailed(f"no timbre {timbre_id}")
        timbre, voice, speaker = found
        loop = asyncio.get_running_loop()
        tempo = Tempo(voice.config.audio.sample_rate, 1.0, prosody.pitch)
        length = voice.config.inference.length_scale / prosody.speed
        for sentence in sentences(text):
            said = line_of(sentence, timbre.language).text
            ids = phoneme_ids(voice.config, await self._phonemes(voice.config, said))
            options = run_options()
            try:
                async with self._turn():
                    begun = self._clock.monotonic()
                    samples = await loop.run_in_executor(
                        self._executor, voice.run, ids, speaker, length, options
                    )
                    seconds = samples.size / voice.config.audio.sample_rate
                    self._tally.made(seconds, self._clock.monotonic() - begun)
            except asyncio.CancelledError:
                options.terminate = True  # an interrupt: whoever is next need not wait for the rest
                raise
            except Exception as error:  # ONNX Runtime's own classes have no common base
                raise SpeechFailed(f"{voice.path.name}: {type(error).__name__}") from error
            yield SpeechChunk(tempo.push(samples))
        yield SpeechChunk(tempo.flush())
