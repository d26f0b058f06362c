"""Nodes and their lives: who is there, and what becomes of those who are not any more.

A node begins a life by raising its epoch, and beats while it lives. Whoever finds one that does not
beat raises its epoch again and, in the same transaction, ends all that the lost life owned: from then
on nothing of that life can be written (``ledger.Fenced``), and nothing is ended twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import and_, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bunraku.core.drive import Drive, DriveStatus
from bunraku.core.load import HALL, Load, NodeInfo
from bunraku.core.output import Output, OutputStatus
from bunraku.core.own_human import OwnHuman, State
from bunraku.core.owner import NOBODY, Owner
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.store.database import PLAIN, Database
from bunraku.store.rows import (
    DRIVE_COLUMNS,
    OUTPUT_COLUMNS,
    TASK_COLUMNS,
    drive,
    output,
    own_human,
    stream_task,
)
from bunraku.store.tables import (
    CallbackRow,
    DriveRow,
    NodeRow,
    OutputRow,
    PersonRow,
    RoomRow,
    StreamRow,
    TaskRow,
)

UNFINISHED = tuple(int(s) for s in TaskStatus if not s.final)
HERE = ("up", "draining")
ALONE = "alone"
"""Of a server in no cluster: nothing is placed there, and nodes leave it be."""
LIVING = (*HERE, ALONE)
OVER = ("lost", "gone")
KEPT = 24 * 3600.0  # s: who looks in the morning sees what was lost at night
CHUNK = 500  # ids in a statement
OPEN_OUTPUTS = tuple(s.value for s in OutputStatus if not s.final)
OPEN_DRIVES = tuple(int(s) for s in DriveStatus if not s.final)


@dataclass(frozen=True, slots=True)
class Ending:
    """What ending the unfinished work of a lost life comes to, in the order of events."""

    tasks: tuple[StreamTask, ...] = ()
    drives: tuple[Drive, ...] = ()
    outputs: tuple[Output, ...] = ()
    callbacks: tuple[CallbackRow, ...] = ()
    people: tuple[OwnHuman, ...] = ()
    of: str = ""
    """The node whose life it was."""


EndLost = Callable[[Sequence[StreamTask], Sequence[Drive], Sequence[Output], Sequence[OwnHuman]], Ending]
"""Pure: from unfinished tasks, their unfinished drives and outputs, and digital humans that were being made,
to what is written of them."""


_NODES: Any = select(
    NodeRow.id,
    NodeRow.epoch,
    NodeRow.state,
    NodeRow.machine,
    NodeRow.version,
    NodeRow.started_at,
    NodeRow.beat,
    NodeRow.load,
)
"""Columns alone: a look must not cost what mapped rows do."""


def _of_others(apps: Sequence[int]) -> tuple[Any, ...]:
    """What a node may have that is to be told to apps other than these."""
    return (
        exists().where(
            TaskRow.node_id == NodeRow.id, TaskRow.status.in_(UNFINISHED), TaskRow.app_id.not_in(apps)
        ),
        exists().where(CallbackRow.node_id == NodeRow.id, CallbackRow.app_id.not_in(apps)),
        exists().where(
            PersonRow.node_id == NodeRow.id,
            PersonRow.state == State.MAKING.value,
            PersonRow.app_id.not_in(apps),
        ),
    )


def _said(load: Load) -> dict[str, Any]:
    """What a row holds of a life that goes on."""
    return {**load.as_dict(), "hall": HALL}


class Lives:
    """Used by nodes; fronts only ask who is there."""

    def __init__(self, database: Database, begun: str = "up") -> None:
        """``begun``: the state that a life begins in."""
        self._database, self._begun = database, begun

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
                    state=self._begun,
                    machine=machine,
                    version=version,
                    started_at=now,
                    beat=0,
                    beat_at=0.0,
                    load={},
                )
            )
            row = await session.get(NodeRow, node_id, populate_existing=True, with_for_update=True)
            assert row is not None
            row.epoch += 1
            row.state, row.machine, row.version, row.started_at = self._begun, machine, version, now
            row.beat, row.load = row.beat + 1, _said(Load())
            row.beat_at = await session.scalar(select(self._database.now)) or 0.0
            owner = Owner(node_id, row.epoch)
            return owner, await self._end(session, node_id, row.epoch, owner, end)

    async def beat(self, owner: Owner, state: str, load: Load) -> bool:
        """This life goes on. False when it is over: declared by another, or left by a beat in its wake."""
        mine = (NodeRow.id == owner.node_id, NodeRow.epoch == owner.epoch, NodeRow.state.in_(LIVING))
        news = {"state": state, "load": _said(load), "beat_at": self._database.now}
        async with self._database.alone() as connection:
            done = await connection.execute(
                update(NodeRow).where(*mine).values(beat=NodeRow.beat + 1, **news)
            )
            return done.rowcount == 1

    async def leave(self, owner: Owner) -> None:
        """This life ends in order: all its tasks are ended, and nobody has to look for them."""
        async with self._database.sessions.begin() as session:
            mine = (NodeRow.id == owner.node_id, NodeRow.epoch == owner.epoch)
            await session.execute(update(NodeRow).where(*mine).values(state="gone"))
            await session.execute(
                delete(RoomRow).where(RoomRow.node_id == owner.node_id, RoomRow.epoch == owner.epoch)
            )

    async def list(self) -> Sequence[NodeInfo]:
        """All nodes that are remembered, by id."""
        return await self._read(_NODES.order_by(NodeRow.id))

    async def here(self) -> Sequence[NodeInfo]:
        """Those that are not over, as far as they have said."""
        return await self._read(_NODES.where(NodeRow.state.in_(HERE)))

    async def standing(self, seconds: float) -> Sequence[NodeInfo]:
        """Of these, those that did not beat for so long by the database's clock. An outage makes them all
        stand: it is for whoever asks to see that they stay so."""
        since = self._database.now - seconds
        return await self._read(_NODES.where(NodeRow.state.in_(HERE), NodeRow.beat_at < since))

    async def left(self, seconds: float) -> Sequence[NodeInfo]:
        """As ``standing``, of all that ever say they live: servers in no cluster, and what a cluster left. A
        server of a release that did not say it has beaten but once for each of its lives."""
        since = self._database.now - seconds
        says = or_(NodeRow.state == ALONE, and_(NodeRow.state.in_(HERE), NodeRow.beat > NodeRow.epoch))
        return await self._read(_NODES.where(says, NodeRow.beat_at < since))

    async def _read(self, query: Any) -> Sequence[NodeInfo]:
        async with self._database.alone() as connection:
            rows = await connection.execute(query)
            return [
                NodeInfo(
                    r.id,
                    r.epoch,
                    r.state,
                    r.machine,
                    r.version,
                    r.started_at,
                    r.beat,
                    Load.of(r.load),
                    int(r.load.get("hall", 0)),
                )
                for r in rows
            ]

    async def take_over(
        self,
        nodes: Sequence[str],
        seconds: float,
        by: Owner,
        end: EndLost,
        apps: Sequence[int] | None = None,
    ) -> Ending | None:
        """End what one of these owned in the name of ``by``, whose its callbacks are to deliver.

        Of those that did not beat for ``seconds`` by the database's clock at this very moment, and that
        nobody else is at: all that are left share the work. None when there is none. ``apps``: not of one
        that has something of others than these.
        """
        async with self._database.sessions.begin() as session:
            since = self._database.now - seconds
            among = self._database.among(NodeRow.id, nodes)
            standing = select(NodeRow.id).where(among, NodeRow.beat_at < since, NodeRow.state.in_(LIVING))
            # A beat that is being written has its row locked.
            if apps is not None:
                standing = standing.where(*(~found for found in _of_others(apps)))
            unclaimed = standing.limit(1).with_for_update(skip_locked=True).scalar_subquery()
            over = update(NodeRow).where(NodeRow.id == unclaimed)
            over = over.values(epoch=NodeRow.epoch + 1, state="lost")
            found = await session.execute(over.returning(NodeRow.id, NodeRow.epoch), execution_options=PLAIN)
            row = found.first()
            if row is not None:
                return await self._end(session, row.id, row.epoch, by, end)
        # Others are at it; or it was stopped in the midst of a statement and holds its own row for ever.
        await self._database.cut_off()
        return None

    async def forget(self) -> None:
        """Delete nodes that were over ``KEPT`` ago, once nothing is left that names them."""
        over = (NodeRow.state.in_(OVER), NodeRow.beat_at < self._database.now - KEPT)
        named = [
            exists().where(table.node_id == NodeRow.id)
            for table in (TaskRow, CallbackRow, RoomRow, StreamRow)
        ]
        async with self._database.sessions.begin() as session:
            query = delete(NodeRow).where(*over, *(~there for there in named))
            await session.execute(query, execution_options=PLAIN)

    async def orphans(self, by: Owner, end: EndLost, apps: Sequence[int] | None = None) -> Ending:
        """Callbacks whose node is gone for good become ``by``'s; what it was making has failed. ``apps``: of
        these only."""
        if not await self._orphaned():
            return Ending()
        async with self._database.sessions.begin() as session:
            gone = select(NodeRow.id).where(NodeRow.state.in_(OVER))
            query = select(CallbackRow).where(CallbackRow.node_id.in_(gone)).order_by(CallbackRow.id)
            making = select(PersonRow).where(
                PersonRow.node_id.in_(gone), PersonRow.state == State.MAKING.value
            )
            if apps is not None:
                query = query.where(CallbackRow.app_id.in_(apps))
                making = making.where(PersonRow.app_id.in_(apps))
            if not self._database.sqlite:
                query = query.with_for_update(skip_locked=True)
            rows = (await session.scalars(query)).all()
            people = await session.scalars(making.with_for_update(skip_locked=True))
            ending = end((), (), (), [own_human(row) for row in people])
            await self._write(session, PersonRow, {h.id: _failed(h) for h in ending.people})
            for row in (*rows, *ending.callbacks):
                row.node_id = by.node_id
            session.add_all(ending.callbacks)
            await session.flush()
            return Ending(callbacks=(*rows, *ending.callbacks), people=ending.people)

    async def _orphaned(self) -> bool:
        """Whether a node that is over has left anything: all nodes ask all the time, and the answer is no."""
        async with self._database.alone() as connection:
            gone = (await connection.scalars(select(NodeRow.id).where(NodeRow.state.in_(OVER)))).all()
            if not gone:
                return False
            # Counted, not EXISTS: PostgreSQL expects to meet a first one soon and reads all callbacks there
            # are, where it has an index for the nodes.
            callbacks = select(func.count()).where(self._database.among(CallbackRow.node_id, gone))
            making = PersonRow.state == State.MAKING.value
            people = select(func.count()).where(making, self._database.among(PersonRow.node_id, gone))
            return bool(
                await connection.scalar(select(callbacks.scalar_subquery() + people.scalar_subquery()))
            )

    async def _end(self, session: AsyncSession, node_id: str, before: int, by: Owner, end: EndLost) -> Ending:
        """A node has no more tasks than its capacity, so that one transaction has its bound."""
        tasks = await self._unfinished(session, node_id, before)
        drives: list[Drive] = []
        outputs: list[Output] = []
        for ids in _chunks([t.id for t in tasks]):
            theirs = self._database.among(DriveRow.task_id, ids)
            found = select(*DRIVE_COLUMNS).where(theirs, DriveRow.status.in_(OPEN_DRIVES))
            drives += [drive(r) for r in await session.execute(found.order_by(DriveRow.sequence))]
            theirs = self._database.among(OutputRow.task_id, ids)
            sent = select(*OUTPUT_COLUMNS).where(theirs, OutputRow.status.in_(OPEN_OUTPUTS))
            outputs += [output(r) for r in await session.execute(sent.order_by(OutputRow.sequence))]
        left = update(CallbackRow).where(CallbackRow.node_id.in_((node_id, NOBODY.node_id)))
        moved = await session.scalars(left.values(node_id=by.node_id).returning(CallbackRow))
        former = sorted(moved, key=lambda row: row.id)
        ending = end(tasks, drives, outputs, await self._unmade(session, node_id, before))
        await self._write(session, DriveRow, {d.id: {"status": int(d.status)} for d in ending.drives})
        await self._write(session, OutputRow, {o.id: _end_of(o) for o in ending.outputs})
        await self._write(session, TaskRow, {t.id: _change(t) for t in ending.tasks})
        await self._write(session, PersonRow, {h.id: _failed(h) for h in ending.people})
        # The node's own go with it, below.
        for ids in _chunks([t.id for t in ending.tasks if not t.status.live and t.owner == NOBODY]):
            theirs = self._database.among(StreamRow.task_id, ids)
            await session.execute(delete(StreamRow).where(theirs), execution_options=PLAIN)
        for table in (RoomRow, StreamRow):
            of_node = delete(table).where(table.node_id == node_id, table.epoch < before)
            await session.execute(of_node, execution_options=PLAIN)
        for row in ending.callbacks:
            row.node_id = by.node_id
        await self._database.add(session, ending.callbacks)
        return replace(ending, callbacks=(*former, *ending.callbacks), of=node_id)

    async def _unfinished(self, session: AsyncSession, node_id: str, before: int) -> list[StreamTask]:
        unfinished = select(*TASK_COLUMNS).where(TaskRow.status.in_(UNFINISHED)).order_by(TaskRow.created_at)
        # A node that was stopped in the middle of a transaction holds rows of its own until PostgreSQL ends
        # that (idle_in_transaction_session_timeout): they are waited for, since nobody would come again.
        lost = unfinished.where(TaskRow.node_id == node_id, TaskRow.epoch < before).with_for_update()
        # What releases before there were nodes left has no owner; all nodes may find it at once.
        left = unfinished.where(TaskRow.node_id == NOBODY.node_id, TaskRow.epoch == NOBODY.epoch)
        rows = [*await session.execute(lost)]
        rows += await session.execute(left.with_for_update(skip_locked=True))
        return [stream_task(r) for r in rows]

    async def _unmade(self, session: AsyncSession, node_id: str, before: int) -> list[OwnHuman]:
        lost = (PersonRow.node_id == node_id, PersonRow.epoch < before)
        making = (*lost, PersonRow.state == State.MAKING.value)
        rows = await session.scalars(select(PersonRow).where(*making).with_for_update())
        return [own_human(row) for row in rows]

    async def _write(
        self,
        session: AsyncSession,
        table: type[TaskRow | DriveRow | OutputRow | PersonRow],
        changes: dict[str, dict[str, Any]],
    ) -> None:
        """One statement for all that change alike."""
        alike: dict[tuple[Any, ...], list[str]] = {}
        for row_id, change in changes.items():
            alike.setdefault(tuple(change.items()), []).append(row_id)
        for change, of in alike.items():
            for ids in _chunks(of):
                which = self._database.among(table.id, ids)
                query = update(table).where(which).values(**dict(change))
                await session.execute(query, execution_options=PLAIN)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for i in range(0, len(ids), CHUNK):
        yield ids[i : i + CHUNK]


def _change(task: StreamTask) -> dict[str, Any]:
    """What ``StreamTask.evolve`` changes."""
    return {
        "status": int(task.status),
        "slot": task.slot,
        "fail_reason": task.fail_reason,
        "ended_at": task.ended_at,
    }


def _end_of(o: Output) -> dict[str, Any]:
    """What ``Output.lost`` changes."""
    return {"status": o.status.value, "fail_reason": o.fail_reason, "ended_at": o.ended_at}


def _failed(human: OwnHuman) -> dict[str, Any]:
    """What ``OwnHuman.failed`` changes; points of a face go with it."""
    return {
        "state": human.state.value,
        "fail_reason": human.fail_reason,
        "ended_at": human.ended_at,
        "marks": None,
    }
