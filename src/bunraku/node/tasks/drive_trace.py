"""The spans of a drive: from its queue to the first sound that is sent, and to its end."""

from __future__ import annotations

from dataclasses import replace

from bunraku.core.calls import Call
from bunraku.core.clock import Clock
from bunraku.core.drive import Drive, DriveStatus
from bunraku.core.tracing import Attributes, Tracer
from bunraku.node.performance.line import Moments


class DriveTrace(Moments):
    """The moments of a drive as spans, and the call that the drive's lines of the log belong to.

    Spans: ``drive`` from the queue to the end; inside it ``drive.wait`` to its turn, ``drive.voice``
    from the order to its first PCM, ``drive.send`` from the later of turn and PCM until the first sound
    has been sent. A WebSocket DriveId that is used again begins anew.
    """

    def __init__(self, tracer: Tracer, clock: Clock, call: Call, drive: Drive) -> None:
        self._tracer, self._clock, self._parent, self._drive = tracer, clock, call, drive
        self._over = False
        self._begin()

    def _begin(self) -> None:
        ids = {"bunraku.task.id": self._drive.task_id, "bunraku.drive.id": self._drive.id}
        self._span = self._tracer.begin(
            "drive", self._parent.trace, attributes={**ids, "bunraku.drive.kind": self._drive.kind.value}
        )
        trace = self._span.trace or self._parent.trace
        self.call = replace(self._parent, task=self._drive.task_id, drive=self._drive.id, trace=trace)
        self._queued = self._clock.monotonic()
        self._ordered: float | None = None
        self._turn: float | None = None
        self._pcm: float | None = None
        self._sent = False

    def _stretch(self, name: str, begin: float, end: float, attributes: Attributes | None = None) -> None:
        self._tracer.begin(name, self.call.trace, at=begin, attributes=attributes).end(end)

    def submitted(self) -> None:
        """It comes to the stage, for the first time or again."""
        if self._over:
            self._over = False
            self._begin()

    def turn(self) -> None:
        self._turn = self._clock.monotonic()
        self._stretch("drive.wait", self._queued, self._turn)

    def ordered(self) -> None:
        self._ordered = self._clock.monotonic()

    def first_pcm(self) -> None:
        if self._pcm is None:
            self._pcm = self._clock.monotonic()
            self._stretch("drive.voice", self._queued if self._ordered is None else self._ordered, self._pcm)

    def first_sound(self, at: float, *, watched: bool) -> None:
        if self._sent:
            return
        self._sent = True
        begin = max(t for t in (self._turn, self._pcm, self._queued) if t is not None)
        self._stretch("drive.send", begin, at, {"bunraku.watched": watched})

    def ended(self, status: DriveStatus) -> None:
        if not self._over:
            self._over = True
            self._span.say({"bunraku.drive.status": status.name.lower()})
            self._span.end(fault="drive_failed" if status is DriveStatus.FAILED else None)
