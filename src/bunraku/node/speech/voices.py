"""All voices of all providers: which exist, and who speaks them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from bunraku.core.media import Phoneme, SpeechChunk, Word
from bunraku.node.speech.base import Prosody, SpeechFailed, SpeechProvider, Timbre
from bunraku.node.speech.helper import TENANT
from bunraku.node.speech.resample import apply_gain

log = logging.getLogger(__name__)


class Voices:
    """Timbres by id. Providers are started and closed together."""

    def __init__(
        self, providers: list[SpeechProvider], aliases: dict[str, str] | None = None, *, timeout: float = 15.0
    ) -> None:
        self._providers = providers
        self._aliases = aliases or {}
        self._timeout = timeout

    async def start(self) -> None:
        """A provider that does not start is reported and left out: the others still speak."""
        for provider in list(self._providers):
            try:
                await provider.start()
            except (SpeechFailed, OSError) as error:
                log.error("no voices of %s: %s", type(provider).__name__, error)
                self._providers.remove(provider)

    async def close(self) -> None:
        for provider in self._providers:
            await provider.close()

    def list(self, digital_human_id: str | None = None) -> list[Timbre]:
        """Public timbres, or those bound to one digital human."""
        every = [t for p in self._providers for t in p.timbres]
        return [t for t in every if t.digital_human_id == digital_human_id]

    def timbre(self, timbre_id: str) -> Timbre | None:
        """By id or alias."""
        found = self.find(timbre_id)
        return None if found is None else found[0]

    def find(self, timbre_id: str) -> tuple[Timbre, SpeechProvider] | None:
        key = self._aliases.get(timbre_id, timbre_id)
        for provider in self._providers:
            for timbre in provider.timbres:
                if timbre.id == key:
                    return timbre, provider
        return None

    async def pronounce(
        self, text: str, *, tenant: int = 0
    ) -> tuple[tuple[Phoneme, ...], tuple[Word, ...]] | None:
        """How a text would be said, by the first provider that knows; None when none does.

        Asked for the app ``tenant``: apps share helpers fairly.
        """
        TENANT.set(tenant)
        for provider in self._providers:
            try:
                async with asyncio.timeout(self._timeout):
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
        """Speech with the gain applied, for the app ``tenant``. Raises ``SpeechFailed``, also for a
        voice that stays silent longer than ``timeout``; the timbre must exist."""
        TENANT.set(tenant)
        found = self.find(timbre_id)
        assert found is not None
        timbre, provider = found
        async with aclosing(provider.speak(timbre.id, text, prosody)) as chunks:
            while True:
                try:
                    async with asyncio.timeout(self._timeout):
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise SpeechFailed(f"{timbre.id} stayed silent") from None
                yield replace(chunk, samples=apply_gain(chunk.samples, prosody.gain))
