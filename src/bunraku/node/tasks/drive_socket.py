"""The node's end of a WebSocket that carries PCM (contract section 7). Nothing is ever sent back."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace

from bunraku.core.clock import Clock, timeout
from bunraku.core.drive import DriveKind, DriveStatus
from bunraku.core.errors import ApiError
from bunraku.node.speech.pcm_stream import (
    FIRST_AUDIO_TIMEOUT,
    NEXT_AUDIO_TIMEOUT,
    Format,
    PcmReader,
    Phase,
    Start,
    StartRefused,
    parse_text,
)
from bunraku.node.tasks.live_task import LiveTask
from bunraku.nodes.sockets import Closing, SocketDrive

log = logging.getLogger(__name__)

POLICY_VIOLATION, GOING_AWAY = 1008, 1001
SLICE = 64 * 1024  # bytes of a frame worked off at a time
UNHEARD = 60.0  # s without any word of its front after which a socket is let go


class DriveSocket:
    """One connection: takes frames in, keeps at most one utterance on stage."""

    def __init__(self, drive_id: str, task: LiveTask, clock: Clock) -> None:
        self._drive_id, self.task, self._clock = drive_id, task, clock
        self._phase = Phase.FRESH
        self._start = Start(drive_id, Format())
        self._line: int | None = None
        self._reader: PcmReader | None = None
        self._heard = False
        self._since = 0.0  # monotonic time at which the last audio came, or the Start
        self._turn = asyncio.Lock()
        self._alarm: float | None = None
        """When silence is looked for next."""
        self.closing: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()
        self.asked_at = clock.monotonic()
        """When its front last asked whether to close."""

    def close(self, code: int, reason: str = "") -> None:
        """Say that the connection must end. What is buffered plays on, unless the task is over."""
        if not self.closing.done():
            self.closing.set_result(Closing(code, reason))

    async def frame(self, message: str | bytes) -> bool:
        """Waits while the buffer is full: reading stops, and TCP holds the sender back."""
        async with self._turn:
            if self.closing.done():
                return False
            try:
                await self._handle(message)
            except StartRefused as error:
                self.close(POLICY_VIOLATION, str(error))
                return False
            self._watch_silence()
            return True

    async def leave(self) -> None:
        """The connection is gone."""
        async with self._turn:
            self._end_utterance(Phase.CLOSED)

    # --- time

    def _watch_silence(self) -> None:
        """Have silence end the utterance in time. One alarm at most is early; the others go unheard."""
        if self._phase is not Phase.OPEN:
            return
        deadline = self._deadline()
        if self._alarm is None or deadline < self._alarm:
            self._alarm = deadline
            self._clock.call_at(deadline, lambda: self._ring(deadline))

    def _ring(self, alarm: float) -> None:
        if self._alarm != alarm:
            return
        self._alarm = None
        if self._phase is Phase.OPEN and self._deadline() <= self._clock.monotonic():
            self._notice_interruption()
            self._end_utterance(Phase.RESUMABLE)
        self._watch_silence()

    def _deadline(self) -> float:
        """When silence ends the utterance (contract section 7.5). What is buffered is no silence: a caller
        that sent a sentence in one burst has the full time after it for the next."""
        if not self._heard:
            return self._since + FIRST_AUDIO_TIMEOUT
        played = self.task.plays_until(self._line) if self._line is not None else None
        return max(self._since, played or 0.0) + NEXT_AUDIO_TIMEOUT

    # --- frames

    async def _handle(self, message: str | bytes) -> None:
        self._notice_interruption()
        if isinstance(message, bytes):
            await self._audio(message)
            return
        command = parse_text(message)
        if command is None:
            log.info("drive socket: text frame ignored", extra={"drive": self._drive_id})
        elif isinstance(command, Start):
            self._begin(command)
        elif self._phase is Phase.OPEN:
            self._end_utterance(Phase.CLOSED)

    def _notice_interruption(self) -> None:
        """Another drive, or an interrupt, took the stage: our audio is dropped until a Start."""
        if self._phase is Phase.OPEN and self._line is not None and not self._on_stage(self._line):
            self._phase, self._line, self._reader = Phase.DROPPING, None, None
        elif self._phase is Phase.RESUMABLE:
            drive = self.task.find_drive(self._start.drive_id or "")
            if drive is not None and drive.status is DriveStatus.INTERRUPTED:
                self._phase = Phase.DROPPING

    def _on_stage(self, line: int) -> bool:
        return self.task.plays_until(line) is not None

    def _begin(self, start: Start) -> None:
        drive_id = start.drive_id or self._drive_id
        start = replace(start, drive_id=drive_id)
        if self._phase is Phase.OPEN and not self._heard and start == self._start:
            return  # the same Start again before any audio
        drive = self.task.find_drive(drive_id)
        if drive is None or drive.kind is not DriveKind.WS_STREAM:
            raise StartRefused("unknown DriveId")
        try:
            self._line = self.task.utter(drive_id)
        except ApiError:
            raise StartRefused("task is not streaming") from None
        self._start, self._reader = start, PcmReader(start.format)
        self._phase, self._heard = Phase.OPEN, False
        self._since = self._clock.monotonic()

    async def _audio(self, data: bytes) -> None:
        if self._phase in (Phase.FRESH, Phase.RESUMABLE) and data:
            self._begin(self._start)
        if self._phase is not Phase.OPEN or self._line is None or self._reader is None or not data:
            return
        self._heard, self._since = True, self._clock.monotonic()
        # A large frame is worked off in slices, so that nobody else waits for it.
        line, reader = self._line, self._reader
        for at in range(0, len(data), SLICE):
            on_stage = await self.task.feed(line, reader.push(data[at : at + SLICE]))
            await asyncio.sleep(0)
            if not on_stage:
                break

    def _end_utterance(self, phase: Phase) -> None:
        line, reader = self._line, self._reader
        self._line = self._reader = None
        if self._phase is Phase.OPEN or phase is Phase.CLOSED:
            self._phase = phase
        if line is not None and reader is not None and self._on_stage(line):
            self.task.end_feed(line, reader.finish())


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a token stands for: valid until the task ends, for any number of sockets."""

    drive_id: str
    task: LiveTask


class DriveSockets:
    """All tickets and connections of a node: the implementation of ``nodes.sockets.SocketHall``."""

    def __init__(self, node_id: str, clock: Clock) -> None:
        self._node_id, self._clock = node_id, clock
        self._tickets: dict[str, Ticket] = {}
        self._sockets: dict[str, DriveSocket] = {}
        self._tended: dict[LiveTask, asyncio.Task[None]] = {}

    def ticket(self, task: LiveTask) -> SocketDrive:
        """A WebSocket drive that is not on stage yet. The task streams."""
        drive = task.announce(DriveKind.WS_STREAM)
        token = f"{self._node_id}.{secrets.token_urlsafe(24)}"
        self._tickets[token] = Ticket(drive.id, task)
        self._tend(task)
        return SocketDrive(drive.id, token)

    async def open(self, token: str) -> str | None:
        ticket = self._tickets.get(token)
        if ticket is None:
            return None
        await self._let_go()
        socket_id = f"{self._node_id}.{secrets.token_hex(8)}"
        self._sockets[socket_id] = DriveSocket(ticket.drive_id, ticket.task, self._clock)
        return socket_id

    async def frame(self, socket_id: str, frame: str | bytes) -> bool:
        socket = self._sockets.get(socket_id)
        return socket is not None and await socket.frame(frame)

    async def closing(self, socket_id: str, wait: float) -> Closing | None:
        socket = self._sockets.get(socket_id)
        if socket is None:
            return Closing(GOING_AWAY)
        socket.asked_at = self._clock.monotonic()
        with suppress(TimeoutError):
            async with timeout(self._clock, wait):
                await asyncio.wait([socket.closing])
        return socket.closing.result() if socket.closing.done() else None

    async def close(self, socket_id: str) -> None:
        socket = self._sockets.pop(socket_id, None)
        if socket is not None:
            await socket.leave()

    def _tend(self, task: LiveTask) -> None:
        """Tickets and connections of a task end with it."""

        async def end() -> None:
            await task.stopping()
            self._tickets = {k: t for k, t in self._tickets.items() if t.task is not task}
            for socket in self._sockets.values():
                if socket.task is task:
                    socket.close(GOING_AWAY)
            del self._tended[task]

        if task not in self._tended:
            self._tended[task] = asyncio.create_task(end(), name=f"sockets-{task.record.id}")

    async def _let_go(self) -> None:
        """Connections whose front has died: nobody asks about them any more."""
        before = self._clock.monotonic() - UNHEARD
        for socket_id, socket in tuple(self._sockets.items()):
            if socket.asked_at < before:
                await self.close(socket_id)
