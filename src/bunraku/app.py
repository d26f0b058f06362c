"""The only composition root: ``Settings`` to a running server."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
from fastapi import FastAPI

from bunraku import __version__
from bunraku.core.apps import App, Apps
from bunraku.core.clock import Clock, SystemClock
from bunraku.core.settings import Settings
from bunraku.front.edge.drive_socket import DriveSockets
from bunraku.front.edge.login import Doorkeeper
from bunraku.front.edge.signaling import Signaling
from bunraku.front.edge.whep import Whep
from bunraku.front.edge.whip import Whip
from bunraku.front.http import is_loopback
from bunraku.front.rpc.actions import ACTION_NAMES, Actions
from bunraku.front.rpc.gate import Gate
from bunraku.front.rpc.limits import CallLimits
from bunraku.front.rpc.server import Dispatcher, install
from bunraku.front.web.app_desk import AppDesk
from bunraku.front.web.assets import Assets
from bunraku.front.web.backstage import Backstage
from bunraku.front.web.console import Console
from bunraku.front.web.metrics import LoopLag, Metrics
from bunraku.front.web.player import Player
from bunraku.node.avatars.base import Framing
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.callbacks.delivery import Delivery
from bunraku.node.engines.local import LocalEngine
from bunraku.node.fetch import Fetcher
from bunraku.node.rooms.room import Rooms
from bunraku.node.rtc.aiortc.transport import AiortcTransport
from bunraku.node.rtc.base import Transport
from bunraku.node.rtc.port.transport import PortTransport
from bunraku.node.speech import espeak, flite, kokoro
from bunraku.node.speech.audio_file import AudioFiles
from bunraku.node.speech.base import SpeechProvider
from bunraku.node.speech.openai_voices import OpenAIProvider
from bunraku.node.speech.piper import PiperProvider
from bunraku.node.speech.voices import Voices
from bunraku.node.streams.sources import LiveSources
from bunraku.node.tasks.driving import Driving
from bunraku.node.tasks.manager import TaskManager
from bunraku.store.app_store import AppStore
from bunraku.store.journal import Journal

log = logging.getLogger(__name__)

# Decoded at start-up, so that the first task of most servers begins at once; the rest take about a
# second of their own first task.
WARM = (Framing(720, 1280), Framing(512, 512))
WARM_PACKS = 2


@dataclass(frozen=True, slots=True)
class Server:
    """The parts of a server that outlive a call; each is made once, here."""

    settings: Settings
    clock: Clock
    apps: Apps
    app_store: AppStore
    catalog: Catalog
    voices: Voices
    rooms: Rooms
    door: Doorkeeper
    transport: Transport
    whip: Whip
    engine: LocalEngine
    journal: Journal
    delivery: Delivery
    manager: TaskManager
    driving: Driving
    lag: LoopLag

    @property
    def ready(self) -> bool:
        """It takes new tasks."""
        return self.manager.accepting and not self.journal.away

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Started; what started is closed in the reverse order, also when a later part does not start."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.engine.close)
            await self.journal.open()
            stack.push_async_callback(self.journal.close)
            await self.app_store.load()
            await self.voices.start()
            stack.push_async_callback(self.voices.close)
            stack.push_async_callback(self.delivery.close)
            await self.transport.start()
            stack.push_async_callback(self.transport.close)
            stack.push_async_callback(self.whip.close)
            await self.manager.start()
            stack.push_async_callback(self.manager.close)
            for job in (self.lag.watch(), self.engine.warm(self.catalog.list()[:WARM_PACKS], WARM)):
                stack.callback(asyncio.create_task(job).cancel)
            log.info("ready")
            yield


def prepare_data_dir(path: Path) -> Path:
    """Create the data directory, for this user only."""
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o700)
    return path


def installed_providers(settings: Settings, clock: Clock) -> list[SpeechProvider]:
    """The voices this machine has, the pleasant ones first."""
    providers: list[SpeechProvider] = []
    speech = settings.speech
    if speech.kokoro_helpers and kokoro.installed():
        providers.append(kokoro.provider(settings.data_dir, speech, clock))
    if espeak.available():
        providers.append(espeak.EspeakProvider(speech.espeak_helpers))
    if speech.flite_helpers and (voices := flite.installed()):
        providers.append(flite.FliteProvider(voices, speech.flite_helpers))
    if speech.piper_voices is not None:
        providers.append(PiperProvider(speech.piper_voices))
    providers.extend(OpenAIProvider(endpoint) for endpoint in speech.endpoints)
    return providers


def assemble(
    settings: Settings, clock: Clock | None = None, providers: list[SpeechProvider] | None = None
) -> Server:
    """Make the parts; nothing runs yet."""
    cv2.setNumThreads(1)  # pictures are already spread over worker threads
    clock = clock or SystemClock()
    data = prepare_data_dir(settings.data_dir)
    if settings.database_url is None:
        # It holds secrets of apps. SQLite gives its other files the same mode.
        os.close(os.open(data / "bunraku.db", os.O_CREAT | os.O_RDWR, 0o600))
    apps = Apps([App.from_settings(a) for a in settings.apps])
    catalog = Catalog(settings.packs, settings.aliases)
    voices = Voices(
        installed_providers(settings, clock) if providers is None else providers,
        settings.aliases,
        timeout=settings.speech.timeout,
    )
    rooms = Rooms()
    engine = LocalEngine(clock, queue_capacity=settings.limits.drive_queue, max_tasks=settings.limits.tasks)
    journal = Journal(settings.database_url or f"sqlite+aiosqlite:///{data / 'bunraku.db'}", clock)
    delivery = Delivery(
        apps,
        journal,
        clock,
        timeout=settings.callbacks.timeout,
        timestamp_seconds=settings.callbacks.timestamp_seconds,
        allow_private=settings.fetch.allow_private,
    )
    fetcher = Fetcher(settings.fetch)
    manager = TaskManager(
        settings.tasks,
        clock,
        apps,
        catalog,
        engine,
        rooms,
        journal,
        delivery,
        fetcher,
        interrupted_as_5=settings.callbacks.interrupted_as_5,
    )
    door = Doorkeeper(apps, clock)
    rtc = settings.rtc
    whip = Whip(rooms, door, rtc.advertise, rtc.ice_servers)
    driving = Driving(
        manager,
        voices,
        AudioFiles(fetcher),
        clock,
        LiveSources(rooms, whip),
        interrupt_drops_queue=settings.tasks.interrupt_drops_queue,
    )
    transport: Transport = (
        PortTransport(clock, rtc.port, rtc.advertise, rtc.watcher_timeout)
        if rtc.transport == "port"
        else AiortcTransport(clock, rtc.advertise, rtc.watcher_timeout)
    )
    return Server(
        settings,
        clock,
        apps,
        AppStore(apps, journal.sessions, clock),
        catalog,
        voices,
        rooms,
        door,
        transport,
        whip,
        engine,
        journal,
        delivery,
        manager,
        driving,
        LoopLag(clock),
    )


def build(
    settings: Settings, clock: Clock | None = None, providers: list[SpeechProvider] | None = None
) -> FastAPI:
    """An ASGI application; everything it owns starts and ends with its lifespan.

    ``providers`` replaces the installed voices, for tests.
    """
    server = assemble(settings, clock, providers)
    app = FastAPI(
        title="Bunraku",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lambda _: server.running(),
    )
    app.state.server = server
    ice_servers, manager = settings.rtc.ice_servers, server.manager
    whep = Whep(server.rooms, server.door, server.transport, ice_servers, settings.rtc.max_watchers)
    for routes in (
        Signaling(server.rooms, server.door, ice_servers).routes(),
        whep.routes(),
        server.whip.routes(),
        DriveSockets(server.driving).routes(),
        Metrics(manager, server.delivery, server.lag, lambda: server.ready).routes(),
        Assets(server.catalog, settings.data_dir / "assets").routes(),
        Player().routes(),
    ):
        app.include_router(routes)
    _install_calls(app, server)
    return app


def _install_calls(app: FastAPI, server: Server) -> None:
    """The RPC, and the console that makes its calls for an operator."""
    settings, apps, clock = server.settings, server.apps, server.clock
    actions = Actions(settings, server.catalog, server.voices, server.manager, server.driving, server.journal)
    nonces = server.journal if settings.limits.strict_nonce else None
    gate = Gate(apps, clock, CallLimits(settings.limits, clock), ACTION_NAMES, nonces)
    dispatcher = Dispatcher(gate, actions, settings.public_url)
    if settings.console.enabled:
        private = is_loopback(settings.host) and settings.public_url is None
        console = Console(
            settings.console, apps, actions, clock, base_url=dispatcher.base_url, private=private
        )
        console.install(app)
        app.include_router(Backstage(console, apps, server.manager, server.delivery).routes())
        app.include_router(AppDesk(console, apps, server.app_store).routes())
    install(app, dispatcher, settings.rpc_prefix)
