"""A stream task that is over and whose node is gone: it is known from its record alone."""

from __future__ import annotations

from dataclasses import dataclass

from bunraku.core.drive import Drive
from bunraku.core.errors import ApiError, StreamAlreadyStopped, StreamNotStarted
from bunraku.core.figures import Figures
from bunraku.core.output import Output, OutputOrder
from bunraku.core.script import Script
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.nodes.sockets import SocketDrive


@dataclass(frozen=True, slots=True)
class EndedTask:
    """A ``nodes.base.OneTaskHall``. The codes are those of contract section 6.4."""

    record: StreamTask
    sent: tuple[Output, ...] = ()

    @property
    def _refusal(self) -> ApiError:
        if self.record.status is TaskStatus.FAILED:
            return StreamNotStarted("the stream failed to start")
        return StreamAlreadyStopped()

    async def stop(self, app_id: int, task_id: str) -> None:
        del app_id, task_id
        raise StreamAlreadyStopped

    async def drive(self, app_id: int, task_id: str, script: Script, interrupt: bool) -> Drive:
        del app_id, task_id, script, interrupt
        raise self._refusal

    async def drive_socket(self, app_id: int, task_id: str) -> SocketDrive:
        del app_id, task_id
        raise self._refusal

    async def gesture(self, app_id: int, task_id: str, action: str) -> None:
        del app_id, task_id, action
        raise self._refusal

    async def interrupt(self, app_id: int, task_id: str) -> None:
        del app_id, task_id
        raise self._refusal

    async def heard(self, app_id: int, task_id: str) -> tuple[Drive, ...]:
        del app_id, task_id
        return ()

    async def figures(self, app_id: int, task_id: str) -> Figures | None:
        del app_id, task_id
        return None

    async def snapshot(self, app_id: int, task_id: str) -> bytes | None:
        del app_id, task_id
        return None

    async def add_output(self, app_id: int, task_id: str, order: OutputOrder) -> Output:
        del app_id, task_id, order
        raise StreamAlreadyStopped

    async def remove_output(self, app_id: int, task_id: str, output_id: str) -> None:
        del app_id, task_id, output_id
        raise StreamAlreadyStopped

    async def outputs(self, app_id: int, task_id: str) -> tuple[Output, ...]:
        del app_id, task_id
        return self.sent
