"""The journal: state changes written in order, in batches, off the caller's path.

``note`` never waits, so the performance can report from its tick; ``commit`` returns when all
that was noted before it is durable, which is what an API answer waits for. A state change and
the callback it causes are noted together and land in one transaction.

While the database is away, changes wait here and are written when it is back. What can be refused
(a birth, a claim) is asked for and answered, in its turn among the changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bunraku.core.clock import Clock, timeout
from bunraku.core.drive import Drive
from bunraku.core.output import Output
from bunraku.core.own_human import OwnHuman
from bunraku.core.owner import Elsewhere, Owner
from bunraku.core.stream_task import StreamTask
from bunraku.store.claims import ClaimRefused
from bunraku.store.database import passing
from bunraku.store.ledger import (
    Attempted,
    Birth,
    ClaimRoom,
    ClaimStream,
    Entry,
    Fenced,
    LeaveRoom,
    LeaveStream,
    Ledger,
    Question,
    Unborn,
)
from bunraku.store.tables import CallbackRow

log = logging.getLogger(__name__)

BACKLOG = 20_000  # changes; beyond it the server sheds load
SETTLE = 2.0  # s a call waits at most
RETRY = 0.5  # s between attempts while the database is away
IDLE = 10.0  # s without anything to write: then it is looked whether something could be
BATCH = 500  # changes in a transaction: few enough for its time


class DatabaseAway(Exception):
    """The database cannot be written to now."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that may be refused, in a transaction of its own."""

    question: Question
    answer: asyncio.Future[StreamTask | None]

    @property
    def task_id(self) -> str:
        """Whose birth it is; empty for a claim."""
        return self.question.task.id if isinstance(self.question, Birth) else ""


Pending = Entry | Asked


class Journal:
    """Owns the one writer of a process."""

    def __init__(self, ledger: Ledger, clock: Clock, owner: Owner) -> None:
        self._ledger, self._clock = ledger, clock
        self._owner = owner
        self._pending: list[Pending] = []
        self._todo: deque[list[Pending]] = deque()
        """Of what is being written: the parts that follow."""
        self._waiters: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._away = self._retrying = False
        self._kept = False  # by the attempt that is being made
        self._looked = 0.0  # when it was last seen whether anything can be written
        self._look_now = False
        self._fenced = False
        self.on_fenced: Callable[[], None] = lambda: None
        """Told once."""

    @property
    def owner(self) -> Owner:
        """Whose changes these are."""
        return self._owner

    async def open(self, owner: Owner) -> None:
        """Start writing for this life of the node; the schema is there."""
        self._owner = owner
        self._writer = asyncio.create_task(self._write(), name="journal")

    def renew(self, owner: Owner) -> None:
        """Write for a new life of the node; the former was ended by another, and nothing of it is left.

        Not even what is being written at this moment: what is found out of the former life holds for that.
        """
        self._pending = [c for part in self._todo for c in part if self._goes_on(c)] + [
            c for c in self._pending if self._goes_on(c)
        ]
        self._todo.clear()
        self._owner, self._fenced = owner, False
        self._wake.set()

    def _goes_on(self, change: Pending) -> bool:
        """Whether it is none of the former life's: a claim of what goes on. Its births are refused."""
        if not isinstance(change, Asked):
            return False
        if isinstance(change.question, Birth) and not change.answer.done():
            change.answer.set_exception(DatabaseAway())
        return not change.answer.done()

    async def look(self) -> None:
        """Until cancelled: where nothing is written for a while, see whether it could be, so that
        ``away`` is known before somebody has to be refused for it."""
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + IDLE)
            if self._clock.monotonic() - self._looked >= IDLE:
                self._look_now = True
                self._wake.set()

    async def close(self) -> None:
        """Write what is left, if it can be written."""
        if self._writer is None:
            return
        try:
            await self.commit()
        except Exception:  # logged by the writer, and shutting down must go on
            log.error("journal: %d changes lost", len(self._pending))
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)

    @property
    def fenced(self) -> bool:
        """This life of the node is over: nothing of it may be told to anybody."""
        return self._fenced

    @property
    def overloaded(self) -> bool:
        return len(self._pending) > BACKLOG

    @property
    def away(self) -> bool:
        """The last attempt found no database that could be written to."""
        return self._away

    @property
    def waiting(self) -> int:
        """Changes that are noted and not written."""
        return len(self._pending)

    # --- changes that have happened

    def note(self, *changes: Entry) -> None:
        for change in changes:
            if isinstance(change, CallbackRow):
                change.node_id = self.owner.node_id
        self._pending.extend(changes)
        if not self._away:
            self._wake.set()

    def forget(self, task_id: str) -> None:
        """Let nothing be left of a task that never came into being."""
        for change in self._pending:
            if isinstance(change, Asked) and change.task_id == task_id:
                change.answer.cancel()
        self._pending = [c for c in self._pending if _task_of(c) != task_id]
        self.note(Unborn(task_id))  # some of it may be on its way at this moment

    async def settle(self) -> None:
        """``commit`` for what has taken effect already: it is true whatever the database says.

        Returns at once while the database is away, and after ``SETTLE`` seconds at the latest.
        """
        if self._away:
            return
        try:
            async with timeout(self._clock, SETTLE):
                await self.commit()
        except Exception as error:
            log.warning("journal: answered before it was written (%s)", type(error).__name__)

    async def commit(self) -> None:
        """Until everything noted so far is durable. Raises what the database raised.

        States are written later all the same, unless ``forget`` is told of their task.
        """
        if self._writer is None or self._writer.done():
            raise RuntimeError("journal is not open")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._wake.set()
        await waiter

    # --- what may be refused

    async def birth(
        self, task: StreamTask, places: int, *callbacks: CallbackRow, own: bool = False
    ) -> StreamTask:
        """Make a task durable, with its room, its stream's name and one of its app's ``places``.

        Returns the task in its place. Raises ``NameTaken``, ``NoSlot``, ``Elsewhere``, or
        ``DatabaseAway``; then nothing of it is left.
        """
        for callback in callbacks:
            callback.node_id = self.owner.node_id
        placed = await self._ask(Birth(task, places, callbacks, own))
        assert placed is not None
        return placed

    async def claim_room(self, app_id: int, room_id: str) -> None:
        """Raises ``Elsewhere`` or ``DatabaseAway``."""
        await self._ask(ClaimRoom(app_id, room_id))

    async def leave_room(self, app_id: int, room_id: str) -> None:
        """Raises ``DatabaseAway``."""
        await self._ask(LeaveRoom(app_id, room_id))

    async def claim_stream(self, app_id: int, room_id: str, stream_id: str) -> None:
        """For what a participant publishes. Raises ``NameTaken``, ``Elsewhere`` or ``DatabaseAway``."""
        await self._ask(ClaimStream(app_id, room_id, stream_id))

    async def leave_stream(self, app_id: int, stream_id: str) -> None:
        """Raises ``DatabaseAway``."""
        await self._ask(LeaveStream(app_id, stream_id))

    async def _ask(self, question: Question) -> StreamTask | None:
        if self._away:
            raise DatabaseAway
        answer: asyncio.Future[StreamTask | None] = asyncio.get_running_loop().create_future()
        self._pending.append(Asked(question, answer))
        self._wake.set()
        return await answer

    # --- writing

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            changes, self._pending = self._pending, []
            waiters, self._waiters = self._waiters, []
            asked, self._look_now = self._look_now or self._away, False
            error = await self._attempt(_latest(changes), look=asked) if changes or asked else None
            for waiter in waiters:
                if waiter.done():
                    continue
                if error is None:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(error)

    async def _attempt(self, changes: list[Pending], *, look: bool) -> Exception | None:
        """Write, or keep for later; gives the error that remains. ``look`` whether anything can be
        written before that."""
        self._kept, self._looked = False, self._clock.monotonic()
        self._todo = _parts(changes)
        if look and not await self._ledger.writable():
            return self._keep([], ConnectionError("database is away"))
        remains: Exception | None = None
        while self._todo:
            match self._todo.popleft():
                case [Asked() as asked]:
                    await self._answer(asked)
                case part:
                    remains = await self._batch([c for c in part if not isinstance(c, Asked)]) or remains
        # Not before what had to wait is written: of a nearly full disk the little that is asked of it
        # to find out may be all it takes.
        if self._away and not self._kept:
            log.info("journal: the database is back")
            self._away = False
        return remains

    async def _batch(self, changes: list[Entry]) -> Exception | None:
        life = self._owner
        try:
            await self._ledger.save(life, changes)
        except Fenced as error:
            return self._fence(error, life)
        except Exception as error:
            if self._owner != life:
                return error
            return self._keep(changes, error) if passing(error) else await self._save_each(changes, error)
        return None

    def _fence(self, error: Fenced, life: Owner) -> Fenced:
        if life != self._owner:
            return error  # known already: ``renew``
        log.error("journal: this node was declared lost; what it knows is not written")
        self._pending.clear()
        if not self._fenced:
            self._fenced = True
            self.on_fenced()
        return error

    async def _answer(self, asked: Asked) -> None:
        if asked.answer.done():
            return
        life = self._owner
        try:
            result = await self._ledger.ask(life, asked.question)
        except (ClaimRefused, Elsewhere) as refused:
            if not asked.answer.done():
                asked.answer.set_exception(refused)
            return
        except Exception as error:
            if not asked.answer.done():
                asked.answer.set_exception(DatabaseAway())
            if isinstance(error, Fenced):
                self._fence(error, life)
            elif passing(error) or not await self._ledger.writable():
                self._keep([], error)
            else:
                log.exception("journal: a claim was not written")
            return
        if not asked.answer.done():
            asked.answer.set_result(result)

    async def _save_each(self, changes: list[Entry], error: Exception) -> Exception | None:
        """After ``error``: a change that can never be written must not keep the others from it."""
        remains: Exception | None = None
        life = self._owner
        for i, change in enumerate(changes):
            writable = await self._ledger.writable()
            if self._owner != life:
                return error
            if not writable:
                return self._keep(changes[i:], error)
            try:
                await self._ledger.save(life, [change])
            except Fenced as fenced:
                return self._fence(fenced, life)
            except Exception as raised:
                if self._owner != life:
                    return raised
                if passing(raised):
                    return self._keep(changes[i:], raised)
                log.exception("journal: %s not written", type(change).__name__)
                remains = raised
        return remains

    def _keep(self, changes: Sequence[Pending], error: Exception) -> Exception:
        """Put states back, before those that follow, and try again in a while."""
        self._kept = True
        kept: list[Pending] = []
        following = [c for part in self._todo for c in part]
        self._todo.clear()
        for change in [*changes, *following, *self._pending]:
            if not isinstance(change, Asked):
                kept.append(change)
            elif not change.answer.done():
                change.answer.set_exception(DatabaseAway())
        self._pending = _latest(kept)
        if not self._away:
            log.error("journal: the database is away, %d changes wait", len(kept), exc_info=error)
        self._away = True
        if not self._retrying:
            self._retrying = True
            self._clock.call_at(self._clock.monotonic() + RETRY, self._retry)
        return error

    def _retry(self) -> None:
        self._retrying = False
        self._wake.set()

    # --- callback outbox

    async def callbacks(self) -> Sequence[CallbackRow]:
        """This node's undelivered callbacks in the order they were noted."""
        return await self._ledger.callbacks(self.owner.node_id)

    def callback_attempted(self, receipt: object, attempts: int, *, over: bool) -> None:
        """``receipt`` is the row; one that was not written yet and is over never will be."""
        assert isinstance(receipt, CallbackRow)
        waits = any(c is receipt for c in self._pending)
        if waits and over:
            self._pending = [c for c in self._pending if c is not receipt]
        elif waits:
            receipt.attempts = attempts
        else:
            self.note(Attempted(receipt, attempts, over))


def _task_of(change: Pending) -> str:
    match change:
        case StreamTask(id=task_id):
            return task_id
        case Attempted(row=row):
            return row.task_id
        case OwnHuman(id=human_id):
            return human_id
        case _:
            return change.task_id


def _parts(changes: Sequence[Pending]) -> deque[list[Pending]]:
    """What is written in one transaction each, in order: a question alone, changes together."""
    parts: deque[list[Pending]] = deque()
    for change in changes:
        together = parts and len(parts[-1]) < BATCH and not isinstance(parts[-1][0], Asked)
        if together and not isinstance(change, Asked):
            parts[-1].append(change)
        else:
            parts.append([change])
    return parts


def _latest(changes: list[Pending]) -> list[Pending]:
    """Only the last state of a record matters, at the place of its first; the rest is each its own."""
    latest: dict[tuple[type, object], Pending] = {}
    for i, change in enumerate(changes):
        key = change.id if isinstance(change, StreamTask | Drive | Output | OwnHuman) else i
        latest[(type(change), key)] = change
    return list(latest.values())
