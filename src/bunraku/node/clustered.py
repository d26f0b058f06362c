"""A node among others: it keeps a lease, claims its rooms, and looks after its neighbours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from bunraku.core.apps import App, Apps
from bunraku.core.clock import Clock, timeout
from bunraku.core.commission import Commission
from bunraku.core.load import Load
from bunraku.core.settings import Settings
from bunraku.core.stream_task import StreamTask
from bunraku.core.tracing import UNTRACED, Tracer
from bunraku.node.compose import NodeParts, assemble
from bunraku.node.lease import Lease
from bunraku.node.neighbours import Neighbours
from bunraku.node.rooms.afar import Listeners
from bunraku.node.rooms.claimed import ClaimedRooms, RoomClaims
from bunraku.node.speech.base import SpeechProvider
from bunraku.node.streams.sources import LiveSources
from bunraku.nodes.rooms import SoundHall
from bunraku.store.app_store import AppStore
from bunraku.store.database import Database

log = logging.getLogger(__name__)

SILENCE = 2.0  # s that falling silent may take


class ClusteredNode:
    """Owns the parts of a node and what binds it to the others."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        node_id: str,
        on_lost: Callable[[], None],
        providers: Sequence[SpeechProvider] | None = None,
        tracer: Tracer = UNTRACED,
        *,
        others: Callable[[str], SoundHall],
    ) -> None:
        """``others`` are nodes by their ids. ``on_lost`` is called when everything of this life has fallen
        silent; it should end the process: what begins again begins empty."""
        self._clock, self._on_lost, self._tracer = clock, on_lost, tracer
        self._database = Database.of(settings.database_url, settings.data_dir)
        self._apps = Apps([App.from_settings(a) for a in settings.apps])
        self._app_store = AppStore(self._apps, self._database.sessions, clock)
        self._parts = assemble(
            settings,
            clock,
            self._apps,
            self._database,
            node_id=node_id,
            providers=providers,
            fence=lambda: self._lease.closed,
            tracer=tracer,
            others=others,
        )
        p = self._parts
        self._claims = RoomClaims(p.rooms, p.journal, clock)
        self._rooms = ClaimedRooms(p.desk, p.rooms, self._claims)
        here = LiveSources(p.rooms.stream, p.desk.microphone)
        self._listeners = Listeners(here, clock, node_id, lambda: self._lease.closed)
        self._lease = Lease(clock, p.lives, self._load, self._lost)
        self._neighbours = Neighbours(clock, p.lives, p.herald, lambda: self._lease.heard)
        self._silenced: asyncio.Task[None] | None = None
        p.journal.on_fenced = self._lease.lose

    @property
    def parts(self) -> NodeParts:
        return self._parts

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, self._tracer.close)
            await self._database.open()
            stack.push_async_callback(self._database.close)
            await self._app_store.load()
            await stack.enter_async_context(self._parts.running())
            stack.push_async_callback(self._listeners.close)
            owner = self._parts.journal.owner
            for work in (
                self._lease.keep(owner),
                self._neighbours.watch(owner),
                self._app_store.follow(),
            ):
                job = asyncio.create_task(work)
                stack.push_async_callback(_ended, job)
            yield

    def _load(self) -> Load:
        return replace(self._parts.node.load(), rooms=self._claims.count)

    # --- the hall

    def answer(self, name: str) -> Callable[..., Any]:
        """What answers a question of the hall."""
        if name == "create":
            return self.create
        for hall in (self._rooms, self._listeners):
            if hasattr(hall, name):
                return getattr(hall, name)
        return getattr(self._parts.node, name)

    async def create(self, commission: Commission) -> StreamTask:
        app_id, room_id = commission.app_id, commission.room_id
        self._claims.admit(app_id, room_id)
        record = await self._parts.node.create(commission)
        self._claims.held(app_id, room_id)
        return record

    async def apply(self, settings: Settings) -> None:
        """Apps, limits and callbacks from now on."""
        await self._app_store.named([App.from_settings(a) for a in settings.apps])
        await self._parts.apply(settings)

    # --- the end

    async def drain(self, deadline: float) -> None:
        """Take no new rooms; return when no task is left, at the latest after ``deadline`` seconds, when
        those that are left are stopped."""
        self._claims.refuse_new()
        self._lease.drain()
        try:
            async with timeout(self._clock, deadline):
                await self._parts.manager.emptied(stop=False)
        except TimeoutError:
            log.warning("drained by force")
        self._parts.manager.drain()
        await self._parts.manager.emptied(stop=True)

    def _lost(self) -> None:
        self._silenced = asyncio.create_task(self._fall_silent(), name="silence")

    async def _fall_silent(self) -> None:
        """Watchers are told that it is over, so that they look for their stream elsewhere."""
        try:
            async with timeout(self._clock, SILENCE):
                await self._parts.delivery.abandon()
                await self._parts.manager.abandon()
                await self._parts.desk.close()
                await self._parts.transport.close()
        except Exception:
            log.exception("silence")
        finally:
            self._on_lost()


async def _ended(job: asyncio.Task[None]) -> None:
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
