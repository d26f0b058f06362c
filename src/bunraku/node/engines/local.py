"""Performances in this process, pictures on a pool of worker threads."""

from __future__ import annotations

import asyncio
import logging
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

from bunraku.core.clock import Clock
from bunraku.core.errors import ApiError
from bunraku.core.stream_task import StreamTask
from bunraku.node.avatars.base import AvatarPack, Framing
from bunraku.node.performance.performance import Audience, Outlet, Performance

log = logging.getLogger(__name__)


class LocalEngine:
    """Decoding art has threads of its own, so that a start never delays a running picture."""

    def __init__(self, clock: Clock, *, queue_capacity: int, max_tasks: int) -> None:
        workers = max(2, (os.cpu_count() or 2))
        self._clock = clock
        self._queue_capacity = queue_capacity
        self._max_tasks = max_tasks
        self._pictures = ThreadPoolExecutor(workers, thread_name_prefix="picture")
        self._art = ThreadPoolExecutor(1, thread_name_prefix="art")

    def has_room(self, running: int) -> bool:
        return running < self._max_tasks

    async def stage(
        self, task: StreamTask, framing: Framing, pack: AvatarPack, outlet: Outlet, audience: Audience
    ) -> Performance:
        loop = asyncio.get_running_loop()
        avatar = await loop.run_in_executor(self._art, pack.stage, framing)
        performance = Performance(
            self._clock,
            avatar,
            outlet,
            audience,
            self._pictures,
            bitrate=task.bitrate,
            seed=zlib.crc32(task.id.encode()),
            mood=task.emotion,
            queue_capacity=self._queue_capacity,
        )
        await performance.open()
        return performance

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
