"""Voices of single apps: made of what the database says, and given up when it says so no more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bunraku.core.clock import Clock
from bunraku.core.own_voice import PREFIX, OwnVoice
from bunraku.node.speech.base import SpeechProvider, Timbre
from bunraku.node.speech.piper import PiperProvider

log = logging.getLogger(__name__)

FOLLOW_EVERY = 2.0

Read = Callable[[], Awaitable[Sequence[OwnVoice]]]


async def nothing() -> Sequence[OwnVoice]:
    """A ``Read`` of none."""
    return ()


@dataclass(eq=False)
class _Source:
    voice: OwnVoice
    provider: SpeechProvider
    speaking: int = 0
    retired: bool = False


class OwnVoices:
    """Those of all apps. A voice that is taken away speaks to the end of what it is saying."""

    def __init__(self, read: Read, clock: Clock, *, allow_private: bool = False) -> None:
        """``allow_private``: their servers may have private addresses."""
        self._read, self._clock, self._allow_private = read, clock, allow_private
        self._sources: dict[tuple[int, str], _Source] = {}
        self._absent: set[OwnVoice] = set()
        self._changing = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    def timbres(self, app_id: int, digital_human_id: str) -> list[Timbre]:
        return [
            timbre
            for source in self._of(app_id)
            for timbre in source.provider.timbres
            if timbre.digital_human_id == digital_human_id
        ]

    def find(self, app_id: int, timbre_id: str) -> tuple[Timbre, SpeechProvider] | None:
        return next(
            ((t, s.provider) for s in self._of(app_id) for t in s.provider.timbres if t.id == timbre_id), None
        )

    def _of(self, app_id: int) -> list[_Source]:
        return [source for (owner, _), source in self._sources.items() if owner == app_id]

    @contextmanager
    def speaking(self, provider: SpeechProvider) -> Iterator[None]:
        """While somebody speaks with it, it is not closed; a provider that is nobody's own is left alone."""
        source = next((s for s in self._sources.values() if s.provider is provider), None)
        if source is None:
            yield
            return
        source.speaking += 1
        try:
            yield
        finally:
            source.speaking -= 1
            self._close_unused(source)

    async def refresh(self) -> None:
        """As the database has them now. Raises what it raises."""
        async with self._changing:
            wanted = {(v.app_id, v.name): v for v in await self._read()}
            for key, source in list(self._sources.items()):
                if wanted.get(key) != source.voice:
                    del self._sources[key]
                    source.retired = True
                    self._close_unused(source)
            for key, voice in wanted.items():
                if key not in self._sources and (provider := await self._started(voice)) is not None:
                    self._sources[key] = _Source(voice, provider)
            self._absent = {v for v in self._absent if wanted.get((v.app_id, v.name)) == v}

    async def _started(self, voice: OwnVoice) -> SpeechProvider | None:
        """None, and said once, when it does not start: other apps' voices do."""
        provider: SpeechProvider | None = None
        try:
            provider = await asyncio.to_thread(self._make, voice)
            await provider.start()
        except Exception as error:
            if voice not in self._absent:
                log.error("a voice of app %s is not there (%s)", voice.app_id, type(error).__name__)
            self._absent.add(voice)
            if provider is not None:
                await provider.close()
            return None
        self._absent.discard(voice)
        return provider

    async def follow(self) -> None:
        """Until cancelled: what changes is known here within ``FOLLOW_EVERY`` seconds."""
        while True:
            try:
                await self.refresh()
            except Exception as error:
                log.info("voices of apps not read (%s)", type(error).__name__)
            await self._clock.sleep_until(self._clock.monotonic() + FOLLOW_EVERY)

    async def close(self) -> None:
        sources = list(self._sources.values())
        self._sources.clear()
        await asyncio.gather(*(s.provider.close() for s in sources), *self._closing)

    def _close_unused(self, source: _Source) -> None:
        if source.retired and not source.speaking:
            job = asyncio.create_task(source.provider.close())
            self._closing.add(job)
            job.add_done_callback(self._closing.discard)

    def _make(self, voice: OwnVoice) -> SpeechProvider:
        if voice.endpoint is not None:
            from bunraku.node.speech.openai_voices import OpenAIProvider

            return OpenAIProvider(
                voice.endpoint,
                digital_human_id=voice.digital_human_id,
                guarded=not self._allow_private,
            )
        assert voice.folder is not None
        return PiperProvider(
            voice.folder,
            self._clock,
            prefix=f"{PREFIX}-{voice.name}",
            digital_human_id=voice.digital_human_id,
        )
