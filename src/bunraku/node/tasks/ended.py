"""Stream tasks that are over but still queryable (contract section 6.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bunraku.core.clock import Clock
from bunraku.core.drive import Drive
from bunraku.core.output import Output
from bunraku.core.stream_task import StreamTask


@dataclass(frozen=True, slots=True)
class Ended:
    """The last record of a stream task, its drives and its outputs, oldest first."""

    record: StreamTask
    drives: tuple[Drive, ...]
    outputs: tuple[Output, ...] = ()


class EndedTasks:
    """Never shows a task past its retention, whenever ``forget`` was called last."""

    def __init__(self, clock: Clock, retention: float) -> None:
        """``retention`` in seconds after the end."""
        self._clock, self._retention = clock, retention
        self._tasks: dict[str, Ended] = {}

    @property
    def horizon(self) -> float:
        """Unix seconds: what ended before is not known any more."""
        return self._clock.wall() - self._retention

    def add(self, record: StreamTask, drives: tuple[Drive, ...], outputs: tuple[Output, ...] = ()) -> None:
        self._tasks[record.id] = Ended(record, drives, outputs)

    def forget_app(self, app_id: int) -> None:
        self._tasks = {k: e for k, e in self._tasks.items() if e.record.app_id != app_id}

    def discard(self, task_id: str) -> None:
        self._tasks.pop(task_id, None)

    def find(self, app_id: int, task_id: str) -> Ended | None:
        ended = self._tasks.get(task_id)
        return ended if ended is not None and self._known(ended, app_id, self.horizon) else None

    def find_drive(self, app_id: int, drive_id: str) -> Drive | None:
        return next((d for d in self._drives(app_id) if d.id == drive_id), None)

    def _drives(self, app_id: int) -> Iterator[Drive]:
        horizon = self.horizon
        for ended in self._tasks.values():
            if self._known(ended, app_id, horizon):
                yield from ended.drives

    @staticmethod
    def _known(ended: Ended, app_id: int, horizon: float) -> bool:
        return ended.record.app_id == app_id and (ended.record.ended_at or 0) >= horizon

    def forget(self) -> None:
        """Drop what is past its retention."""
        horizon = self.horizon
        self._tasks = {k: e for k, e in self._tasks.items() if (e.record.ended_at or 0) >= horizon}
