"""The composition root: ``Settings`` to a running server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI

from bunraku.core.apps import App, Apps
from bunraku.core.clock import Clock, SystemClock
from bunraku.core.settings import Settings
from bunraku.core.tracing import Tracer
from bunraku.front.compose import application
from bunraku.front.edge.links import Links
from bunraku.front.web.sessions import ConsoleSessions
from bunraku.node.alone import Alone
from bunraku.node.compose import NodeParts, assemble, node_name
from bunraku.node.speech.base import SpeechProvider
from bunraku.nodes.local import LocalNodes
from bunraku.process import prepare_data_dir
from bunraku.store.app_store import AppStore
from bunraku.store.database import Database
from bunraku.store.keys import Keys
from bunraku.telemetry import tracer as tracer_of


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """One process: a front and a node that call each other directly."""

    parts: NodeParts
    alone: Alone | None
    """Where others may share its database."""
    app_store: AppStore
    sessions: ConsoleSessions
    tracer: Tracer
    links: Links

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        database = self.parts.database
        await database.open()
        try:
            await self.app_store.load()
            self.sessions.open(await Keys(database).get("console"))
            self.links.open(await Keys(database).get("outputs"))
            async with self.parts.running():
                keeping = asyncio.create_task(self.alone.keep()) if self.alone else None
                try:
                    yield
                finally:
                    if keeping is not None:
                        keeping.cancel()
                        await asyncio.gather(keeping, return_exceptions=True)
        finally:
            await database.close()
            await asyncio.to_thread(self.tracer.close)


def build(
    settings: Settings,
    clock: Clock | None = None,
    providers: list[SpeechProvider] | None = None,
    tracer: Tracer | None = None,
) -> FastAPI:
    """An ASGI application; everything it owns starts and ends with its lifespan.

    ``providers`` replaces the installed voices, ``tracer`` the one of the settings, for tests.
    """
    clock = clock or SystemClock()
    data = prepare_data_dir(settings.data_dir)
    database = Database.of(settings.database_url, data)
    apps = Apps([App.from_settings(a) for a in settings.apps])
    app_store = AppStore(apps, database.sessions, clock)
    node_id = node_name(data)
    tracer = tracer or tracer_of(settings, clock, node_id)
    shared = settings.database_url is not None
    parts = assemble(
        settings,
        clock,
        apps,
        database,
        node_id=node_id,
        providers=providers,
        tracer=tracer,
        alone=shared,
    )
    info = partial(parts.info, clock.wall())
    nodes = LocalNodes(parts.node, parts.desk, parts.manager, lambda: parts.ready, info, node_id)
    sessions = ConsoleSessions(clock, settings.console.password)
    links = Links(clock, settings.outputs.link_seconds)
    alone = Alone(clock, parts) if shared else None
    server = EmbeddedServer(parts, alone, app_store, sessions, tracer, links)
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
        lambda _: server.running(),
    )

    async def apply(new: Settings) -> None:
        app.state.gate.change(new.limits)  # the only one that may refuse
        await app_store.named([App.from_settings(a) for a in new.apps])
        await parts.apply(new)

    app.state.server, app.state.drain, app.state.apply = server, parts.manager.close, apply
    return app
