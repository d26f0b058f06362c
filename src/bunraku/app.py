"""The only composition root: ``Settings`` to a running server."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
from fastapi import FastAPI

from bunraku import __version__
from bunraku.apps import App, Apps
from bunraku.avatars.base import Framing
from bunraku.avatars.catalog import Catalog
from bunraku.callbacks.delivery import Delivery
from bunraku.clock import Clock, SystemClock
from bunraku.engines.local import LocalEngine
from bunraku.fetch import Fetcher
from bunraku.http import is_loopback
from bunraku.rpc.actions import ACTION_NAMES, Actions
from bunraku.rpc.drive_socket import DriveSockets
from bunraku.rpc.gate import Gate
from bunraku.rpc.limits import CallLimits
from bunraku.rpc.server import Dispatcher, install
from bunraku.rtc.aiortc_watch import AiortcTransport
from bunraku.rtc.login import Doorkeeper
from bunraku.rtc.port import PortTransport
from bunraku.rtc.room import Rooms
from bunraku.rtc.signaling import Signaling
from bunraku.rtc.transport import Transport
from bunraku.rtc.whep import Whep
from bunraku.rtc.whip import Whip
from bunraku.settings import Settings
from bunraku.speech import espeak, flite
from bunraku.speech.audio_file import AudioFiles
from bunraku.speech.base import SpeechProvider
from bunraku.speech.openai_voices import OpenAIProvider
from bunraku.speech.piper import PiperProvider
from bunraku.speech.voices import Voices
from bunraku.store.app_store import AppStore
from bunraku.store.journal import Journal
from bunraku.tasks.driving import Driving
from bunraku.tasks.manager import TaskManager
from bunraku.web.app_desk import AppDesk
from bunraku.web.assets import Assets
from bunraku.web.backstage import Backstage
from bunraku.web.console import Console
from bunraku.web.metrics import LoopLag, Metrics
from bunraku.web.player import Player

log = logging.getLogger(__name__)

# Decoded at start-up, so that the first task of most servers begins at once; the rest take about a
# second of their own first task.
WARM = (Framing(720, 1280), Framing(512, 512))
WARM_PACKS = 2


@dataclass(frozen=True, slots=True)
class Server:
    """The parts of a running server that tools and tests reach for."""

    settings: Settings
    clock: Clock
    apps: Apps
    catalog: Catalog
    voices: Voices
    rooms: Rooms
    engine: LocalEngine
    journal: Journal
    delivery: Delivery
    manager: TaskManager
    driving: Driving


def prepare_data_dir(path: Path) -> Path:
    """Create the data directory, for this user only."""
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o700)
    return path


def installed_providers(settings: Settings) -> list[SpeechProvider]:
    """The voices this machine has."""
    providers: list[SpeechProvider] = []
    if espeak.available():
        providers.append(espeak.EspeakProvider(settings.speech.espeak_helpers))
    speech = settings.speech
    if speech.flite_helpers and (voices := flite.installed()):
        providers.append(flite.FliteProvider(voices, speech.flite_helpers))
    if speech.piper_voices is not None:
        providers.append(PiperProvider(speech.piper_voices))
    providers.extend(OpenAIProvider(endpoint) for endpoint in speech.endpoints)
    return providers


def build(
    settings: Settings, clock: Clock | None = None, providers: list[SpeechProvider] | None = None
) -> FastAPI:
    """An ASGI application; everything it owns starts and ends with its lifespan.

    ``providers`` replaces the installed voices, for tests.
    """
    cv2.setNumThreads(1)  # pictures are already spread over worker threads
    clock = clock or SystemClock()
    data = prepare_data_dir(settings.data_dir)
    apps = Apps([App.from_settings(a) for a in settings.apps])
    catalog = Catalog(settings.packs, settings.aliases)
    voices = Voices(
        installed_providers(settings) if providers is None else providers,
        settings.aliases,
        timeout=settings.speech.timeout,
    )
    rooms = Rooms()
    engine = LocalEngine(clock, queue_capacity=settings.limits.drive_queue, max_tasks=settings.limits.tasks)
    if settings.database_url is None:
        # It holds secrets of apps. SQLite gives its other files the same mode.
        os.close(os.open(data / "bunraku.db", os.O_CREAT | os.O_RDWR, 0o600))
    journal = Journal(settings.database_url or f"sqlite+aiosqlite:///{data / 'bunraku.db'}", clock)
    app_store = AppStore(apps, journal.sessions, clock)
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
    whip = Whip(rooms, door, settings.rtc.advertise, settings.rtc.ice_servers)
    driving = Driving(
        manager,
        voices,
        AudioFiles(fetcher),
        clock,
        whip,
        interrupt_drops_queue=settings.tasks.interrupt_drops_queue,
    )
    actions = Actions(settings, catalog, voices, manager, driving, journal)
    nonces = journal if settings.limits.strict_nonce else None
    gate = Gate(apps, clock, CallLimits(settings.limits, clock), ACTION_NAMES, nonces)
    dispatcher = Dispatcher(gate, actions, settings.public_url)
    rtc = settings.rtc
    transport: Transport = (
        PortTransport(clock, rtc.port, rtc.advertise, rtc.watcher_timeout)
        if rtc.transport == "port"
        else AiortcTransport(clock, rtc.advertise, rtc.watcher_timeout)
    )
    whep = Whep(rooms, door, transport, settings.rtc.ice_servers, settings.rtc.max_watchers)
    server = Server(
        settings, clock, apps, catalog, voices, rooms, engine, journal, delivery, manager, driving
    )

    lag = LoopLag()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await journal.open()
        await app_store.load()
        await voices.start()
        await transport.start()
        await manager.start()
        watching = asyncio.create_task(lag.watch(), name="loop-lag")
        warming = asyncio.create_task(engine.warm(catalog.list()[:WARM_PACKS], WARM))
        log.info("ready")
        yield
        warming.cancel()
        watching.cancel()
        await manager.close()
        await whip.close()
        await transport.close()
        await delivery.close()
        await voices.close()
        await journal.close()
        await engine.close()

    app = FastAPI(
        title="Bunraku",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    app.state.server = server
    app.include_router(Signaling(rooms, door, settings.rtc.ice_servers).routes())
    app.include_router(whep.routes())
    app.include_router(whip.routes())
    app.include_router(DriveSockets(driving).routes())
    app.include_router(
        Metrics(manager, delivery, lag, lambda: manager.accepting and not journal.away).routes()
    )
    app.include_router(Assets(catalog, data / "assets").routes())
    app.include_router(Player().routes())
    if settings.console.enabled:
        private = is_loopback(settings.host) and settings.public_url is None
        console = Console(
            settings.console, apps, actions, clock, base_url=dispatcher.base_url, private=private
        )
        console.install(app)
        app.include_router(Backstage(console, apps, manager, delivery).routes())
        app.include_router(AppDesk(console, apps, app_store).routes())
    install(app, dispatcher, settings.rpc_prefix)
    return app
