"""One live stream task: its record, its drives, its performance, and who is told of changes."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

from bunraku.core.calls import current, during, note
from bunraku.core.clock import Clock, timeout
from bunraku.core.commission import Commission
from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.errors import StreamAlreadyStopped, StreamNotStarted, SystemBusy
from bunraku.core.figures import Figures
from bunraku.core.media import Picture, SpeechChunk, Word
from bunraku.core.meter import Meter
from bunraku.core.output import Output, OutputOrder
from bunraku.core.script import Script, SocketScript
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.core.tracing import UNTRACED, Tracer
from bunraku.node.captions import join
from bunraku.node.performance.drive_queue import Change, Mode, QueueFull
from bunraku.node.performance.performance import Performance
from bunraku.node.performance.stage import StagingFailed
from bunraku.node.rooms.room import Rooms
from bunraku.node.streams.stream import Stream
from bunraku.node.streams.voice_activity import COMPARED, LAG, Loudness
from bunraku.node.tasks.drive_trace import DriveTrace
from bunraku.node.tasks.herald import Herald, audible, caption
from bunraku.node.tasks.stagehand import Stagehand

log = logging.getLogger(__name__)


class LiveTask:
    """The one owner of everything a stream task has; nobody else writes any of it. Used on the event
    loop only. It is the performance's ``Audience``.

    A life: ``start`` once, then commands while it streams, then ``stop`` or a fault. ``on_over`` hears
    of the end once, when the record is final.
    """

    def __init__(
        self,
        record: StreamTask,
        stream: Stream,
        rooms: Rooms,
        herald: Herald,
        stagehand: Stagehand,
        clock: Clock,
        on_over: Callable[[LiveTask], None],
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._record, self._stream, self._rooms = record, stream, rooms
        self._herald, self._stagehand, self._clock = herald, stagehand, clock
        self._on_over = on_over
        self._performance: Performance | None = None
        self._drives: dict[str, Drive] = {}
        self._words: dict[str, list[Word]] = {}
        """Of drives that are being said."""
        self._tracer, self._traces = tracer, dict[str, DriveTrace]()
        note(task=record.id)
        self._born_by = current()
        ids = {"bunraku.task.id": record.id, "bunraku.digital_human.id": record.digital_human_id}
        self._starting = tracer.begin("stream_task.start", self._born_by.trace, attributes=ids)
        self._began = clock.monotonic()
        self._idle_since = self._began
        self._jobs: set[asyncio.Task[Any]] = set()
        self._started = asyncio.Event()
        self._stopping = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._abandoned = False
        self._heard_from: dict[str, int] = {}
        """Program time at which the current drive began to be heard."""
        self._outputs = stagehand.outputs(record, stream, self._output_changed)

    # --- what others may see

    @property
    def record(self) -> StreamTask:
        return self._record

    @property
    def drives(self) -> tuple[Drive, ...]:
        """Oldest first."""
        return tuple(self._drives.values())

    @property
    def outputs(self) -> tuple[Output, ...]:
        """In the order they were added."""
        return self._outputs.records

    def find_drive(self, drive_id: str) -> Drive | None:
        return self._drives.get(drive_id)

    def heard(self) -> tuple[Drive, ...]:
        """Drives that are being said, with what has been heard of them by now."""
        return tuple(
            replace(d, **self._heard(d.id, self._performance.played(d.id)))
            for d in self._drives.values()
            if d.status is DriveStatus.DRIVING and self._performance is not None
        )

    def _heard(self, drive_id: str, played: float) -> dict[str, Any]:
        """Words count when they have begun."""
        words = [w for w in self._words.get(drive_id, ()) if w.start < played]
        return {"played_ms": round(played * 1000), "spoken_text": join(words)}

    @property
    def lateness(self) -> float:
        """Seconds by which its ticks come late."""
        return 0.0 if self._performance is None else self._performance.meter.lateness

    def add_to(self, total: Meter) -> None:
        """Add its counts to a sum."""
        if self._performance is not None:
            total.add(self._performance.meter)

    def figures(self) -> Figures:
        performance = self._performance
        if performance is None:
            return Figures(self._record)
        m = performance.meter
        return Figures(
            self._record,
            watchers=len(self._stream.watchers) - self._outputs.watching,
            drives_queued=performance.queued,
            render_ms=m.render_ms.median(),
            encode_ms=m.encode_ms.median(),
            first_audio_ms=m.first_audio_ms.median(),
            interrupt_ms=m.interrupt_ms.median(),
            av_offset_ms=m.av_offset_ms.median(),
            frames_late=m.frames_late,
        )

    def picture(self) -> Picture | None:
        """What the figure shows: its own buffer, drawn anew under the reader's eyes. While all watchers
        draw, it is what it showed when this was asked the time before."""
        if self._performance is None:
            return None
        self._performance.pictures.glance()
        return self._performance.pictures.picture

    async def stopping(self) -> None:
        """Return when the task is on its way out."""
        await self._stopping.wait()

    async def over(self) -> None:
        """Return when the record is final."""
        await self._over.wait()

    # --- life

    def start(self, commission: Commission) -> None:
        """Begin to bring the performance to the stage."""
        self._spawn(self._start(commission), "start")
        if commission.barge_in is not None:
            self._spawn(self._attend(commission.barge_in), "attention")

    async def _start(self, commission: Commission) -> None:
        try:
            performance = await self._stagehand.bring(
                self._record, commission.background_url, self._stream, self
            )
        except StagingFailed as error:
            self._fail(str(error))
            return
        if self._record.status is TaskStatus.INITIALIZING:  # not stopped meanwhile
            self._performance = performance
            self._stream.drawing = performance.drawing if commission.drawing else None
            self._change(TaskStatus.STREAMING)
            self._rooms.publish(self._stream)
            self._outputs.start()
            self._spawn(performance.run(), "performance")

    async def _attend(self, stream_id: str) -> None:
        """Be silent when somebody begins to speak on this stream of the room."""
        await self._started.wait()
        if self._performance is None:
            return
        own = Loudness(COMPARED + LAG)
        self._performance.monitor(own.push)
        async with aclosing(self._stagehand.onsets(self._record, stream_id, own)) as onsets:
            async for _ in onsets:
                if self._record.status is TaskStatus.STREAMING and not self._performance.idle:
                    log.info("interrupted by speech", extra={"task": self._record.id})
                    self._performance.interrupt()

    def _fail(self, reason: str) -> None:
        if self._record.status is not TaskStatus.INITIALIZING:
            return
        self._stopping.set()
        self._rooms.withdraw(self._stream)
        self._outputs.never("the stream failed to start")
        self._change(TaskStatus.FAILED, fail_reason=reason)
        self._end()

    def stop(self) -> None:
        """Status 4 when this returns, 5 when it is ``over``. Raises ``StreamAlreadyStopped``."""
        if self._abandoned or not self._record.status.live:
            raise StreamAlreadyStopped
        if self._performance is not None:
            self._performance.interrupt()
        for drive in [d for d in self._drives.values() if d.status is DriveStatus.QUEUED]:
            # WebSocket and RTC drives that never came to the stage.
            over = self._drives[drive.id] = drive.evolve(DriveStatus.INTERRUPTED)
            self._tell(over, announce=not drive.kind.live)
        self._rooms.withdraw(self._stream)
        self._change(TaskStatus.STOPPING)
        self._stopping.set()
        self._closing = asyncio.create_task(self._wind_down(), name=f"stop-{self._record.id}")

    async def _wind_down(self) -> None:
        try:
            await self._free()
        finally:
            self._cancel_jobs()
            if not self._abandoned:
                self._change(TaskStatus.STOPPED)
                self._end()

    async def _free(self) -> None:
        """Watchers, outputs and performance."""
        ends = [self._stream.close(), self._outputs.close(tell=not self._abandoned)]
        if self._performance is not None:
            ends.append(self._performance.stop())
        await self._stagehand.strike(self._record, *ends)

    def _end(self) -> None:
        self._over.set()
        self._on_over(self)

    async def abandon(self) -> None:
        """The node is not its owner any more: everything stops, and nobody is told."""
        self._abandoned = True
        self._stopping.set()
        self._drives.clear()  # their ends are told by the new owner
        self._cancel_jobs()
        if self._closing is not None:
            self._closing.cancel()
        self._rooms.withdraw(self._stream)
        await self._free()
        self._over.set()

    def expired(self, now: float) -> bool:
        """Whether TTL or MaxIdleTime has passed (contract section 6.2); ``now`` is monotonic."""
        if not self._record.status.live:
            return False
        if now - self._began >= self._record.ttl:
            return True
        if self._record.status is not TaskStatus.STREAMING or self._performance is None:
            return False
        if not self._performance.idle:
            self._idle_since = now
            return False
        return now - self._idle_since >= self._record.max_idle_time

    def _change(self, status: TaskStatus, **details: Any) -> None:
        if status.final:
            details["ended_at"] = self._clock.wall()
        self._record = self._record.evolve(status, **details)
        if status is TaskStatus.STREAMING:
            self._touch()
        self._started.set()
        self._starting.say({"bunraku.task.status": status.name.lower()})
        self._starting.end(fault="stream_task_failed" if status is TaskStatus.FAILED else None)
        # Of the call that asks for it; what happens by itself is Create's.
        with during(current() if current().request else self._born_by):
            log.info("stream task %s", status.name.lower(), extra={"task": self._record.id})
            self._herald.task(self._record)

    def _touch(self) -> None:
        """Something was asked of the figure: the idle time starts again (contract section 6.2)."""
        self._idle_since = self._clock.monotonic()

    def _spawn(self, work: Any, name: str) -> None:
        """A job that ends with the task at the latest."""
        job = asyncio.create_task(work, name=f"{name}-{self._record.id}")
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    def _cancel_jobs(self) -> None:
        for job in tuple(self._jobs):
            job.cancel()

    # --- commands

    async def streaming(self, grace: float) -> None:
        """Wait up to ``grace`` seconds for a task that starts (contract section 6.4).

        Raises ``StreamNotStarted`` or ``StreamAlreadyStopped``.
        """
        if self._record.status is TaskStatus.INITIALIZING and grace > 0:
            with suppress(TimeoutError):
                async with timeout(self._clock, grace):
                    await self._started.wait()
        if self._record.status is TaskStatus.FAILED:
            raise StreamNotStarted("the stream failed to start")
        if self._record.status is TaskStatus.INITIALIZING:
            raise StreamNotStarted
        self._stage()

    def _stage(self) -> Performance:
        streaming = self._record.status is TaskStatus.STREAMING and not self._abandoned
        if not streaming or self._performance is None:
            raise StreamAlreadyStopped
        return self._performance

    def drive(self, script: Script, mode: Mode) -> Drive:
        """Have a script said. Raises ``SystemBusy`` when the queue is full and ``StreamAlreadyStopped``
        when the task is not streaming; then nothing happened."""
        stage = self._stage()
        if mode is Mode.APPEND and stage.queue_full:
            raise SystemBusy("drive queue is full")
        # Contract section 8.5: the new drive's 1 comes before the old one's 4.
        drive = self.announce(script.kind)
        self._submit(stage, drive.id, script, mode)
        return drive

    def announce(self, kind: DriveKind) -> Drive:
        """A queued drive that is not on stage yet."""
        drive = Drive(str(uuid.uuid4()), self._record.id, kind, len(self._drives))
        self._drives[drive.id] = drive
        self._traces[drive.id] = DriveTrace(self._tracer, self._clock, current(), drive)
        note(drive=drive.id)
        self._tell(drive, announce=not kind.live)
        return drive

    def _tell(self, drive: Drive, *, announce: bool = True) -> None:
        """A drive's change, said as part of the call that asked for the drive."""
        trace = self._traces[drive.id]
        with during(trace.call):
            log.info("drive %s", drive.status.name.lower(), extra={"drive": drive.id})
            self._herald.drive(self._record.app_id, drive, announce=announce)
        if drive.status.final:
            trace.ended(drive.status)

    def utter(self, drive_id: str) -> int:
        """A WebSocket Start: this drive takes the stage now, all others leave it (contract section 7.3).

        Returns the number by which it is fed. Raises ``StreamAlreadyStopped``.
        """
        return self._submit(self._stage(), drive_id, SocketScript(), Mode.REPLACE)

    def _submit(self, stage: Performance, drive_id: str, script: Script, mode: Mode) -> int:
        trace = self._traces[drive_id]
        trace.submitted()
        try:
            with during(trace.call):
                return stage.submit(drive_id, script, mode, trace)
        except QueueFull as error:
            raise SystemBusy("drive queue is full") from error

    async def feed(self, number: int, chunk: SpeechChunk) -> bool:
        """Sound for an utterance; False when it is off the stage."""
        return self._performance is not None and await self._performance.feed(number, chunk)

    def plays_until(self, number: int) -> float | None:
        """Monotonic time at which all that there is of an utterance has been heard; None when it is off
        the stage."""
        return None if self._performance is None else self._performance.plays_until(number)

    def end_feed(self, number: int, tail: SpeechChunk) -> None:
        if self._performance is not None:
            self._performance.end_feed(number, tail)

    def gesture(self, name: str) -> None:
        """Raises ``StreamAlreadyStopped``."""
        self._stage().gesture(name)
        self._touch()

    def interrupt(self) -> None:
        """End the current drive and discard the queue. Raises ``StreamAlreadyStopped``."""
        self._stage().interrupt()

    def add_outputs(self, orders: Sequence[OutputOrder]) -> list[Output]:
        """Send the stream elsewhere too, as soon as it is there.

        Raises ``StreamAlreadyStopped``, ``InvalidParams``, or ``StreamIdExists`` for a name used twice.
        """
        if not self._record.status.live or self._abandoned:
            raise StreamAlreadyStopped
        return self._outputs.add(orders)

    def remove_output(self, output_id: str) -> None:
        """Begin to end it. Raises ``InvalidParams`` for one that is not there."""
        self._outputs.remove(output_id)

    def _output_changed(self, output: Output, announce: bool) -> None:
        if not self._abandoned:
            self._herald.output(self._record.app_id, output, announce=announce)

    # --- Audience

    def drive_changed(self, change: Change) -> None:
        drive = self._drives.get(change.drive_id)
        if drive is None:
            return
        if change.status is DriveStatus.DRIVING:
            self._words[drive.id] = []
        heard = self._heard(drive.id, change.played)
        drive = self._drives[drive.id] = drive.evolve(change.status, **heard)
        if drive.status.final:
            self._words.pop(drive.id, None)
        if change.status is DriveStatus.DRIVING and self._performance is not None:
            self._heard_from = {drive.id: self._performance.program_us}
        elif change.spoke and change.status is DriveStatus.INTERRUPTED and self._performance is not None:
            self._outputs.hushed(self._performance.program_us)
        if self._performance is not None and self._performance.idle:
            self._touch()
        self._tell(drive)
        if change.status is DriveStatus.DRIVING or change.spoke:
            sign = DriveStatus.DRIVING if change.status is DriveStatus.DRIVING else DriveStatus.ENDED
            self._say(audible(drive.id, sign, self._clock.wall()))

    def words_spoken(self, drive_id: str, words: tuple[Word, ...]) -> None:
        if drive_id in self._words:
            self._words[drive_id] += words
        self._outputs.spoken(self._heard_from.get(drive_id, 0), words)
        self._say(caption(drive_id, words, self._clock.wall()))

    def performance_failed(self, reason: str) -> None:
        """An unrecoverable fault while streaming ends the task, not the server."""
        if self._record.status is TaskStatus.STREAMING:
            log.error("stream task stopped: %s", reason, extra={"task": self._record.id})
            self.stop()

    def _say(self, payload: dict[str, Any]) -> None:
        room = self._rooms.find(self._record.app_id, self._record.room_id)
        if room is not None:
            room.message(payload)
