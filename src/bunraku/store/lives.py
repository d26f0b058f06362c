"""Nodes and their lives: who is there, and what becomes of those who are not any more.

A node begins a life by raising its epoch, and beats while it lives. Whoever finds one that does not
beat raises its epoch again and, in the same transaction, ends all that the lost life owned: from then
on nothing of that life can be written (``ledger.Fenced``), and nothing is ended twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bunraku.core.drive import Drive
from bunraku.core.load import Load, NodeInfo
from bunraku.core.owner import NOBODY, Owner
from bunraku.core.stream_task import StreamTask
from bunraku.store.claims import Claims
from bunraku.store.database import Database
from bunraku.store.rows import drive, drive_row, stream_task, task_row
from bunraku.store.tables import CallbackRow, DriveRow, NodeRow, RoomRow, StreamRow, TaskRow

UNFINISHED = (1, 3, 4)
OPEN_DRIVES = (1, 2)


@dataclass(frozen=True, slots=True)
class Ending:
    """What ending the unfinished work of a lost life comes to, in the order of events."""

    tasks: tuple[StreamTask, ...] = ()
    drives: tuple[Drive, ...] = ()
    callbacks: tuple[CallbackRow, ...] = ()


EndLost = Callable[[Sequence[StreamTask], Sequence[Drive]], Ending]
"""Pure: from unfinished tasks and their unfinished drives to what is written of them."""


class Lives:
    """Used by nodes; fronts only ``list``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, node_id: str, machine: str, version: str, now: float, end: EndLost
    ) -> tuple[Owner, Ending]:
        """A new life of this node; what its former ones left unfinished is ended."""
        async with self._database.sessions.begin() as session:
            await session.execute(
                self._database.insert_new(
                    NodeRow,
                    id=node_id,
                    epoch=0,
                    state="up",
                    machine=machine,
                    version=version,
                    started_at=now,
                    beat=0,
                    load={},
                )
            )
            row = await session.get(NodeRow, node_id, populate_existing=True, with_for_update=True)
            assert row is not None
            row.epoch += 1
            row.state, row.machine, row.version, row.started_at = "up", machine, version, now
            row.beat, row.load = row.beat + 1, Load().as_dict()
            owner = Owner(node_id, row.epoch)
            return owner, await self._end(session, node_id, row.epoch, owner, end)

    async def beat(self, owner: Owner, state: str, load: Load) -> bool:
        """This life goes on. False when it was declared over."""
        async with self._database.sessions.begin() as session:
            done = await session.execute(
                update(NodeRow)
                .where(NodeRow.id == owner.node_id, NodeRow.epoch == owner.epoch)
                .values(beat=NodeRow.beat + 1, state=state, load=load.as_dict())
            )
            return done.rowcount == 1  # type: ignore[attr-defined]

    async def leave(self, owner: Owner) -> None:
        """This life ends in order: all its tasks are ended, and nobody has to look for them."""
        async with self._database.sessions.begin() as session:
            mine = (NodeRow.id == owner.node_id, NodeRow.epoch == owner.epoch)
            await session.execute(update(NodeRow).where(*mine).values(state="gone"))
            await session.execute(
                delete(RoomRow).where(RoomRow.node_id == owner.node_id, RoomRow.epoch == owner.epoch)
            )

    async def list(self) -> list[NodeInfo]:
        """All nodes that were ever there, by id."""
        async with self._database.sessions() as session:
            rows = await session.scalars(select(NodeRow).order_by(NodeRow.id))
            return [
                NodeInfo(
                    r.id, r.epoch, r.state, r.machine, r.version, r.started_at, r.beat, Load.of(dict(r.load))
                )
                for r in rows
            ]

    async def take_over(self, lost: NodeInfo, by: Owner, end: EndLost) -> Ending | None:
        """End what a lost life owned, in the name of ``by``; its callbacks are ``by``'s to deliver.

        None when it lives after all, or somebody else was quicker.
        """
        async with self._database.sessions.begin() as session:
            row = await session.get(NodeRow, lost.id, populate_existing=True, with_for_update=True)
            if row is None or (row.epoch, row.beat) != (lost.epoch, lost.beat) or row.state == "lost":
                return None
            row.epoch, row.state = row.epoch + 1, "lost"
            return await self._end(session, lost.id, row.epoch, by, end)

    async def orphans(self, by: Owner) -> Ending:
        """Callbacks whose node is gone for good become ``by``'s."""
        async with self._database.sessions.begin() as session:
            gone = select(NodeRow.id).where(NodeRow.state.in_(("lost", "gone")))
            query = select(CallbackRow).where(CallbackRow.node_id.in_(gone)).order_by(CallbackRow.id)
            if not self._database.sqlite:
                query = query.with_for_update(skip_locked=True)
            rows = (await session.scalars(query)).all()
            for row in rows:
                row.node_id = by.node_id
            return Ending(callbacks=tuple(rows))

    async def _end(self, session: AsyncSession, node_id: str, before: int, by: Owner, end: EndLost) -> Ending:
        # Also what releases before there were nodes left: their one life is over.
        theirs = (
            or_(
                and_(TaskRow.node_id == node_id, TaskRow.epoch < before),
                and_(TaskRow.node_id == NOBODY.node_id, TaskRow.epoch == NOBODY.epoch),
            ),
        )
        query = select(TaskRow).where(*theirs, TaskRow.status.in_(UNFINISHED)).order_by(TaskRow.created_at)
        tasks = [stream_task(r) for r in await session.scalars(query)]
        drives: list[Drive] = []
        for i in range(0, len(tasks), 500):
            ids = [t.id for t in tasks[i : i + 500]]
            found = select(DriveRow).where(DriveRow.task_id.in_(ids), DriveRow.status.in_(OPEN_DRIVES))
            drives += [drive(r) for r in await session.scalars(found.order_by(DriveRow.sequence))]
        former = (
            await session.scalars(
                select(CallbackRow)
                .where(CallbackRow.node_id.in_((node_id, NOBODY.node_id)))
                .order_by(CallbackRow.id)
            )
        ).all()
        ending = end(tasks, drives)
        for ended in ending.drives:
            await session.merge(drive_row(ended))
        claims = Claims(self._database)
        for task in ending.tasks:
            await session.merge(task_row(task))
            await claims.end_of(session, task)
        for row in (*former, *ending.callbacks):
            row.node_id = by.node_id
            session.add(row)
        for table in (RoomRow, StreamRow):
            await session.execute(delete(table).where(table.node_id == node_id, table.epoch < before))
        await session.flush()
        return Ending(ending.tasks, ending.drives, (*former, *ending.callbacks))
