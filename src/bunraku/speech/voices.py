"""All voices of all providers: which exist, and who speaks them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from bunraku.media import SpeechChunk
from bunraku.speech.base import Prosody, SpeechProvider, Timbre
from bunraku.speech.resample import apply_gain


class Voices:
    """Timbres by id. Providers are started and closed together."""

    def __init__(self, providers: list[SpeechProvider], aliases: dict[str, str] | None = None) -> None:
        self._providers = providers
        self._aliases = aliases or {}

    async def start(self) -> None:
        for provider in self._providers:
            await provider.start()

    async def close(self) -> None:
        for provider in self._providers:
            await provider.close()

    def list(self, digital_human_id: str | None = None) -> list[Timbre]:
        """Public timbres, or those bound to one digital human."""
        every = [t for p in self._providers for t in p.timbres]
        return [t for t in every if t.digital_human_id == digital_human_id]

    def find(self, timbre_id: str) -> tuple[Timbre, SpeechProvider] | None:
        key = self._aliases.get(timbre_id, timbre_id)
        for provider in self._providers:
            for timbre in provider.timbres:
                if timbre.id == key:
                    return timbre, provider
        return None

    async def speak(self, timbre_id: str, text: str, prosody: Prosody) -> AsyncIterator[SpeechChunk]:
        """Speech with the gain applied. Raises ``SpeechFailed``; the timbre must exist."""
        found = self.find(timbre_id)
        assert found is not None
        timbre, provider = found
        async for chunk in provider.speak(timbre.id, text, prosody):
            yield replace(chunk, samples=apply_gain(chunk.samples, prosody.gain))
