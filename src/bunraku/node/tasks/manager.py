"""The stream tasks of a node: created, found, timed out, stopped and forgotten here."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Collection

from bunraku.core.clock import Clock, next_beat
from bunraku.core.commission import Commission
from bunraku.core.drive import Drive
from bunraku.core.errors import (
    DigitalHumanNotFound,
    NoResources,
    StreamAlreadyStopped,
    StreamConcurrencyLimit,
    StreamIdExists,
    SystemBusy,
    TaskNotFound,
)
from bunraku.core.meter import Meter
from bunraku.core.output import Output
from bunraku.core.settings import LimitSettings
from bunraku.core.stream_task import StreamTask
from bunraku.core.tracing import UNTRACED, Tracer
from bunraku.node.rooms.room import DIGITAL_HUMAN_USER, Rooms, StreamTaken
from bunraku.node.streams.stream import Stream
from bunraku.node.tasks.ended import EndedTasks
from bunraku.node.tasks.herald import Herald
from bunraku.node.tasks.live_task import LiveTask
from bunraku.node.tasks.stagehand import Stagehand
from bunraku.store.claims import HumanGone, NameTaken, NoSlot
from bunraku.store.journal import DatabaseAway

log = logging.getLogger(__name__)

MAX_LATENESS = 0.02  # s, half a tick: new tasks are refused before running ones suffer


class TaskManager:
    """Every method runs on the event loop; those that change state do so before they first wait, so
    that two calls never see half of each other's work."""

    def __init__(
        self,
        rooms: Rooms,
        herald: Herald,
        stagehand: Stagehand,
        ended: EndedTasks,
        clock: Clock,
        *,
        capacity: int,
        tracer: Tracer = UNTRACED,
    ) -> None:
        """``capacity``: stream tasks at once."""
        self._rooms, self._herald, self._stagehand, self._ended = rooms, herald, stagehand, ended
        self._clock, self._tracer = clock, tracer
        self._capacity = capacity
        self._live: dict[str, LiveTask] = {}
        self._coming: Counter[int] = Counter()
        """Per app: tasks that are being written for the first time."""
        self._births: set[asyncio.Future[None]] = set()
        """Of the same tasks: when it is known whether they came into being."""
        self._watchdog: asyncio.Task[None] | None = None
        self._past = Meter()
        self._accepting = True

    def change(self, limits: LimitSettings) -> None:
        """Tasks that run go on, also where they are too many now."""
        self._capacity = limits.tasks

    @property
    def capacity(self) -> int:
        """Stream tasks at once."""
        return self._capacity

    # --- life of the manager

    def start(self) -> None:
        """Keep time."""
        self._watchdog = asyncio.create_task(self._watch(), name="task-watchdog")

    async def close(self) -> None:
        """Stop every task: status 4, then 5, with their callbacks."""
        self._accepting = False
        if self._watchdog is not None:
            self._watchdog.cancel()
            await asyncio.gather(self._watchdog, return_exceptions=True)
        await self.emptied(stop=True)
        await self._herald.emptied()

    async def emptied(self, *, stop: bool, app_id: int | None = None) -> None:
        """Return when no task, or none of this app, is left or coming; ``stop`` them, or let them run
        out."""
        while True:
            tasks = [t for t in self._live.values() if app_id in (None, t.record.app_id)]
            if not tasks and not (self._births if app_id is None else self._coming[app_id]):
                return
            for live in tasks:
                if stop and live.record.status.live:
                    live.stop()
            await asyncio.wait([*self._births, *(asyncio.create_task(live.over()) for live in tasks)])

    async def dismiss(self, app_id: int) -> None:
        """Stop every task of an app: status 4, then 5, with their callbacks on their way when this
        returns, and all of it durable unless the database is away."""
        await self.emptied(stop=True, app_id=app_id)
        await self._herald.emptied()
        await self._herald.settle()

    async def evict(self, app_ids: Collection[int]) -> None:
        """Stop all tasks of these apps, also those that are coming."""
        if app_ids and self._births:
            await asyncio.wait(self._births)
        for live in tuple(self._live.values()):
            if live.record.app_id in app_ids and live.record.status.live:
                live.stop()

    async def abandon(self) -> None:
        """Another node ended these tasks, because this one was thought lost. Nobody is told again."""
        tasks = tuple(self._live.values())
        self._live.clear()
        await asyncio.gather(*(live.abandon() for live in tasks), return_exceptions=True)

    @property
    def accepting(self) -> bool:
        return self._accepting

    def drain(self) -> None:
        """Take no new tasks from now on."""
        self._accepting = False

    # --- queries

    def live(self, app_id: int) -> list[StreamTask]:
        """This app's tasks in status 1 or 3: ascending CreateTime, then TaskId (contract section 5.13)."""
        mine = [t.record for t in self._live.values() if t.record.app_id == app_id and t.record.status.live]
        return sorted(mine, key=lambda r: (int(r.created_at), r.id))

    def record(self, app_id: int, task_id: str) -> StreamTask:
        """Raises ``TaskNotFound``."""
        return self._known(app_id, task_id)[0]

    def drives(self, app_id: int, task_id: str) -> list[Drive]:
        """Oldest first. Raises ``TaskNotFound``."""
        return list(self._known(app_id, task_id)[1])

    def drive(self, app_id: int, drive_id: str) -> Drive:
        """Raises ``TaskNotFound``."""
        for live in self._live.values():
            found = live.find_drive(drive_id) if live.record.app_id == app_id else None
            if found is not None:
                return found
        drive = self._ended.find_drive(app_id, drive_id)
        if drive is None:
            raise TaskNotFound("DriveId")
        return drive

    def outputs(self, app_id: int, task_id: str) -> tuple[Output, ...]:
        """In the order they were added. Raises ``TaskNotFound``."""
        live = self._live.get(task_id)
        if live is not None and live.record.app_id == app_id:
            return live.outputs
        self._known(app_id, task_id)
        ended = self._ended.find(app_id, task_id)
        return () if ended is None else ended.outputs

    def _known(self, app_id: int, task_id: str) -> tuple[StreamTask, tuple[Drive, ...]]:
        live = self._live.get(task_id)
        if live is not None and live.record.app_id == app_id:
            return live.record, live.drives
        ended = self._ended.find(app_id, task_id)
        if ended is None:
            raise TaskNotFound("TaskId")
        return ended.record, ended.drives

    def get(self, app_id: int, task_id: str) -> LiveTask:
        """A task that is not over. Raises ``TaskNotFound`` or ``StreamAlreadyStopped``."""
        live = self._live.get(task_id)
        if live is not None and live.record.app_id == app_id:
            return live
        self._known(app_id, task_id)
        raise StreamAlreadyStopped

    def all(self) -> list[LiveTask]:
        return list(self._live.values())

    def totals(self) -> Meter:
        """Counts of all performances, ended ones included."""
        total = Meter()
        total.add(self._past)
        for live in self._live.values():
            live.add_to(total)
        return total

    @property
    def counted(self) -> int:
        """Tasks that hold a place."""
        return sum(t.record.status.counted for t in self._live.values()) + self._coming.total()

    @property
    def lateness(self) -> float:
        """Seconds by which the ticks of the latest performance come late."""
        return max((t.lateness for t in self._live.values()), default=0.0)

    # --- create

    async def create(self, commission: Commission) -> StreamTask:
        """Accept a task in status 1 and begin to start it; checks in the order of contract section 5.4.

        Raises their errors, and ``store.claims.Elsewhere`` when the room is on another node.
        """
        app_id = commission.app_id
        if not self._accepting:
            raise SystemBusy("server is shutting down")
        if self._herald.busy or self.lateness > MAX_LATENESS:
            raise SystemBusy("overloaded")
        if self._herald.away:
            raise SystemBusy("database is away")
        role = self._stagehand.cast(commission)
        if self._rooms.stream(app_id, commission.stream_id) is not None:
            raise StreamIdExists("RTCConfig.StreamId")
        mine = sum(t.record.app_id == app_id and t.record.status.counted for t in self._live.values())
        if mine + self._coming[app_id] >= commission.max_tasks:
            raise _app_full(commission)
        if self.counted >= self._capacity:
            raise NoResources
        record = StreamTask(
            id=str(uuid.uuid4()),
            app_id=app_id,
            digital_human_id=role.id,
            room_id=commission.room_id,
            stream_id=commission.stream_id,
            created_at=self._clock.wall(),
            ttl=commission.ttl,
            max_idle_time=commission.max_idle_time,
            framing=commission.framing,
            bitrate=commission.bitrate,
            emotion=commission.emotion or role.emotion,
            owner=self._herald.owner,
        )
        stream = _stream_of(record)
        try:
            self._rooms.reserve(stream)
        except StreamTaken as error:
            raise StreamIdExists("RTCConfig.StreamId") from error
        birth: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._births.add(birth)
        self._coming[app_id] += 1
        try:
            live = await self._bear(commission, record, stream, role.own)
        except BaseException:
            self._rooms.withdraw(stream)
            raise
        finally:
            self._coming[app_id] -= 1
            self._births.discard(birth)
            birth.set_result(None)
        live.start(commission)
        return record

    async def _bear(self, commission: Commission, record: StreamTask, stream: Stream, own: bool) -> LiveTask:
        try:
            placed = await self._herald.birth(record, commission.max_tasks, own=own)
        except NameTaken as error:
            raise StreamIdExists("RTCConfig.StreamId") from error
        except NoSlot as error:
            raise _app_full(commission) from error
        except HumanGone as error:
            raise DigitalHumanNotFound(record.digital_human_id) from error
        except DatabaseAway as error:
            raise SystemBusy("database is away") from error
        live = LiveTask(
            placed,
            stream,
            self._rooms,
            self._herald,
            self._stagehand,
            self._clock,
            self._retire,
            self._tracer,
        )
        self._live[record.id] = live
        live.add_outputs(commission.outputs)
        return live

    # --- the end

    async def stop(self, app_id: int, task_id: str) -> None:
        """Status 4 when this returns. Raises ``TaskNotFound`` or ``StreamAlreadyStopped``."""
        self.get(app_id, task_id).stop()
        await self._herald.settle()

    def _retire(self, live: LiveTask) -> None:
        if self._live.pop(live.record.id, None) is not None:
            live.add_to(self._past)
            self._ended.add(live.record, live.drives, live.outputs)

    # --- time

    async def _watch(self) -> None:
        # At every beat: TTL and MaxIdleTime are kept within a second (contract section 6.2).
        while True:
            await self._clock.sleep_until(next_beat(self._clock.monotonic()))
            now = self._clock.monotonic()
            for live in tuple(self._live.values()):
                try:
                    if live.expired(now):
                        live.stop()
                except Exception:
                    log.exception("task watchdog", extra={"task": live.record.id})


def _app_full(commission: Commission) -> StreamConcurrencyLimit:
    return StreamConcurrencyLimit(f"at most {commission.max_tasks} tasks")


def _stream_of(record: StreamTask) -> Stream:
    stream = Stream(record.app_id, record.room_id, record.stream_id, f"dh_{record.id}", DIGITAL_HUMAN_USER)
    stream.width, stream.height = record.framing.width, record.framing.height
    stream.is_digital_human = True
    stream.transparent = record.framing.transparent
    return stream
