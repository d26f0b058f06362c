"""The outputs of one stream task."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass

from bunraku.core.errors import InvalidParams, StreamIdExists
from bunraku.core.media import Codec, Word
from bunraku.core.output import MOST, Output, OutputOrder, shown
from bunraku.node.outputs.base import Feed, Means, Sender
from bunraku.node.outputs.kinds import open_sender
from bunraku.node.outputs.sound import SharedAac
from bunraku.node.outputs.storage import Place
from bunraku.node.outputs.supervisor import Supervisor
from bunraku.node.streams.stream import Stream

MOST_EVER = 100  # outputs of a task, ended ones with them


@dataclass(frozen=True, slots=True)
class OutputMeans:
    """What the outputs of any task are made with. ``patience``: seconds an output goes on trying;
    ``end_timeout``: seconds it may take to end."""

    means: Means
    executor: Executor
    patience: float
    end_timeout: float


class Outputs:
    """Owned by a ``LiveTask``; used on the event loop. ``changed`` hears of every change of a record, and
    whether others should."""

    def __init__(
        self,
        app_id: int,
        task_id: str,
        stream: Stream,
        means: OutputMeans,
        changed: Callable[[Output, bool], None],
    ) -> None:
        self._app_id, self._task_id, self._stream = app_id, task_id, stream
        self._means, self._changed = means, changed
        self._aac = SharedAac(stream, means.executor)
        self._all: dict[str, Supervisor] = {}
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._watching = 0
        self._started = self._closed = False

    @property
    def records(self) -> tuple[Output, ...]:
        """In the order they were added."""
        return tuple(s.record for s in self._all.values())

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """Of those that are sending."""
        return tuple(s.feed for s in self._all.values() if s.feed is not None)

    @property
    def watching(self) -> int:
        """How many of the stream's watchers are these."""
        return self._watching + self._aac.watching

    def add(self, orders: Sequence[OutputOrder]) -> list[Output]:
        """All of them or none. They begin when the stream does.

        Raises ``InvalidParams``; ``StreamIdExists`` for a name that the task has already.
        """
        running = sum(not s.record.status.final for s in self._all.values())
        if running + len(orders) > MOST:
            raise InvalidParams(f"Output: a task has at most {MOST} at once")
        if len(self._all) + len(orders) > MOST_EVER:
            raise InvalidParams(f"Output: a task has at most {MOST_EVER} in its life")
        made: list[Supervisor] = []
        for order in orders:
            names = {s.record.name for s in (*self._all.values(), *made)}
            made.append(self._make(order, len(self._all) + len(made), names))
        for supervisor in made:
            self._all[supervisor.record.id] = supervisor
            self._changed(supervisor.record, True)
            if self._started:
                self._begin(supervisor)
        return [s.record for s in made]

    def _make(self, order: OutputOrder, sequence: int, names: set[str]) -> Supervisor:
        if order.name and order.name in names:
            raise StreamIdExists("Output.Name")
        name = order.name or _name(order.protocol, names)
        place = Place(self._app_id, self._task_id, name)
        means = self._means.means
        record = Output(
            id=str(uuid.uuid4()),
            task_id=self._task_id,
            sequence=sequence,
            protocol=order.protocol,
            name=name,
            url=shown(order.url),
            started_at=means.clock.wall(),
        )
        return Supervisor(
            record,
            open_sender(order, place, means),
            self._attach,
            means.clock,
            self._changed,
            patience=self._means.patience,
            end_timeout=self._means.end_timeout,
        )

    def remove(self, output_id: str) -> None:
        """Begin to end it. Raises ``InvalidParams`` for one that is not there."""
        supervisor = self._all.get(output_id)
        if supervisor is None:
            raise InvalidParams("OutputId not found")
        supervisor.end()
        if output_id not in self._jobs:
            self._begin(supervisor)  # never begun: it is complete at once

    def spoken(self, began_us: int, words: Sequence[Word]) -> None:
        """Words of a drive that began at this program time; their sound leaves now or soon."""
        for feed in self.feeds:
            feed.spoken(began_us, words)

    def hushed(self, now_us: int) -> None:
        """Somebody was interrupted."""
        for feed in self.feeds:
            feed.hushed(now_us)

    def start(self) -> None:
        """The stream is there."""
        self._started = True
        for supervisor in tuple(self._all.values()):
            self._begin(supervisor)

    def never(self, reason: str) -> None:
        """There will be no stream."""
        self._closed = True
        for supervisor in self._all.values():
            supervisor.fail(reason)

    def _begin(self, supervisor: Supervisor) -> None:
        if self._closed or supervisor.record.id in self._jobs:
            return
        job = asyncio.create_task(supervisor.run(), name=f"output-{supervisor.record.id}")
        self._jobs[supervisor.record.id] = job

    async def close(self, *, tell: bool = True) -> None:
        """End all of them in order, as long as they may take. Cancelled, it ends them at once."""
        for supervisor in tuple(self._all.values()):
            if not tell:
                supervisor.fall_silent()
            self._begin(supervisor)
            supervisor.end()
        self._closed = True
        jobs = tuple(self._jobs.values())
        try:
            if jobs:
                await asyncio.wait(jobs)
        finally:
            for job in jobs:
                job.cancel()

    @contextmanager
    def _attach(self, sender: Sender) -> Iterator[Feed]:
        """A feed of the stream, for as long as an attempt takes: it counts as somebody watching."""
        feed = Feed(self._stream, sender.wants)
        self._stream.add_watcher(feed)
        self._watching += 1
        if sender.wants.sound is Codec.AAC:
            self._aac.join(feed)
        try:
            yield feed
        finally:
            if sender.wants.sound is Codec.AAC:
                self._aac.leave(feed)
            self._watching -= 1
            self._stream.remove_watcher(feed)


def check(orders: Sequence[OutputOrder], means: Means) -> None:
    """What ``Outputs.add`` would say to them in a task that has none."""
    names = [o.name for o in orders if o.name]
    if len(orders) > MOST:
        raise InvalidParams(f"Output: a task has at most {MOST} at once")
    if len(set(names)) < len(names):
        raise StreamIdExists("Output.Name")
    for order in orders:
        open_sender(order, Place(0, "", order.name), means)


def _name(protocol: str, taken: set[str]) -> str:
    number = 1
    while f"{protocol}-{number}" in taken:
        number += 1
    return f"{protocol}-{number}"
