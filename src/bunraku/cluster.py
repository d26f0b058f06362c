"""The composition root of more than one process: a front over nodes that Ray runs."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from bunraku.core.apps import App, Apps
from bunraku.core.clock import Clock, SystemClock
from bunraku.core.load import NodeInfo
from bunraku.core.settings import Settings
from bunraku.core.starting import CannotStart
from bunraku.core.tracing import Tracer
from bunraku.front.compose import application
from bunraku.front.edge.links import Links
from bunraku.front.web.sessions import ConsoleSessions
from bunraku.nodes.ray import cluster as ray_cluster
from bunraku.nodes.ray.cluster import Joined
from bunraku.nodes.ray.nodes import RayNodes
from bunraku.process import prepare, prepare_data_dir
from bunraku.reload import Reload, Source
from bunraku.store.app_store import AppStore
from bunraku.store.database import Database
from bunraku.store.directory import Directory
from bunraku.store.keys import Keys
from bunraku.store.lives import Lives
from bunraku.telemetry import tracer as tracer_of

log = logging.getLogger(__name__)


def check(settings: Settings, *, fronts: bool) -> None:
    """What more than one process needs; ``fronts``: there may be several of them.

    Raises ``CannotStart``.
    """
    if settings.database_url is None or not settings.database_url.startswith("postgresql"):
        raise CannotStart("more than one process needs PostgreSQL: set database_url = postgresql+asyncpg://…")
    if fronts and settings.limits.calls_per_second and not settings.limits.storage.startswith("redis"):
        raise CannotStart("more than one front needs Redis to count calls: set limits.storage = redis://…")


@dataclass(frozen=True, slots=True)
class Front:
    """One process that answers, and asks nodes elsewhere. ``own`` are the nodes that end with it."""

    database: Database
    app_store: AppStore
    sessions: ConsoleSessions
    nodes: RayNodes
    cluster: Joined
    own: tuple[str, ...]
    tracer: Tracer
    links: Links

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, self.tracer.close)
            await self.database.open()
            stack.push_async_callback(self.database.close)
            await self.app_store.load()
            self.sessions.open(await Keys(self.database).get("console"))
            self.links.open(await Keys(self.database).get("outputs"))
            await ray_cluster.started(self.cluster, list(self.own))
            await self.nodes.refresh()
            for work in (self.nodes.look(), self.app_store.follow()):
                stack.callback(asyncio.create_task(work).cancel)
            log.info("ready")
            yield

    async def drain(self) -> None:
        """Nodes of its own end in order: tasks are stopped, callbacks sent."""
        ends = (ray_cluster.drain(self.cluster, node_id, 0.0) for node_id in self.own)
        for end in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(end, BaseException):
                log.error("a node did not end in order (%s)", type(end).__name__)


def build(
    settings: Settings, cluster: Joined, own: Sequence[str] = (), clock: Clock | None = None
) -> FastAPI:
    """An ASGI application over the nodes of a cluster. ``own`` nodes are this process's to end."""
    clock = clock or SystemClock()
    database = Database.of(settings.database_url, prepare_data_dir(settings.data_dir))
    apps = Apps([App.from_settings(a) for a in settings.apps])
    app_store = AppStore(apps, database.sessions, clock)
    directory = Directory(database, clock, settings.tasks.retention)
    nodes = RayNodes(clock, directory, Lives(database))
    sessions = ConsoleSessions(clock, settings.console.password)
    links = Links(clock, settings.outputs.link_seconds)
    tracer = tracer_of(settings, clock)
    front = Front(database, app_store, sessions, nodes, cluster, tuple(own), tracer, links)
    app = application(
        settings,
        clock,
        database,
        apps,
        app_store,
        nodes,
        sessions,
        tracer,
        links,
        lambda _: front.running(),
    )

    async def apply(new: Settings) -> None:
        app.state.gate.change(new.limits)  # the only one that may refuse
        await app_store.named([App.from_settings(a) for a in new.apps])
        await ray_cluster.apply(cluster, own, new)

    app.state.server, app.state.drain, app.state.apply = front, front.drain, apply
    return app


async def keep(
    settings: Settings,
    cluster: Joined,
    count: int,
    deadline: float,
    log_level: str,
    source: Source,
) -> None:
    """Nodes of this machine until SIGINT or SIGTERM; then they are drained. At SIGHUP they are told what
    ``source`` gives."""
    check(settings, fronts=False)
    prepare_data_dir(settings.data_dir)
    await prepare(settings)
    ids = [ray_cluster.add(cluster, settings, i, log_level) for i in range(count)]
    await ray_cluster.started(cluster, ids)
    log.info("ready: %s", ", ".join(ids))
    Reload(settings, source, lambda new: ray_cluster.apply(cluster, ids, new)).listen()
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    await over.wait()
    log.info("draining")
    await asyncio.gather(*(ray_cluster.drain(cluster, i, deadline) for i in ids), return_exceptions=True)


async def status(settings: Settings) -> Sequence[NodeInfo]:
    """All nodes that the database knows of."""
    database = Database.of(settings.database_url, settings.data_dir)
    try:
        return await Lives(database).list()
    finally:
        await database.close()
