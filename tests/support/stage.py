"""Stream tasks on virtual time: real rooms, herald, performances and sockets, a journal in memory, and
no encoder, for nobody watches."""

from __future__ import annotations

import asyncio
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from bunraku.core.clock import Clock
from bunraku.core.commission import Commission, Role
from bunraku.core.errors import DigitalHumanNotFound
from bunraku.core.framing import Framing
from bunraku.core.media import TICK_SAMPLES, TICK_US, Picture, Rect
from bunraku.core.owner import Owner
from bunraku.core.settings import OutputSettings, ProvenanceSettings, TaskSettings
from bunraku.core.tracing import UNTRACED, Tracer
from bunraku.core.urls import Guard
from bunraku.core.vocabulary import GESTURES
from bunraku.node.outputs.base import Means
from bunraku.node.outputs.finishing import Finisher
from bunraku.node.outputs.outputs import OutputMeans
from bunraku.node.outputs.storage import Storage
from bunraku.node.performance.performance import Performance
from bunraku.node.rooms.room import Rooms
from bunraku.node.streams.attention import Attention
from bunraku.node.tasks.drive_socket import DriveSockets
from bunraku.node.tasks.ended import EndedTasks
from bunraku.node.tasks.herald import Herald
from bunraku.node.tasks.live_task import LiveTask
from bunraku.node.tasks.manager import TaskManager
from bunraku.node.tasks.outbox import Outbox
from bunraku.node.tasks.stagehand import Stagehand
from bunraku.node.workers.pool import Workers
from bunraku.testing.clock import VirtualClock
from bunraku.testing.journal import MemoryJournal, MemoryLedger
from bunraku.testing.voices import tone
from bunraku.testing.voicing import ScriptedVoicing

TICK = TICK_US / 1e6
APP = 7
OWNER = Owner("n1", 1)


def output_means(clock: Clock) -> OutputMeans:
    """Nothing of it is started or made until an output needs it."""
    folder = Path(tempfile.gettempdir()) / "bunraku-stage"
    storage = Storage(OutputSettings(), folder)
    workers = Workers()
    finisher = Finisher(workers, storage, ProvenanceSettings(), 6.0)
    means = Means(workers, storage, clock, Guard(), finisher, timeout=15.0)
    return OutputMeans(means, ThreadPoolExecutor(1), patience=60.0, end_timeout=8.0)


class Face:
    """An avatar that keeps the mouths it was asked to show. ``fail``: rendering breaks."""

    gestures, latency = GESTURES, 0

    def __init__(self) -> None:
        self.picture = Picture(64, 64)
        self.mouths: list[Any] = []
        self.fail = False

    def render(self, moment: Any) -> Rect:
        if self.fail:
            raise RuntimeError("scripted")
        self.mouths.append(moment.weights)
        return Rect(0, 0, 64, 64)


class ScriptedStaging:
    """A ``Staging`` of one digital human. Knobs: ``delay``, seconds a start takes; ``error``, what it
    ends in; ``hangs``, how many performances will not stop."""

    def __init__(self, clock: VirtualClock, voicing: ScriptedVoicing) -> None:
        self._clock, self.voicing = clock, voicing
        self.executor = ThreadPoolExecutor(1)
        self.delay = 0.0
        self.error: Exception | None = None
        self.hangs = False
        self.queue_capacity = 3
        self.made: list[Performance] = []
        self.asked: list[str] = []

    def cast(self, app_id: int, digital_human_id: str) -> Role:
        del app_id
        self.asked.append(digital_human_id)
        if digital_human_id != "anna":
            raise DigitalHumanNotFound(digital_human_id)
        return Role("anna", "neutral")

    async def make(self, record: Any, background_url: str | None, outlet: Any, audience: Any) -> Performance:
        del background_url
        if self.delay:
            await self._clock.sleep_until(self._clock.monotonic() + self.delay)
        if self.error is not None:
            raise self.error
        kind = Hanging if self.hangs else Performance
        performance = kind(
            self._clock,
            Face(),
            outlet,
            audience,
            self.voicing,
            self.executor,
            bitrate=record.bitrate,
            seed=1,
            queue_capacity=self.queue_capacity,
        )
        self.made.append(performance)
        return performance


class Hanging(Performance):
    """Its picture never comes back."""

    async def stop(self) -> None:
        self.interrupt()
        await asyncio.Event().wait()


class Listener:
    """A ``Member`` of a room."""

    user_id, user_name, token = "u", "U", "t"

    def __init__(self, log: list[tuple[Any, ...]]) -> None:
        self._log = log

    def notify(self, event: dict[str, Any]) -> None:
        if event["event"] == "message":
            payload = json.loads(event["content"])
            if payload["Cmd"] == 1001:
                self._log.append(("room", payload["Data"]["DriveId"], payload["Data"]["Status"]))
            else:
                self._log.append(("caption", payload["Data"]["DriveId"], payload["Data"]["Text"]))
        elif event["event"] == "streams":
            self._log.append(("stream", event["update"]))

    def kick(self) -> None:
        raise AssertionError("nobody else is this user")


class Node:
    """``log`` has, in order, what receivers of callbacks and room members hear:
    ("task", status), ("drive", id, status), ("room", drive, status), ("stream", "ADD")."""

    def __init__(
        self,
        *,
        capacity: int = 4,
        ledger: MemoryLedger | None = None,
        owner: Owner = OWNER,
        tracer: Tracer = UNTRACED,
        clock: VirtualClock | None = None,
        **settings: Any,
    ) -> None:
        self.clock, self._owner = clock or VirtualClock(), owner
        self.journal = MemoryJournal(self.clock, owner, ledger)
        self.ledger = self.journal.ledger
        self.voicing = ScriptedVoicing()
        self.rooms = Rooms()
        self.staging = ScriptedStaging(self.clock, self.voicing)
        self.callbacks: list[Any] = []
        self.log: list[tuple[Any, ...]] = []
        self.wants_callbacks = True
        limits = TaskSettings(**settings)
        self.ended = EndedTasks(self.clock, limits.retention)
        self.herald = Herald(
            self.journal, Outbox(self.journal, self._deliver), lambda app_id: self.wants_callbacks, self.clock
        )
        stagehand = Stagehand(
            self.staging, output_means(self.clock), Attention(self._listen, self.clock), self.clock, limits
        )
        self.manager = TaskManager(
            self.rooms, self.herald, stagehand, self.ended, self.clock, capacity=capacity, tracer=tracer
        )
        self.sockets = DriveSockets("n1", self.clock)

    async def _listen(self, app_id: int, room_id: str, stream_id: str) -> None:
        """Nobody speaks."""

    def _deliver(self, callback: Any) -> None:
        self.callbacks.append(callback)
        detail = callback.detail
        if callback.event_type == 3:
            self.log.append(("task", detail["Status"]))
        else:
            self.log.append(("drive", detail["DriveId"], detail["Status"]))

    async def open(self) -> None:
        await self.journal.open(self._owner)
        self.manager.start()
        await self.clock.settle()

    async def close(self) -> None:
        closing = asyncio.create_task(self.manager.close())
        self.ledger.away, self.ledger.delay = False, 0.0
        for _ in range(100):
            if closing.done():
                break
            await self.clock.advance(0.25)
        await closing
        await self.journal.close()
        self.staging.executor.shutdown()

    def listen(self, room_id: str = "r") -> None:
        self.rooms.room(APP, room_id).join(Listener(self.log))

    def commission(self, stream_id: str = "s", **changes: Any) -> Commission:
        asked: dict[str, Any] = {
            "app_id": APP,
            "max_tasks": 3,
            "digital_human_id": "anna",
            "room_id": "r",
            "stream_id": stream_id,
            "framing": Framing(64, 64),
            "bitrate": 500_000,
        }
        return Commission(**(asked | changes))

    async def create(self, stream_id: str = "s", **changes: Any) -> LiveTask:
        """Accepted, and so far on as it comes without time passing."""
        record = await self.manager.create(self.commission(stream_id, **changes))
        live = self.manager.get(record.app_id, record.id)
        await self.clock.settle()
        return live

    async def ticks(self, count: int) -> None:
        for _ in range(count):
            await self.clock.advance(TICK)

    async def until(self, seconds: float) -> None:
        """Advance in beats."""
        for _ in range(round(seconds / 0.25)):
            await self.clock.advance(0.25)

    def script(self, ticks: int, **how: Any) -> Any:
        """Something that takes so many ticks to say."""
        return self.voicing.script(sound(ticks), **how)

    def heard(self, *kinds: str) -> list[tuple[Any, ...]]:
        return [entry for entry in self.log if entry[0] in kinds]


def sound(ticks: int) -> np.ndarray:
    return np.resize(tone(220.0, 1.0), ticks * TICK_SAMPLES)


def pcm(seconds: float, rate: int = 16000) -> bytes:
    """As a caller sends it."""
    return (np.sin(np.arange(round(seconds * rate)) / 8) * 8000).astype("<i2").tobytes()
