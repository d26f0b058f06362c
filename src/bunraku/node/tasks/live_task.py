"""One live stream task: its record, its drives, its performance, and who is told of changes."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bunraku.core.clock import Clock
from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.errors import StreamAlreadyStopped, StreamNotStarted, SystemBusy
from bunraku.core.media import Word
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.node.callbacks.delivery import DRIVE_EVENT, TASK_EVENT
from bunraku.node.captions import join
from bunraku.node.performance.drive_queue import Change, Mode, QueueFull
from bunraku.node.performance.performance import Line, Performance
from bunraku.node.rooms.room import Rooms, Stream
from bunraku.store.tables import CallbackRow, DriveRow, TaskRow

log = logging.getLogger(__name__)


def task_row(task: StreamTask) -> TaskRow:
    return TaskRow(
        id=task.id,
        app_id=task.app_id,
        digital_human_id=task.digital_human_id,
        room_id=task.room_id,
        stream_id=task.stream_id,
        status=int(task.status),
        created_at=task.created_at,
        ended_at=task.ended_at,
        fail_reason=task.fail_reason,
    )


def drive_row(drive: Drive) -> DriveRow:
    return DriveRow(
        id=drive.id,
        task_id=drive.task_id,
        kind=drive.kind.value,
        sequence=drive.sequence,
        status=int(drive.status),
    )


@dataclass(frozen=True, slots=True)
class Herald:
    """How changes leave: written to the journal, called back, announced to the room."""

    note: Callable[..., None]
    send_callback: Callable[[CallbackRow], None]
    has_receiver: Callable[[int], bool]  # whether an app wants callbacks now
    clock: Clock
    interrupted_as_5: bool = False

    def callback(
        self, app_id: int, task_id: str, event_type: int, detail: dict[str, Any]
    ) -> list[CallbackRow]:
        if not self.has_receiver(app_id):
            return []
        row = CallbackRow(
            app_id=app_id,
            task_id=task_id,
            event_type=event_type,
            event_time_ms=int(self.clock.wall() * 1000),
            detail=detail,
            attempts=0,
        )
        return [row]

    def task(self, task: StreamTask) -> None:
        detail: dict[str, Any] = {
            "Status": int(task.status),
            "RoomId": task.room_id,
            "StreamId": task.stream_id,
        }
        if task.status is TaskStatus.FAILED:
            detail["FailReason"] = task.fail_reason or "failed"
        rows = self.callback(task.app_id, task.id, TASK_EVENT, detail)
        self.note(task_row(task), *rows)
        for row in rows:
            self.send_callback(row)

    def drive(self, app_id: int, drive: Drive, *, announce: bool = True) -> None:
        status = int(drive.status)
        if drive.status is DriveStatus.INTERRUPTED and not self.interrupted_as_5:
            status = int(DriveStatus.ENDED)  # contract section 6.3: receivers know 1 to 4
        rows = (
            self.callback(app_id, drive.task_id, DRIVE_EVENT, {"DriveId": drive.id, "Status": status})
            if announce
            else []
        )
        self.note(drive_row(drive), *rows)
        for row in rows:
            self.send_callback(row)


@dataclass(eq=False)
class LiveTask:
    """The one owner of everything a stream task has. Used on the event loop only.

    It is the performance's ``Audience``.
    """

    record: StreamTask
    stream: Stream
    rooms: Rooms
    herald: Herald
    clock: Clock
    on_fault: Callable[[LiveTask, str], None]
    performance: Performance | None = None
    drives: dict[str, Drive] = field(default_factory=dict[str, Drive])
    began: float = 0.0
    idle_since: float | None = None
    jobs: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])
    closers: set[Callable[[], None]] = field(default_factory=set[Callable[[], None]])
    _started: asyncio.Event = field(default_factory=asyncio.Event)

    # --- the record

    def change(self, status: TaskStatus, **details: Any) -> None:
        """Move to ``status`` and tell everybody. Raises ``IllegalTransition``."""
        if status in (TaskStatus.FAILED, TaskStatus.STOPPED):
            details["ended_at"] = self.clock.wall()
        self.record = self.record.evolve(status, **details)
        if status is TaskStatus.STREAMING:
            self.idle_since = self.clock.monotonic()
        if status is not TaskStatus.INITIALIZING:
            self._started.set()
        log.info("stream task %s", status.name.lower(), extra={"task": self.record.id})
        self.herald.task(self.record)

    async def streaming(self, grace: float) -> Performance:
        """The performance, waiting up to ``grace`` seconds for a task that starts (section 6.4).

        Raises ``StreamNotStarted`` or ``StreamAlreadyStopped``.
        """
        if self.record.status is TaskStatus.INITIALIZING and grace > 0:
            try:
                async with asyncio.timeout(grace):
                    await self._started.wait()
            except TimeoutError:
                pass
        if self.record.status in (TaskStatus.INITIALIZING, TaskStatus.FAILED):
            raise StreamNotStarted
        if self.record.status is not TaskStatus.STREAMING or self.performance is None:
            raise StreamAlreadyStopped
        return self.performance

    def touch(self) -> None:
        """Something was asked of the figure: the idle time starts again (section 6.2)."""
        self.idle_since = self.clock.monotonic()

    # --- drives

    def new_drive(self, kind: DriveKind) -> Drive:
        return Drive(str(uuid.uuid4()), self.record.id, kind, len(self.drives))

    def accept(self, drive: Drive) -> None:
        """Remember a drive and say that it is queued."""
        self.drives[drive.id] = drive
        self.herald.drive(self.record.app_id, drive, announce=not drive.kind.live)

    def submit(self, drive: Drive, line: Line, mode: Mode, *, known: bool = False) -> None:
        """Put a drive on stage. Raises ``SystemBusy`` when the queue is full and
        ``StreamAlreadyStopped`` when the task is not streaming; then nothing happened.

        ``known`` drives (WebSocket) were accepted when they were created.
        """
        if self.performance is None or self.record.status is not TaskStatus.STREAMING:
            raise StreamAlreadyStopped
        if mode is Mode.APPEND and self.performance.queue_full:
            raise SystemBusy("drive queue is full")
        # Section 8.5: the new drive's 1 comes before the old one's 4.
        if not known:
            self.accept(drive)
        try:
            self.performance.submit(line, mode)
        except QueueFull as error:
            raise SystemBusy("drive queue is full") from error

    def spawn(self, work: Any, name: str) -> asyncio.Task[Any]:
        """A job that ends with the task at the latest."""
        job = asyncio.create_task(work, name=name)
        self.jobs.add(job)
        job.add_done_callback(self.jobs.discard)
        return job

    # --- Audience

    def drive_changed(self, change: Change) -> None:
        drive = self.drives.get(change.drive_id)
        if drive is None:
            return
        drive = drive.evolve(change.status)
        self.drives[drive.id] = drive
        if self.performance is not None and self.performance.idle:
            self.idle_since = self.clock.monotonic()
        self.herald.drive(self.record.app_id, drive)
        if change.status is DriveStatus.DRIVING:
            self._say(drive, DriveStatus.DRIVING)
        elif change.spoke:
            self._say(drive, DriveStatus.ENDED)

    def words_spoken(self, drive_id: str, words: tuple[Word, ...]) -> None:
        """Captions, contract section 13."""
        timed = [
            {"Text": w.text, "StartMs": round(w.start * 1000), "EndMs": round(w.end * 1000)} for w in words
        ]
        self._room_message(
            {
                "Product": "bunraku",
                "Timestamp": int(self.clock.wall() * 1000),
                "Cmd": 2001,
                "Data": {
                    "DriveId": drive_id,
                    "Text": join(words),
                    "StartMs": timed[0]["StartMs"],
                    "EndMs": timed[-1]["EndMs"],
                    "Words": timed,
                },
            }
        )

    def performance_failed(self, reason: str) -> None:
        self.on_fault(self, reason)

    def _say(self, drive: Drive, status: DriveStatus) -> None:
        self._room_message(
            {
                "Product": "digitalhuman",
                "Timestamp": int(self.clock.wall() * 1000),
                "Cmd": 1001,
                "Data": {"Status": int(status), "DriveId": drive.id},
            }
        )

    def _room_message(self, payload: dict[str, Any]) -> None:
        room = self.rooms.find(self.record.app_id, self.record.room_id)
        if room is not None:
            room.message(payload)
