"""Where performances are made: art is decoded, the first picture encoded, on threads of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bunraku.core.clock import Clock
from bunraku.core.commission import Role
from bunraku.core.errors import ApiError
from bunraku.core.framing import Framing
from bunraku.core.settings import LimitSettings
from bunraku.core.stream_task import StreamTask
from bunraku.node.avatars import backdrop
from bunraku.node.avatars.base import AvatarPack
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.fetch import Fetcher
from bunraku.node.performance.drawing import drawn_track
from bunraku.node.performance.line import Voicing
from bunraku.node.performance.performance import Audience, Performance, Publication

log = logging.getLogger(__name__)


class StagingFailed(Exception):
    """The performance could not be made; the text says why and is shown as FailReason."""


class Stage:
    """Guaranteed: a performance that fails says so to its audience and touches no other.

    Decoding art has threads of its own, so that a start never delays a running picture.
    """

    def __init__(
        self,
        clock: Clock,
        catalog: Catalog,
        fetcher: Fetcher,
        voicing: Callable[[int], Voicing],
        *,
        queue_capacity: int,
    ) -> None:
        """``voicing`` gives an app's way from scripts to sound."""
        self._clock, self._catalog, self._fetcher, self._voicing = clock, catalog, fetcher, voicing
        self._queue_capacity = queue_capacity
        workers = max(2, (os.cpu_count() or 2))
        self._pictures = ThreadPoolExecutor(workers, thread_name_prefix="picture")
        self._art = ThreadPoolExecutor(1, thread_name_prefix="art")

    def change(self, limits: LimitSettings) -> None:
        """For performances that are made from now on."""
        self._queue_capacity = limits.drive_queue

    def cast(self, app_id: int, digital_human_id: str) -> Role:
        """Raises ``DigitalHumanNotFound``, or what makes it unusable. The app's own must have been brought
        here."""
        pack = self._catalog.get(digital_human_id, tenant=app_id)
        return Role(pack.id, pack.emotion, own=self._catalog.is_own(pack.id))

    async def make(
        self, record: StreamTask, background_url: str | None, outlet: Publication, audience: Audience
    ) -> Performance:
        """A performance whose first picture is encoded; its ``run`` is the caller's.

        Raises ``StagingFailed``, ``ApiError`` for unusable art, and whatever else breaks.
        """
        pack = self._catalog.get(record.digital_human_id, tenant=record.app_id)
        framing = record.framing
        if background_url is not None:
            framing = await self._furnish(record, background_url)
        loop = asyncio.get_running_loop()
        avatar = await loop.run_in_executor(self._art, pack.stage, framing)
        performance = Performance(
            self._clock,
            avatar,
            outlet,
            audience,
            self._voicing(record.app_id),
            self._pictures,
            bitrate=record.bitrate,
            seed=zlib.crc32(record.id.encode()),
            mood=record.emotion,
            queue_capacity=self._queue_capacity,
            drawing=drawn_track(avatar, framing, outlet),
        )
        await performance.open()
        return performance

    async def _furnish(self, record: StreamTask, url: str) -> Framing:
        """The framing with its backdrop. Not part of the record, which outlives the task."""
        framing = record.framing
        try:
            picture = await backdrop.fetch(self._fetcher, url, record.app_id, framing.width, framing.height)
        except backdrop.BackdropFailed as error:
            raise StagingFailed(f"ExtraConfig.BackgroundUrl: {error}") from error
        return replace(framing, backdrop=picture)

    async def warm(self, packs: list[AvatarPack], framings: tuple[Framing, ...]) -> None:
        """Decode packs ahead of the first task that wants them."""
        loop = asyncio.get_running_loop()
        for framing in framings:
            for pack in packs:
                try:
                    await loop.run_in_executor(self._art, pack.stage, framing)
                except ApiError as error:
                    log.error("digital human %s: %s", pack.name, error.message)

    async def close(self) -> None:
        self._pictures.shutdown(wait=False, cancel_futures=True)
        self._art.shutdown(wait=False, cancel_futures=True)
