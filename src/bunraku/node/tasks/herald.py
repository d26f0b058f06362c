"""How changes of stream tasks and drives leave: to the journal, as callbacks, as room messages. One
ledger for all of it: what is told is kept, and what has to be kept first is told after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bunraku.core.clock import Clock, timeout
from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.media import Word
from bunraku.core.output import Output
from bunraku.core.own_human import OwnHuman
from bunraku.core.owner import Elsewhere, Owner
from bunraku.core.settings import CallbackSettings
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.node.callbacks.delivery import DRIVE_EVENT, OUTPUT_EVENT, PEOPLE_EVENT, TASK_EVENT
from bunraku.node.captions import join
from bunraku.node.tasks.base import TaskJournal
from bunraku.node.tasks.outbox import Outbox
from bunraku.store.claims import ClaimRefused
from bunraku.store.journal import SETTLE, DatabaseAway
from bunraku.store.lives import Ending
from bunraku.store.tables import CallbackRow

UNMADE = "The server that made it stopped. Bring the file again."
ANNOUNCED = 100
"""Files that a callback names, the newest."""


def task_detail(task: StreamTask) -> dict[str, Any]:
    """Of EventType 3 (contract section 8.3)."""
    detail: dict[str, Any] = {
        "Status": int(task.status),
        "RoomId": task.room_id,
        "StreamId": task.stream_id,
    }
    if task.status is TaskStatus.FAILED:
        detail["FailReason"] = task.fail_reason or "failed"
    return detail


def output_detail(output: Output) -> dict[str, Any]:
    """Of EventType 101 (contract section 13.2)."""
    detail: dict[str, Any] = {
        "OutputId": output.id,
        "Protocol": output.protocol.value,
        "Status": output.status.value,
    }
    if output.fail_reason is not None:
        detail["FailReason"] = output.fail_reason
    if output.status.final and output.files:
        detail["Files"] = [
            {"Name": f.name, "Bytes": f.bytes, "Seconds": f.seconds} for f in output.files[-ANNOUNCED:]
        ]
    return detail


def human_detail(human: OwnHuman) -> dict[str, Any]:
    """Of EventType 102 (contract section 13.3)."""
    detail: dict[str, Any] = {"DigitalHumanId": human.id, "State": human.state.value}
    if human.fail_reason is not None:
        detail["FailReason"] = human.fail_reason
    return detail


@dataclass(slots=True)
class Herald:
    """``has_receiver`` says whether an app wants callbacks now."""

    journal: TaskJournal
    outbox: Outbox
    has_receiver: Callable[[int], bool]
    clock: Clock
    interrupted_as_5: bool = False
    extended: bool = False
    """Ends of drives say how much of them was heard (contract section 13.1)."""

    @property
    def owner(self) -> Owner:
        """In whose name changes are kept."""
        return self.journal.owner

    @property
    def busy(self) -> bool:
        """More waits to be kept than should."""
        return self.journal.overloaded

    @property
    def away(self) -> bool:
        """Nothing can be kept now."""
        return self.journal.away

    def change(self, settings: CallbackSettings) -> None:
        """For events from now on."""
        self.interrupted_as_5, self.extended = settings.interrupted_as_5, settings.extended

    def task(self, task: StreamTask) -> None:
        self._tell(task, self.task_callbacks(task))

    def task_callbacks(self, task: StreamTask) -> list[CallbackRow]:
        return self._callback(task.app_id, task.id, TASK_EVENT, task_detail(task))

    def drive(self, app_id: int, drive: Drive, *, announce: bool = True) -> None:
        self._tell(drive, self._drive_callbacks(app_id, drive) if announce else [])

    def _drive_callbacks(self, app_id: int, drive: Drive) -> list[CallbackRow]:
        status = int(drive.status)
        if drive.status is DriveStatus.INTERRUPTED and not self.interrupted_as_5:
            status = int(DriveStatus.ENDED)  # contract section 6.3: receivers know 1 to 4
        detail: dict[str, Any] = {"DriveId": drive.id, "Status": status}
        if self.extended and drive.status in (DriveStatus.ENDED, DriveStatus.INTERRUPTED):
            detail |= {
                "PlayedMs": drive.played_ms,
                "Interrupted": drive.status is DriveStatus.INTERRUPTED,
            }
        return self._callback(app_id, drive.task_id, DRIVE_EVENT, detail)

    def output(self, app_id: int, output: Output, *, announce: bool = True) -> None:
        callbacks: list[CallbackRow] = []
        if announce:
            callbacks = self._callback(app_id, output.task_id, OUTPUT_EVENT, output_detail(output))
        self._tell(output, callbacks)

    def human(self, human: OwnHuman) -> None:
        """A digital human of an app is ready, or has failed."""
        self._tell(human, self._human_callbacks(human))

    def _human_callbacks(self, human: OwnHuman) -> list[CallbackRow]:
        # In the place of the task's id: that keeps the events of one in order.
        return self._callback(human.app_id, human.id, PEOPLE_EVENT, human_detail(human))

    async def birth(self, task: StreamTask, places: int, *, own: bool = False) -> StreamTask:
        """The task as it came into being: durable, with the name of its stream and one of its app's
        ``places``; its callbacks are on their way. Until then nobody hears of it. ``own``: its digital
        human is the app's own.

        Raises ``store.claims.NameTaken``, ``NoSlot``, ``HumanGone``, ``Elsewhere``, or
        ``store.journal.DatabaseAway``, also when it takes too long; then nothing is left of it.
        """
        callbacks = self.task_callbacks(task)
        try:
            async with timeout(self.clock, SETTLE):
                placed = await self.journal.birth(task, places, *callbacks, own=own)
        except (ClaimRefused, Elsewhere):
            raise
        except BaseException as error:
            self.journal.forget(task.id)
            if isinstance(error, TimeoutError):
                raise DatabaseAway from error
            raise
        self._send(callbacks)
        return placed

    async def settle(self) -> None:
        """Until what was told is durable, or it has taken too long. Never raises."""
        await self.journal.settle()

    async def emptied(self) -> None:
        """Return when every callback of what was told is with the delivery."""
        await self.outbox.emptied()

    def _send(self, callbacks: Sequence[CallbackRow]) -> None:
        for row in callbacks:
            self.outbox.send(row)

    def end_lost(
        self,
        tasks: Sequence[StreamTask],
        drives: Sequence[Drive],
        outputs: Sequence[Output] = (),
        people: Sequence[OwnHuman] = (),
    ) -> Ending:
        """A ``store.lives.EndLost``: what was unfinished ends as interrupted, failed and stopped."""
        now = self.clock.wall()
        ended: list[StreamTask] = []
        interrupted: list[Drive] = []
        failed = tuple(o.lost(now) for o in outputs)
        callbacks: list[CallbackRow] = []
        apps = {t.id: t.app_id for t in tasks}
        for drive in drives:
            over = drive.evolve(DriveStatus.INTERRUPTED)
            interrupted.append(over)
            unused = drive.kind is DriveKind.WS_STREAM and drive.status is DriveStatus.QUEUED
            if not unused:
                callbacks += self._drive_callbacks(apps[drive.task_id], over)
        for task in tasks:
            if task.status is not TaskStatus.STOPPING:
                task = task.evolve(TaskStatus.STOPPING)
                callbacks += self.task_callbacks(task)
            for output in failed:
                if output.task_id == task.id:
                    detail = output_detail(output)
                    callbacks += self._callback(task.app_id, task.id, OUTPUT_EVENT, detail)
            task = task.evolve(TaskStatus.STOPPED, ended_at=now)
            callbacks += self.task_callbacks(task)
            ended.append(task)
        unmade = tuple(human.failed(UNMADE, now) for human in people)
        callbacks += [row for human in unmade for row in self._human_callbacks(human)]
        return Ending(tuple(ended), tuple(interrupted), failed, tuple(callbacks), unmade)

    def _tell(self, change: StreamTask | Drive | Output | OwnHuman, callbacks: list[CallbackRow]) -> None:
        self.journal.note(change, *callbacks)
        self._send(callbacks)

    def _callback(
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


def audible(drive_id: str, status: DriveStatus, now: float) -> dict[str, Any]:
    """The room message that marks the audible start or end of a drive (contract section 9)."""
    return {
        "Product": "digitalhuman",
        "Timestamp": int(now * 1000),
        "Cmd": 1001,
        "Data": {"Status": int(status), "DriveId": drive_id},
    }


def caption(drive_id: str, words: tuple[Word, ...], now: float) -> dict[str, Any]:
    """The room message of words that are being said (contract section 13)."""
    timed = [{"Text": w.text, "StartMs": round(w.start * 1000), "EndMs": round(w.end * 1000)} for w in words]
    return {
        "Product": "bunraku",
        "Timestamp": int(now * 1000),
        "Cmd": 2001,
        "Data": {
            "DriveId": drive_id,
            "Text": join(words),
            "StartMs": timed[0]["StartMs"],
            "EndMs": timed[-1]["EndMs"],
            "Words": timed,
        },
    }
