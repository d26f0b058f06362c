"""``Settings`` to the parts of a node. Nothing runs yet."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2

from bunraku import __version__
from bunraku.core.apps import Apps
from bunraku.core.calls import note
from bunraku.core.clock import Clock
from bunraku.core.framing import Framing
from bunraku.core.load import NodeInfo
from bunraku.core.owner import Owner
from bunraku.core.settings import Settings
from bunraku.core.tracing import UNTRACED, Tracer
from bunraku.core.urls import Guard
from bunraku.node.assets import AssetCache
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.callbacks.delivery import Delivery
from bunraku.node.fetch import Fetcher
from bunraku.node.lag import LoopLag
from bunraku.node.node import LocalNode
from bunraku.node.outputs.base import Means
from bunraku.node.outputs.finishing import Finisher
from bunraku.node.outputs.outputs import OutputMeans
from bunraku.node.outputs.salvage import Salvage
from bunraku.node.outputs.storage import Storage
from bunraku.node.people import models
from bunraku.node.people.own_packs import OwnPacks
from bunraku.node.people.people import People
from bunraku.node.people.shelf import Shelf
from bunraku.node.people.workshop import Workshop
from bunraku.node.performance.stage import Stage
from bunraku.node.performance.voicing import NodeVoicing
from bunraku.node.provenance import ProvenanceUnusable, seal_of
from bunraku.node.rooms.afar import SourcesAnywhere
from bunraku.node.rooms.desk import RoomDesk
from bunraku.node.rooms.room import Rooms
from bunraku.node.rtc.aiortc.transport import AiortcTransport
from bunraku.node.rtc.base import Transport
from bunraku.node.rtc.port.transport import PortTransport
from bunraku.node.speech import espeak, flite, kokoro
from bunraku.node.speech.audio_file import AudioFiles
from bunraku.node.speech.base import SpeechProvider
from bunraku.node.speech.own_voices import OwnVoices
from bunraku.node.speech.piper import PiperProvider
from bunraku.node.speech.voices import Voices
from bunraku.node.streams.attention import Attention
from bunraku.node.streams.sources import LiveSources
from bunraku.node.streams.stream import never
from bunraku.node.tasks.drive_socket import DriveSockets
from bunraku.node.tasks.ended import EndedTasks
from bunraku.node.tasks.herald import Herald
from bunraku.node.tasks.manager import MAX_LATENESS, TaskManager
from bunraku.node.tasks.outbox import Outbox
from bunraku.node.tasks.stagehand import Stagehand
from bunraku.node.workers.pool import Workers
from bunraku.nodes.rooms import SoundHall
from bunraku.store.database import Database
from bunraku.store.directory import Directory
from bunraku.store.journal import Journal
from bunraku.store.ledger import DatabaseLedger
from bunraku.store.lives import ALONE, Ending, Lives
from bunraku.store.nonces import Nonces
from bunraku.store.people_store import PeopleStore
from bunraku.store.retention import Retention
from bunraku.store.voice_store import VoiceStore

log = logging.getLogger(__name__)

# Decoded at start-up, so that the first task of most servers begins at once; the rest take about a
# second of their own first task.
WARM = (Framing(720, 1280), Framing(512, 512))
WARM_PACKS = 2
FORGET_EVERY = 60.0
OUTPUTS_END = 0.8  # of the time a task may take to stop
SIGNING_END = 0.75  # of that
NONCES_KEPT = 1300  # s: longer than a signature may be used in either direction


def installed_providers(settings: Settings, clock: Clock) -> list[SpeechProvider]:
    """The voices this machine has, the pleasant ones first."""
    providers: list[SpeechProvider] = []
    speech = settings.speech
    if speech.kokoro_helpers and kokoro.installed():
        providers.append(kokoro.new_provider(settings.data_dir, speech, clock))
    if espeak.available():
        providers.append(espeak.EspeakProvider(speech.espeak_helpers))
    if speech.flite_helpers and (voices := flite.installed()):
        providers.append(flite.FliteProvider(voices, speech.flite_helpers))
    if speech.piper_voices is not None:
        providers.append(PiperProvider(speech.piper_voices))
    if speech.endpoints:  # its HTTP client is megabytes
        from bunraku.node.speech.openai_voices import OpenAIProvider

        providers.extend(OpenAIProvider(endpoint) for endpoint in speech.endpoints)
    return providers


def node_name(data_dir: Path) -> str:
    """Of the node that this data directory belongs to; made once."""
    path = data_dir / "node"
    if not path.exists():
        path.write_text(f"n{secrets.token_hex(4)}")
    return path.read_text().strip()


@dataclass(frozen=True, slots=True)
class NodeParts:
    """What a node is made of; each is made once, here."""

    settings: Settings
    clock: Clock
    apps: Apps
    database: Database
    catalog: Catalog
    voices: Voices
    own_voices: OwnVoices
    rooms: Rooms
    transport: Transport
    desk: RoomDesk
    stage: Stage
    journal: Journal
    lives: Lives
    ended: EndedTasks
    directory: Directory
    herald: Herald
    workers: Workers
    delivery: Delivery
    manager: TaskManager
    sockets: DriveSockets
    lag: LoopLag
    node: LocalNode
    storage: Storage
    salvage: Salvage
    people: People
    sound: Executor

    @property
    def ready(self) -> bool:
        """It takes new tasks."""
        refusing = self.journal.away or self.journal.overloaded or self.manager.lateness > MAX_LATENESS
        return self.manager.accepting and not refusing

    def info(self, started_at: float) -> NodeInfo:
        """What it says of itself to the operator of this process; ``started_at`` in Unix seconds."""
        owner, load = self.journal.owner, replace(self.node.load(), rooms=self.rooms.count)
        state = "up" if self.manager.accepting else "draining"
        machine = socket.gethostname()
        return NodeInfo(owner.node_id, owner.epoch, state, machine, __version__, started_at, 0, load)

    async def apply(self, settings: Settings) -> None:
        """Its limits and callbacks from now on; tasks of apps that are gone are stopped."""
        self.manager.change(settings.limits)
        self.stage.change(settings.limits)
        self.delivery.change(settings.callbacks)
        self.herald.change(settings.callbacks)
        await self.manager.evict(self.apps.gone)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Started; what started is closed in the reverse order, also when a later part does not start.

        The database is open, and its apps are known.
        """
        note(node=self.journal.owner.node_id)  # for the log: of everything that starts here
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.stage.close)
            stack.callback(self.sound.shutdown, wait=False, cancel_futures=True)
            await self.voices.start()
            stack.push_async_callback(self.voices.close)
            stack.push_async_callback(self.own_voices.close)
            stack.push_async_callback(self.workers.close)
            await self.transport.start()
            stack.push_async_callback(self.transport.close)
            await self.desk.start()
            stack.push_async_callback(self.desk.close)
            # From here on this life of the node owns what it does, and its former ones nothing.
            owner, ending = await self.begin()
            await self.journal.open(owner)
            stack.push_async_callback(self._leave)
            stack.push_async_callback(self.journal.close)
            # An attempt that is under way is noted before the journal closes: it would be made again.
            stack.push_async_callback(self.delivery.close)
            self.herald.outbox.resume(ending.callbacks)
            await self.people.workshop.clear()
            for record, drives, outputs in await self.directory.ended():
                self.ended.add(record, drives, outputs)
            stack.push_async_callback(self.herald.emptied)
            stack.push_async_callback(self.people.workshop.cancel)
            await asyncio.to_thread(self._sealing)
            self.manager.start()
            stack.push_async_callback(self.manager.close)
            jobs = (
                self.lag.watch(),
                self.own_voices.follow(),
                self.journal.look(),
                self.workers.warm(),
                self.stage.warm(self.catalog.list()[:WARM_PACKS], WARM),
                self._forget(),
                self.salvage.keep(),
            )
            for job in jobs:
                stack.callback(asyncio.create_task(job).cancel)
            log.info("ready")
            yield

    async def begin(self) -> tuple[Owner, Ending]:
        """A new life of this node, in the database; the callbacks of the ending are still to be sent."""
        machine, now = socket.gethostname(), self.clock.wall()
        node_id = self.journal.owner.node_id
        return await self.lives.begin(node_id, machine, __version__, now, self.herald.end_lost)

    async def _leave(self) -> None:
        """In order, whichever life this is by now."""
        await self.lives.leave(self.journal.owner)

    def _sealing(self) -> None:
        """Say now what would be said of each recording; none of it keeps a server from serving."""
        try:
            seal_of(self.settings.provenance)
        except ProvenanceUnusable as error:
            log.error("recordings are not signed: %s", error)

    async def _forget(self) -> None:
        """What is past its retention."""
        nonces = Nonces(self.database, self.clock)
        kept = self.settings.retention
        retention = Retention(self.database, self.clock, kept, self.settings.tasks.retention)
        while True:
            await self.clock.sleep_until(self.clock.monotonic() + FORGET_EVERY)
            self.ended.forget()
            try:
                await retention.sweep()
                await self.lives.forget()
                await nonces.forget_before(int(self.clock.wall()) - NONCES_KEPT)
                await asyncio.to_thread(self.storage.sweep, self.clock.wall())
                await self.people.sweep()
            except Exception:
                log.exception("forgetting")


def assemble(
    settings: Settings,
    clock: Clock,
    apps: Apps,
    database: Database,
    *,
    node_id: str,
    providers: Sequence[SpeechProvider] | None = None,
    fence: Callable[[], bool] = never,
    tracer: Tracer = UNTRACED,
    others: Callable[[str], SoundHall] | None = None,
    alone: bool = False,
) -> NodeParts:
    """``providers`` replaces the installed voices, for tests. While ``fence`` says so, no sound and no
    picture leaves the node. ``alone``: it shares its database with servers it knows nothing of."""
    cv2.setNumThreads(1)  # pictures are already spread over worker threads
    cache = settings.cache_dir or settings.data_dir / "cache"
    label = settings.provenance.label
    kept_people, shelf = PeopleStore(database), Shelf(settings.people, settings.outputs, settings.data_dir)
    own_packs = OwnPacks(kept_people, shelf, cache / _people_of(settings), label)
    catalog = Catalog(settings.packs, settings.aliases, cache=cache / "art", label=label, own=own_packs)
    own_voices = OwnVoices(VoiceStore(database).all, clock, allow_private=settings.fetch.allow_private)
    voices = Voices(
        installed_providers(settings, clock) if providers is None else list(providers),
        settings.aliases,
        timeout=settings.speech.timeout,
        own=own_voices,
        clock=clock,
    )
    rooms, rtc = Rooms(fence), settings.rtc
    transport: Transport = (
        PortTransport(clock, rtc.port, rtc.advertise, rtc.watcher_timeout)
        if rtc.transport == "port"
        else AiortcTransport(clock, rtc.advertise, rtc.watcher_timeout)
    )
    desk = RoomDesk(rooms, transport, clock, node_id, max_watchers=rtc.max_watchers)
    workers = Workers()
    fetcher = Fetcher(settings.fetch, workers)
    files = AudioFiles(fetcher)
    directory = Directory(database, clock, settings.tasks.retention)
    here = LiveSources(rooms.stream, desk.microphone)
    sources = here if others is None else SourcesAnywhere(here, directory.place_of_stream, others, node_id)
    stage = Stage(
        clock,
        catalog,
        fetcher,
        lambda app_id: NodeVoicing(app_id, voices, files, sources, clock),
        queue_capacity=settings.limits.drive_queue,
    )
    journal = Journal(DatabaseLedger(database), clock, Owner(node_id, 0))
    delivery = Delivery(
        apps,
        journal,
        clock,
        workers,
        timeout=settings.callbacks.timeout,
        timestamp_seconds=settings.callbacks.timestamp_seconds,
        allow_private=settings.fetch.allow_private,
    )
    herald = Herald(
        journal,
        Outbox(journal, delivery.send),
        partial(_has_receiver, apps),
        clock,
        settings.callbacks.interrupted_as_5,
        settings.callbacks.extended,
    )
    ended = EndedTasks(clock, settings.tasks.retention)
    storage, sound = Storage(settings.outputs, settings.data_dir), ThreadPoolExecutor(1, "sound")
    guard = Guard(settings.fetch.allow_private, settings.outputs.private_targets)
    outputs_end = settings.tasks.stop_timeout * OUTPUTS_END
    finisher = Finisher(workers, storage, settings.provenance, outputs_end * SIGNING_END)
    outputs = OutputMeans(
        Means(workers, storage, clock, guard, finisher, settings.outputs.timeout),
        sound,
        settings.outputs.patience,
        outputs_end,
    )
    stagehand = Stagehand(stage, outputs, Attention(sources.listen, clock), clock, settings.tasks)
    manager = TaskManager(
        rooms, herald, stagehand, ended, clock, capacity=settings.limits.tasks, tracer=tracer
    )
    workshop = Workshop(
        settings.people,
        settings.fetch,
        kept_people,
        shelf,
        workers,
        clock,
        lambda: journal.owner,
        herald.human,
        (cache / f"making-{node_id}").absolute(),
        models.folder_of(settings.people.nets, settings.data_dir),
    )
    people = People(kept_people, shelf, workshop, own_packs, clock)
    sockets, lag = DriveSockets(node_id, clock), LoopLag(clock)
    assets = AssetCache(catalog, settings.data_dir / "assets")
    node = LocalNode(
        settings,
        apps,
        catalog,
        voices,
        assets,
        desk,
        manager,
        ended,
        sockets,
        journal,
        delivery,
        lag,
        storage,
        people,
    )
    return NodeParts(
        settings,
        clock,
        apps,
        database,
        catalog,
        voices,
        own_voices,
        rooms,
        transport,
        desk,
        stage,
        journal,
        Lives(database, ALONE) if alone else Lives(database),
        ended,
        directory,
        herald,
        workers,
        delivery,
        manager,
        sockets,
        lag,
        node,
        storage,
        Salvage(clock, storage, finisher),
        people,
        sound,
    )


def _people_of(settings: Settings) -> str:
    """A folder's name: servers that share a cache, but no database, know nothing of each other's people."""
    database = settings.database_url or str(settings.data_dir.absolute())
    return f"people-{hashlib.sha256(database.encode()).hexdigest()[:12]}"


def _has_receiver(apps: Apps, app_id: int) -> bool:
    app = apps.receiver(app_id)
    return app is not None and app.callback_url is not None
