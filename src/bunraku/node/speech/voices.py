"""All voices of all providers: which exist, and who speaks them."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import numpy as np

from bunraku.core.clock import Clock, SystemClock, timeout
from bunraku.core.media import PCM, SAMPLE_RATE, Phoneme, SpeechChunk, Word
from bunraku.core.own_voice import PREFIX
from bunraku.core.report import VoiceLoad
from bunraku.node.speech import ssml
from bunraku.node.speech.base import Prosody, SpeechFailed, SpeechProvider, Timbre
from bunraku.node.speech.helper import TENANT
from bunraku.node.speech.loudness import HEARD, Finish, Guess, Levels
from bunraku.node.speech.onset import later, prompt
from bunraku.node.speech.own_voices import OwnVoices, nothing
from bunraku.node.speech.pronounced import ReadsPhonemes, written
from bunraku.node.speech.resample import apply_gain

log = logging.getLogger(__name__)


class Voices:
    """Timbres by id. Providers are started and closed together."""

    def __init__(
        self,
        providers: list[SpeechProvider],
        aliases: dict[str, str] | None = None,
        *,
        timeout: float = 15.0,
        own: OwnVoices | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``timeout``: seconds that a voice may stay silent. ``own``: voices of single apps. They are
        started and closed by whoever made them."""
        self.providers = providers
        self._aliases = aliases or {}
        self._timeout, self._clock = timeout, clock or SystemClock()
        self._own = own or OwnVoices(nothing, self._clock)
        self._levels = Levels()

    async def start(self) -> None:
        """A provider that does not start is reported and left out: the others still speak."""
        for provider in list(self.providers):
            try:
                await provider.start()
            except (SpeechFailed, OSError) as error:
                log.error("no voices of %s: %s", type(provider).__name__, error)
                self.providers.remove(provider)

    async def close(self) -> None:
        for provider in self.providers:
            await provider.close()

    def list(self, digital_human_id: str | None = None, *, tenant: int = 0) -> list[Timbre]:
        """Public timbres, or those bound to one digital human: with the own ones of the app ``tenant``."""
        every = [t for p in self.providers for t in p.timbres]
        bound = [t for t in every if t.digital_human_id == digital_human_id]
        return bound if digital_human_id is None else bound + self._own.timbres(tenant, digital_human_id)

    async def refresh(self) -> None:
        """Voices of apps have changed. Raises what the database raises."""
        await self._own.refresh()

    def loads(self) -> tuple[VoiceLoad, ...]:
        """Of the providers that have helpers."""
        return tuple(load for p in self.providers if (load := p.load()) is not None)

    def timbre(self, timbre_id: str, *, tenant: int = 0) -> Timbre | None:
        """By id or alias; one that everybody may use, or an own one of the app ``tenant``."""
        found = self.find(timbre_id, tenant=tenant)
        return None if found is None else found[0]

    def find(self, timbre_id: str, *, tenant: int = 0) -> tuple[Timbre, SpeechProvider] | None:
        key = self._aliases.get(timbre_id, timbre_id)
        for provider in self.providers:
            for timbre in provider.timbres:
                if timbre.id == key:
                    return timbre, provider
        return self._own.find(tenant, key)

    async def pronounce(
        self, text: str, *, tenant: int = 0
    ) -> tuple[tuple[Phoneme, ...], tuple[Word, ...]] | None:
        """How a text would be said, by the first provider that knows; None when none does.

        Asked for the app ``tenant``: apps share helpers fairly.
        """
        TENANT.set(tenant)
        for provider in self.providers:
            try:
                async with timeout(self._clock, self._timeout):
                    found = await provider.pronounce(text)
            except (SpeechFailed, TimeoutError) as error:
                log.warning("transcript not used: %s", error)
                continue
            if found is not None:
                return found
        return None

    async def speak(
        self, timbre_id: str, text: str, prosody: Prosody, *, tenant: int = 0
    ) -> AsyncGenerator[SpeechChunk]:
        """Speech at the common loudness, times the gain asked for, for the app ``tenant``. Raises
        ``SpeechFailed``, also for a voice that stays silent longer than ``timeout`` or is there no
        more."""
        TENANT.set(tenant)
        found = self.find(timbre_id, tenant=tenant)
        if found is None:
            raise SpeechFailed(f"no timbre {timbre_id}")
        timbre, provider = found
        with self._own.speaking(provider):
            async with aclosing(self._spoken(timbre, provider, text, prosody, tenant)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _spoken(
        self, timbre: Timbre, provider: SpeechProvider, text: str, prosody: Prosody, tenant: int
    ) -> AsyncGenerator[SpeechChunk]:
        level = (tenant if timbre.id.startswith(f"{PREFIX}-") else 0, timbre.id)
        gain = self._levels.of(level) if timbre.gain is None else timbre.gain
        finish, guess = Finish(1.0 if gain is None else gain), Guess() if gain is None else None
        heard: list[PCM] | None = None
        if timbre.gain is None and not self._levels.settled(level):
            heard = []
        made = 0
        for part in ssml.parts(text, timbre.language) or [ssml.Part(text)]:
            manner = replace(prosody, speed=prosody.speed * part.speed, gain=prosody.gain * part.gain)
            # A part counts its times from its own first sample.
            since = made / SAMPLE_RATE
            said = self._said(timbre, provider, part, manner)
            async with aclosing(said if made else prompt(said)) as chunks:
                try:
                    async for chunk in chunks:
                        if guess is not None and chunk.samples.size:
                            better = await guess.hear(chunk.samples)
                            if better is not None:
                                finish.gain = better
                        if heard is not None and made < HEARD * SAMPLE_RATE:
                            heard.append(chunk.samples)
                        made += chunk.samples.size
                        sound = finish.push(chunk.samples)
                        yield later(replace(chunk, samples=apply_gain(sound, manner.gain)), since)
                except SpeechFailed:
                    if made:  # what broke off falls silent, too
                        yield SpeechChunk(apply_gain(finish.flush(), manner.gain))
                    raise
            if part.pause:
                silence = np.zeros(int(part.pause / prosody.speed * SAMPLE_RATE), np.int16)
                made += silence.size
                yield SpeechChunk(finish.push(silence))
        yield SpeechChunk(apply_gain(finish.flush(), prosody.gain))
        if heard:
            await self._levels.hear(level, np.concatenate(heard))

    async def _said(
        self, timbre: Timbre, provider: SpeechProvider, part: ssml.Part, prosody: Prosody
    ) -> AsyncGenerator[SpeechChunk]:
        """Raises ``SpeechFailed``, also after a silence: what was given is played before that begins."""
        now = self._clock.monotonic
        until = now()
        if part.pronounced and isinstance(provider, ReadsPhonemes):
            speech = provider.speak_as(timbre.id, part.text, prosody, part.pronounced)
        else:
            speech = provider.speak(timbre.id, written(part.text, part.pronounced), prosody)
        async with aclosing(speech) as chunks:
            while True:
                until = max(until, now())
                try:
                    async with timeout(self._clock, until + self._timeout - now()):
                        chunk = await anext(chunks)
                    until += chunk.samples.size / SAMPLE_RATE
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise SpeechFailed(f"{timbre.id} stayed silent") from None
                yield chunk
