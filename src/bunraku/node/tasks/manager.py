"""The sole owner of live stream tasks: creates, finds, times out, stops and forgets them."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass, replace

from bunraku.core.apps import App, Apps
from bunraku.core.clock import Clock, next_beat
from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.errors import (
    NoResources,
    StreamAlreadyStopped,
    StreamConcurrencyLimit,
    StreamIdExists,
    SystemBusy,
    TaskNotFound,
)
from bunraku.core.settings import TaskSettings
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.node.avatars import backdrop
from bunraku.node.avatars.base import AvatarPack, Framing
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.callbacks.delivery import Delivery
from bunraku.node.engines.base import Engine
from bunraku.node.fetch import Fetcher
from bunraku.node.performance.meter import Meter
from bunraku.node.rooms.room import DIGITAL_HUMAN_USER, Rooms, Stream, StreamTaken
from bunraku.node.tasks.ended import EndedTasks
from bunraku.node.tasks.live_task import Herald, LiveTask
from bunraku.node.tasks.outbox import Outbox
from bunraku.store.journal import SETTLE, Journal
from bunraku.store.tables import DriveRow, TaskRow

log = logging.getLogger(__name__)

FORGET_EVERY = 60.0
MAX_LATENESS = 0.02  # s, half a tick: new tasks are refused before running ones suffer


@dataclass(frozen=True, slots=True)
class Commission:
    """What CreateDigitalHumanStreamTask asks for, validated."""

    digital_human_id: str
    room_id: str
    stream_id: str
    framing: Framing
    bitrate: int
    ttl: int
    max_idle_time: int
    emotion: str | None
    """None for the digital human's own."""
    background_url: str | None = None


class TaskManager:
    """Every public method runs on the event loop; those that change state do so before they
    first wait, so that two calls never see half of each other's work."""

    def __init__(
        self,
        settings: TaskSettings,
        clock: Clock,
        apps: Apps,
        catalog: Catalog,
        engine: Engine,
        rooms: Rooms,
        journal: Journal,
        delivery: Delivery,
        fetcher: Fetcher,
        *,
        interrupted_as_5: bool,
    ) -> None:
        self.settings = settings
        self._clock, self._apps, self._catalog = clock, apps, catalog
        self._engine, self._rooms, self._journal, self._fetcher = engine, rooms, journal, fetcher
        self._outbox = Outbox(journal, delivery)
        self._herald = Herald(journal.note, self._outbox.send, self._has_receiver, clock, interrupted_as_5)
        self._live: dict[str, LiveTask] = {}
        self._ended = EndedTasks(clock, settings.retention)
        self._closing: set[asyncio.Task[None]] = set()
        self._watchdog: asyncio.Task[None] | None = None
        self._past = Meter()
        self.accepting = True

    # --- life of the manager

    async def start(self) -> None:
        """Truthfully end what a crash left live, recall what is still queryable, keep time."""
        # What was left over goes out before what recovery adds, and each of it once.
        await self._outbox.resume()
        await self._recover()
        self._watchdog = asyncio.create_task(self._watch(), name="task-watchdog")

    async def close(self) -> None:
        """Stop every task: status 4, then 5, with their callbacks."""
        self.accepting = False
        if self._watchdog is not None:
            self._watchdog.cancel()
            await asyncio.gather(self._watchdog, return_exceptions=True)
        for live in list(self._live.values()):
            if live.record.status.live:
                self._stop(live)
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._outbox.emptied()

    async def _recover(self) -> None:
        now = self._clock.wall()
        tasks, drives = await self._journal.unfinished()
        for drive in drives:
            task = next(t for t in tasks if t.id == drive.task_id)
            ended = Drive(
                drive.id, drive.task_id, DriveKind(drive.kind), drive.sequence, DriveStatus.INTERRUPTED
            )
            unused = ended.kind is DriveKind.WS_STREAM and drive.status == int(DriveStatus.QUEUED)
            self._herald.drive(task.app_id, ended, announce=not unused)
        for row in tasks:
            record = _record(row)
            if record.status is not TaskStatus.STOPPING:
                record = record.evolve(TaskStatus.STOPPING)
                self._herald.task(record)
            record = record.evolve(TaskStatus.STOPPED, ended_at=now)
            self._herald.task(record)
        await self._journal.commit()
        ended_rows, ended_drives = await self._journal.ended_since(self._ended.horizon)
        by_task: dict[str, list[Drive]] = {}
        for d in ended_drives:
            by_task.setdefault(d.task_id, []).append(_drive(d))
        for row in ended_rows:
            self._ended.add(_record(row), tuple(by_task.get(row.id, ())))

    # --- queries

    def live(self, app_id: int) -> list[StreamTask]:
        """This app's tasks in status 1 or 3: ascending CreateTime, then TaskId (section 5.13)."""
        mine = [t.record for t in self._live.values() if t.record.app_id == app_id and t.record.status.live]
        return sorted(mine, key=lambda r: (int(r.created_at), r.id))

    def find(self, app_id: int, task_id: str) -> StreamTask:
        """Raises ``TaskNotFound``."""
        return self._find(app_id, task_id)[0]

    def drives(self, app_id: int, task_id: str) -> list[Drive]:
        """Oldest first. Raises ``TaskNotFound``."""
        return list(self._find(app_id, task_id)[1])

    def drive(self, app_id: int, drive_id: str) -> Drive:
        """Raises ``TaskNotFound``."""
        for live in self._live.values():
            if live.record.app_id == app_id and drive_id in live.drives:
                return live.drives[drive_id]
        drive = self._ended.drive(app_id, drive_id)
        if drive is None:
            raise TaskNotFound("DriveId")
        return drive

    def _find(self, app_id: int, task_id: str) -> tuple[StreamTask, tuple[Drive, ...]]:
        live = self._live.get(task_id)
        if live is not None and live.record.app_id == app_id:
            return live.record, tuple(live.drives.values())
        ended = self._ended.find(app_id, task_id)
        if ended is None:
            raise TaskNotFound("TaskId")
        return ended.record, ended.drives

    def get_live(self, app_id: int, task_id: str) -> LiveTask:
        """A task that still has a stage. Raises ``TaskNotFound`` or ``StreamAlreadyStopped``;
        for a failed task the caller asks its record."""
        live = self._live.get(task_id)
        if live is not None and live.record.app_id == app_id:
            return live
        self._find(app_id, task_id)
        raise StreamAlreadyStopped

    def totals(self) -> Meter:
        """Counts of all performances, ended ones included."""
        total = Meter()
        total.add(self._past)
        for live in self._live.values():
            if live.performance is not None:
                total.add(live.performance.meter)
        return total

    @property
    def overloaded(self) -> bool:
        """Ticks of running performances come late: one more would cost them sound."""
        return any(
            t.performance is not None and t.performance.meter.lateness > MAX_LATENESS
            for t in self._live.values()
        )

    def all_live(self) -> list[LiveTask]:
        return list(self._live.values())

    # --- create and stop

    async def create(self, app: App, commission: Commission) -> StreamTask:
        """Accept a task in status 1 and begin to start it; checks in the order of section 5.4."""
        if not self.accepting:
            raise SystemBusy("server is shutting down")
        if self._journal.overloaded or self.overloaded:
            raise SystemBusy("overloaded")
        if self._journal.away:
            raise SystemBusy("database is away")
        pack = self._catalog.get(commission.digital_human_id)
        if self._rooms.stream(app.id, commission.stream_id) is not None:
            raise StreamIdExists("RTCConfig.StreamId")
        counted = [t for t in self._live.values() if t.record.status.counted]
        if sum(t.record.app_id == app.id for t in counted) >= app.max_tasks:
            raise StreamConcurrencyLimit(f"at most {app.max_tasks} tasks")
        if not self._engine.has_room(len(counted)):
            raise NoResources
        record = StreamTask(
            id=str(uuid.uuid4()),
            app_id=app.id,
            digital_human_id=pack.id,
            room_id=commission.room_id,
            stream_id=commission.stream_id,
            created_at=self._clock.wall(),
            ttl=commission.ttl,
            max_idle_time=commission.max_idle_time,
            framing=commission.framing,
            bitrate=commission.bitrate,
            emotion=commission.emotion or pack.emotion,
        )
        stream = Stream(app.id, record.room_id, record.stream_id, f"dh_{record.id}", DIGITAL_HUMAN_USER)
        stream.width, stream.height = record.framing.width, record.framing.height
        stream.is_digital_human = True
        stream.transparent = record.framing.transparent
        try:
            self._rooms.reserve(stream)
        except StreamTaken as error:
            raise StreamIdExists("RTCConfig.StreamId") from error
        live = LiveTask(record, stream, self._rooms, self._herald, self._clock, self._fault)
        live.began = self._clock.monotonic()
        self._live[record.id] = live
        # Until the task is durable nobody hears of it: neither its callbacks nor its room.
        born = self._outbox.expect(record.id)
        self._herald.task(record)
        starting = live.spawn(self._start(live, pack, commission.background_url, born), f"start-{record.id}")
        try:
            async with asyncio.timeout(SETTLE):
                await self._journal.commit()
        except BaseException as error:
            born.set_result(False)
            self._live.pop(record.id, None)
            jobs = (starting, *live.jobs)
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            if live.performance is not None:
                await live.performance.stop()
            self._rooms.withdraw(stream)
            self._ended.discard(record.id)
            self._journal.forget(record.id)
            if isinstance(error, Exception):
                raise SystemBusy("database is away") from error
            raise
        born.set_result(True)
        return record

    async def _start(
        self, live: LiveTask, pack: AvatarPack, background_url: str | None, born: asyncio.Future[bool]
    ) -> None:
        try:
            async with asyncio.timeout(self.settings.init_timeout):
                framing = live.record.framing
                if background_url is not None:
                    framing = await self._furnish(live, background_url)
                performance = await self._engine.stage(live.record, framing, pack, live.stream, live)
        except TimeoutError:
            self._fail(live, "initialization timed out")
            return
        except backdrop.BackdropFailed as error:
            self._fail(live, f"ExtraConfig.BackgroundUrl: {error}")
            return
        except Exception as error:
            log.exception("stream task did not start", extra={"task": live.record.id})
            self._fail(live, f"digital human could not be staged ({type(error).__name__})")
            return
        if not await asyncio.shield(born) or live.record.status is not TaskStatus.INITIALIZING:
            return  # undone, or stopped while it started
        live.performance = performance
        live.change(TaskStatus.STREAMING)
        self._rooms.publish(live.stream)
        live.spawn(performance.run(), f"performance-{live.record.id}")

    async def _furnish(self, live: LiveTask, url: str) -> Framing:
        """The framing with its backdrop. Not part of the record, which outlives the task."""
        framing = live.record.framing
        picture = await backdrop.fetch(self._fetcher, url, live.record.app_id, framing.width, framing.height)
        return replace(framing, backdrop=picture)

    def _fail(self, live: LiveTask, reason: str) -> None:
        self._rooms.withdraw(live.stream)
        live.change(TaskStatus.FAILED, fail_reason=reason)
        self._retire(live)

    def _fault(self, live: LiveTask, reason: str) -> None:
        """An unrecoverable fault while streaming ends the task, not the server."""
        if live.record.status is TaskStatus.STREAMING:
            log.error("stream task stopped: %s", reason, extra={"task": live.record.id})
            self._stop(live)

    async def stop(self, app_id: int, task_id: str) -> None:
        """Status 4 when this returns. Raises ``TaskNotFound`` or ``StreamAlreadyStopped``."""
        live = self.get_live(app_id, task_id)
        if not live.record.status.live:
            raise StreamAlreadyStopped
        self._stop(live)
        await self._journal.settle()

    def _stop(self, live: LiveTask) -> None:
        if live.performance is not None:
            live.performance.interrupt()
        for drive in [d for d in live.drives.values() if d.status is DriveStatus.QUEUED]:
            # WebSocket and RTC drives that never came to the stage.
            live.drives[drive.id] = drive.evolve(DriveStatus.INTERRUPTED)
            self._herald.drive(live.record.app_id, live.drives[drive.id], announce=not drive.kind.live)
        self._rooms.withdraw(live.stream)
        live.change(TaskStatus.STOPPING)
        closing = asyncio.create_task(self._wind_down(live), name=f"stop-{live.record.id}")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _wind_down(self, live: LiveTask) -> None:
        try:
            for close in tuple(live.closers):
                close()
            # Side by side: a picture that hangs must keep no watcher here.
            ends = [asyncio.create_task(live.stream.close())]
            if live.performance is not None:
                ends.append(asyncio.create_task(live.performance.stop()))
            done, hanging = await asyncio.wait(ends, timeout=self.settings.stop_timeout)
            faults = [e for job in done if (e := job.exception()) is not None]
            if hanging or faults:
                log.error("stream task was stopped by force: %s", faults, extra={"task": live.record.id})
            for job in hanging:
                job.cancel()
        finally:
            for job in tuple(live.jobs):
                job.cancel()
            live.change(TaskStatus.STOPPED)
            self._retire(live)
            await self._journal.settle()

    def _retire(self, live: LiveTask) -> None:
        self._live.pop(live.record.id, None)
        if live.performance is not None:
            self._past.add(live.performance.meter)
        self._ended.add(live.record, tuple(live.drives.values()))

    # --- time

    async def _watch(self) -> None:
        # At every beat: TTL and MaxIdleTime are kept within a second (section 6.2).
        forget_at = self._clock.monotonic() + FORGET_EVERY
        while True:
            await self._clock.sleep_until(next_beat(self._clock.monotonic()))
            now = self._clock.monotonic()
            try:
                for live in list(self._live.values()):
                    self._check(live, now)
                if now >= forget_at:
                    forget_at = now + FORGET_EVERY
                    await self._forget()
            except Exception:
                log.exception("task watchdog")

    def _check(self, live: LiveTask, now: float) -> None:
        if not live.record.status.live:
            return
        if now - live.began >= live.record.ttl:
            self._stop(live)
        elif live.record.status is TaskStatus.STREAMING and live.performance is not None:
            if not live.performance.idle:
                live.idle_since = now
            elif live.idle_since is not None and now - live.idle_since >= live.record.max_idle_time:
                self._stop(live)

    async def _forget(self) -> None:
        self._ended.forget()
        await self._journal.forget_before(self._ended.horizon)
        await self._journal.forget_nonces_before(int(self._clock.wall()) - 1300)

    def _has_receiver(self, app_id: int) -> bool:
        app = self._apps.get(app_id)
        return app is not None and app.callback_url is not None


def _record(row: TaskRow) -> StreamTask:
    return StreamTask(
        id=row.id,
        app_id=row.app_id,
        digital_human_id=row.digital_human_id,
        room_id=row.room_id,
        stream_id=row.stream_id,
        created_at=row.created_at,
        status=TaskStatus(row.status),
        fail_reason=row.fail_reason,
        ended_at=row.ended_at,
    )


def _drive(row: DriveRow) -> Drive:
    return Drive(row.id, row.task_id, DriveKind(row.kind), row.sequence, DriveStatus(row.status))
