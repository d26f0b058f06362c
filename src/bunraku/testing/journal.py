"""A journal in memory: the order, patience and refusals of ``store.journal`` without a database."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bunraku.core.clock import Clock
from bunraku.core.drive import Drive
from bunraku.core.output import Output
from bunraku.core.own_human import OwnHuman
from bunraku.core.owner import Elsewhere, Owner
from bunraku.core.stream_task import StreamTask
from bunraku.store.claims import NameTaken, NoSlot
from bunraku.store.journal import Journal
from bunraku.store.ledger import (
    Attempted,
    Birth,
    ClaimRoom,
    ClaimStream,
    Entry,
    Fenced,
    LeaveRoom,
    LeaveStream,
    Question,
    Unborn,
)
from bunraku.store.rows import drive_row, output_row, task_row, values
from bunraku.store.tables import CallbackRow


class Unwritable(Exception):
    """The schema does not take a value."""


@dataclass(frozen=True, slots=True)
class Name:
    """Who holds the name of a stream; ``task_id`` is empty for what a participant publishes."""

    owner: Owner
    task_id: str


class MemoryLedger:
    """What is durable, for the journals of any number of nodes.

    Knobs: ``delay``, seconds of the clock that each transaction takes; ``away``: none can be made;
    ``take_over`` declares a life of a node over; ``rooms`` may be given to other nodes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.delay = 0.0
        self.away = False
        self.tasks: dict[str, StreamTask] = {}
        self.drives: dict[str, Drive] = {}
        self.outputs: dict[str, Output] = {}
        self.people: dict[str, OwnHuman] = {}
        self.rooms: dict[tuple[int, str], Owner] = {}
        self.names: dict[tuple[int, str], Name] = {}
        self.written: list[StreamTask | Drive] = []
        """Every state of a record that became durable, in order."""
        self._callbacks: dict[int, CallbackRow] = {}
        self._ids = itertools.count(1)
        self._epochs: dict[str, int] = {}

    def take_over(self, node_id: str) -> int:
        """Whatever life the node is in, it is over. Returns the epoch that the next has."""
        lives = [o.epoch for o in self.rooms.values() if o.node_id == node_id]
        self._epochs[node_id] = epoch = max([self._epochs.get(node_id, 0), *lives]) + 1000
        return epoch

    # --- the ledger

    async def writable(self) -> bool:
        return not self.away

    async def save(self, owner: Owner, changes: Sequence[Entry]) -> None:
        await self._transaction(owner)
        for change in changes:
            _check(change)  # all of them or none
        for change in changes:
            self._put(change)

    async def ask(self, owner: Owner, question: Question) -> StreamTask | None:
        await self._transaction(owner)
        match question:
            case Birth(task, places, callbacks):
                self._may_hold(owner, task.app_id, task.room_id)
                if (task.app_id, task.stream_id) in self.names:
                    raise NameTaken(task.stream_id)
                placed = replace(task, slot=self._slot(task.app_id, places))
                self.rooms[task.app_id, task.room_id] = owner
                self.names[task.app_id, task.stream_id] = Name(owner, task.id)
                for change in (placed, *callbacks):
                    self._put(change)
                return placed
            case ClaimRoom(app_id, room_id):
                self._may_hold(owner, app_id, room_id)
                self.rooms[app_id, room_id] = owner
            case LeaveRoom(app_id, room_id):
                if self.rooms.get((app_id, room_id)) == owner:
                    del self.rooms[app_id, room_id]
            case ClaimStream(app_id, room_id, stream_id):
                self._may_hold(owner, app_id, room_id)
                if (app_id, stream_id) in self.names:
                    raise NameTaken(stream_id)
                self.rooms[app_id, room_id] = owner
                self.names[app_id, stream_id] = Name(owner, "")
            case LeaveStream(app_id, stream_id):
                held = self.names.get((app_id, stream_id))
                if held is not None and held.owner == owner:
                    del self.names[app_id, stream_id]
        return None

    async def callbacks(self, node_id: str) -> Sequence[CallbackRow]:
        return [_copy(row) for row in self._callbacks.values() if row.node_id == node_id]

    # --- inside

    async def _transaction(self, owner: Owner) -> None:
        if self.delay:
            await self._clock.sleep_until(self._clock.monotonic() + self.delay)
        if self.away:
            raise ConnectionError("away")
        if self._epochs.get(owner.node_id, owner.epoch) != owner.epoch:
            raise Fenced

    def _may_hold(self, owner: Owner, app_id: int, room_id: str) -> None:
        holder = self.rooms.get((app_id, room_id), owner)
        if holder != owner:
            raise Elsewhere(holder.node_id)

    def _slot(self, app_id: int, places: int) -> int:
        taken = {t.slot for t in self.tasks.values() if t.app_id == app_id}
        free = next((slot for slot in range(places) if slot not in taken), None)
        if free is None:
            raise NoSlot
        return free

    def _free_name(self, task_id: str) -> None:
        self.names = {k: name for k, name in self.names.items() if name.task_id != task_id}

    def _put(self, change: Entry) -> None:
        match change:
            case StreamTask():
                self.tasks[change.id] = change
                self.written.append(change)
                if not change.status.live:
                    self._free_name(change.id)
            case Drive():
                self.drives[change.id] = change
                self.written.append(change)
            case Output():
                self.outputs[change.id] = change
            case OwnHuman():
                self.people[change.id] = change
            case CallbackRow():
                change.id = next(self._ids)
                self._callbacks[change.id] = _copy(change)
            case Unborn(task_id):
                self._callbacks = {k: r for k, r in self._callbacks.items() if r.task_id != task_id}
                self.drives = {k: d for k, d in self.drives.items() if d.task_id != task_id}
                self.outputs = {k: o for k, o in self.outputs.items() if o.task_id != task_id}
                self.tasks.pop(task_id, None)
                self._free_name(task_id)
            case Attempted(row, attempts, over):
                if over:
                    self._callbacks.pop(row.id, None)
                elif row.id in self._callbacks:
                    self._callbacks[row.id].attempts = attempts


class MemoryJournal(Journal):
    """A ``store.journal.Journal`` whose database is a ``MemoryLedger``; ``open`` it like one.

    Give several of them one ``ledger``, and they are nodes of one cluster.
    """

    def __init__(self, clock: Clock, owner: Owner, ledger: MemoryLedger | None = None) -> None:
        self.ledger = ledger or MemoryLedger(clock)
        super().__init__(self.ledger, clock, owner)


def _check(change: Entry) -> None:
    """Raises ``Unwritable`` where the schema would."""
    match change:
        case StreamTask():
            row = task_row(change)
        case Drive():
            row = drive_row(change)
        case Output():
            row = output_row(change)
        case _:
            return
    for column in row.__table__.columns:
        if not column.nullable and getattr(row, column.key) is None:
            raise Unwritable(f"NOT NULL: {column}")


def _copy(row: CallbackRow) -> CallbackRow:
    return CallbackRow(**values(row) | {"detail": dict(row.detail)})
