"""One node, in this very process: the calls are calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bunraku.core.calls import note
from bunraku.core.commission import Commission
from bunraku.core.drive import Drive
from bunraku.core.errors import SystemBusy
from bunraku.core.load import NodeInfo
from bunraku.core.owner import Elsewhere
from bunraku.core.stream_task import StreamTask
from bunraku.node.tasks.manager import TaskManager
from bunraku.nodes.base import Node, OneTaskHall
from bunraku.nodes.rooms import RoomHall


@dataclass(frozen=True, slots=True)
class LocalRecords:
    """``nodes.base.Records`` out of memory."""

    manager: TaskManager

    async def live(self, app_id: int) -> list[StreamTask]:
        return self.manager.live(app_id)

    async def task(self, app_id: int, task_id: str) -> StreamTask:
        return self.manager.record(app_id, task_id)

    async def drives(self, app_id: int, task_id: str) -> list[Drive]:
        return self.manager.drives(app_id, task_id)

    async def drive(self, app_id: int, drive_id: str) -> Drive:
        return self.manager.drive(app_id, drive_id)


class LocalNodes:
    """``nodes.base.Nodes`` of one."""

    def __init__(
        self,
        node: Node,
        rooms: RoomHall,
        manager: TaskManager,
        ready: Callable[[], bool],
        info: Callable[[], NodeInfo],
        node_id: str,
    ) -> None:
        self._node, self._rooms, self._ready, self._info = node, rooms, ready, info
        self._records, self._node_id = LocalRecords(manager), node_id

    @property
    def records(self) -> LocalRecords:
        return self._records

    @property
    def rooms(self) -> RoomHall:
        return self._rooms

    @property
    def ready(self) -> bool:
        return self._ready()

    async def create(self, commission: Commission) -> StreamTask:
        note(node=self._node_id)
        try:
            return await self._node.create(commission)
        except Elsewhere:
            # Two servers share a database without being a cluster.
            raise SystemBusy("the room is on another server") from None

    async def of_task(self, app_id: int, task_id: str) -> OneTaskHall:
        del app_id, task_id
        note(node=self._node_id)
        return self._node

    async def named(self, id: str) -> Node | None:
        del id
        note(node=self._node_id)
        return self._node

    async def any(self) -> Node:
        note(node=self._node_id)
        return self._node

    async def all(self) -> list[Node]:
        return [self._node]

    async def infos(self) -> list[NodeInfo]:
        return [self._info()]
