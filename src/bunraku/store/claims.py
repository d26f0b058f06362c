"""What only one may have: a room's place, a stream's name, a place among an app's tasks.

Each claim is a row under a primary key or a unique index, so that it holds whatever number of
processes ask at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, exists, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bunraku.core.own_human import State
from bunraku.core.owner import Elsewhere, Owner
from bunraku.core.stream_task import StreamTask
from bunraku.store.database import Database
from bunraku.store.tables import PersonRow, RoomRow, StreamRow, TaskRow


class ClaimRefused(Exception):
    """Somebody else has it."""


class NameTaken(ClaimRefused):
    """The app has a stream of that name."""


class NoSlot(ClaimRefused):
    """The app has as many stream tasks as it may."""


class HumanGone(ClaimRefused):
    """The digital human was deleted."""


class Claims:
    """The statements; each method is part of its caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def room(self, session: AsyncSession, owner: Owner, app_id: int, room_id: str) -> None:
        """Raises ``Elsewhere``."""
        added = await session.execute(
            self._database.insert_new(
                RoomRow, app_id=app_id, room_id=room_id, node_id=owner.node_id, epoch=owner.epoch
            )
        )
        if added.rowcount == 1:  # type: ignore[attr-defined]
            return
        row = await session.get(RoomRow, (app_id, room_id), populate_existing=True)
        if row is None or (row.node_id, row.epoch) != (owner.node_id, owner.epoch):
            raise Elsewhere("" if row is None else row.node_id)

    async def leave_room(self, session: AsyncSession, owner: Owner, app_id: int, room_id: str) -> None:
        mine = (RoomRow.node_id == owner.node_id, RoomRow.epoch == owner.epoch)
        await session.execute(
            delete(RoomRow).where(RoomRow.app_id == app_id, RoomRow.room_id == room_id, *mine)
        )

    async def stream(
        self, session: AsyncSession, owner: Owner, app_id: int, room_id: str, stream_id: str, task_id: str
    ) -> None:
        """Raises ``NameTaken``."""
        added = await session.execute(
            self._database.insert_new(
                StreamRow,
                app_id=app_id,
                stream_id=stream_id,
                room_id=room_id,
                task_id=task_id,
                node_id=owner.node_id,
                epoch=owner.epoch,
            )
        )
        if added.rowcount != 1:  # type: ignore[attr-defined]
            raise NameTaken(stream_id)

    async def leave_stream(self, session: AsyncSession, owner: Owner, app_id: int, stream_id: str) -> None:
        mine = (StreamRow.node_id == owner.node_id, StreamRow.epoch == owner.epoch)
        await session.execute(
            delete(StreamRow).where(StreamRow.app_id == app_id, StreamRow.stream_id == stream_id, *mine)
        )

    async def human(self, session: AsyncSession, app_id: int, human_id: str) -> None:
        """Nobody deletes it until this transaction has ended: then there is a task to see. Raises
        ``HumanGone``."""
        ready = (PersonRow.id == human_id, PersonRow.app_id == app_id, PersonRow.state == State.READY.value)
        query = select(PersonRow.id).where(*ready)
        if not self._database.sqlite:
            query = query.with_for_update(read=True)
        if await session.scalar(query) is None:
            raise HumanGone(human_id)

    async def slot(self, session: AsyncSession, app_id: int, places: int) -> int:
        """The first free place among ``places``. Raises ``NoSlot``."""
        await self._database.one_at_a_time(session, app_id)
        # It is the first place or one after a taken one.
        after = select(TaskRow.slot + 1).where(TaskRow.app_id == app_id, TaskRow.slot.is_not(None))
        places_there = select(literal(0).label("slot")).union_all(after).subquery()
        other = aliased(TaskRow)
        taken = exists().where(other.app_id == app_id, other.slot == places_there.c.slot)
        free = await session.scalar(select(func.min(places_there.c.slot)).where(~taken))
        if free is None or free >= places:
            raise NoSlot
        return free

    async def end_of(self, session: AsyncSession, tasks: Sequence[StreamTask]) -> None:
        """Tasks that are no longer live free the names of their streams."""
        over = [t.id for t in tasks if not t.status.live]
        if over:
            await session.execute(delete(StreamRow).where(StreamRow.task_id.in_(over)))
