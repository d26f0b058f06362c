"""What a peer may ask of the parsers: uvicorn's two protocols, fed in small pieces and at a pace.

A byte costs nothing to send; what it costs here depends on what it means. A read of 256 KiB may hold
one frame of a WebSocket, or forty thousand, and nothing else runs while it is parsed. So pieces are
small, what they turned out to hold is paid for from an allowance, and a connection that has used its
own up, and the one that all share, is not read from until time has filled them again: TCP holds the
sender back. Streams are on the same event loop, and no stranger may delay their ticks.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from bunraku.front.http import BODY_SECONDS
from bunraku.front.turns import Turns

PIECE = 1024  # bytes fed to a parser at once; the densest are parsed in about 4 ms
DENSE = 16  # events in a piece; requests and audio hold three
TURN = 0.004  # s a connection may parse until others have theirs
OWN_RATE, OWN_BURST = 400.0, 2000.0  # events a second, and at once; a drive socket needs 100 frames
SHARED_RATE, SHARED_BURST = 4000.0, 2000.0
MESSAGE = 2.0  # a whole message wakes whoever waits for it, which costs more than a part of one
MAX_PIECES = 4096  # small chunks one request's body may come in
MAX_HEAD_LINES = 128  # a head is parsed in one go, and its lines cost more than its bytes
MAX_FIELDS = 512  # of a query, and of the cookies; calls have a limit of their own, and an answer for it
HEAD_TIMEOUT = 10.0  # s until a request's head is there
REQUEST_TIMEOUT = 20.0  # s from the head until the body is there; handlers give up at 15
LINGER = 2.0  # s for the rest of a body that was answered early
STALL = 30.0  # s without any progress in sending
MAX_UNSENT = 256 * 1024  # bytes of answers to pings
SOCKET_MESSAGES = {"/rtc/room": 64 * 1024}
"""Largest message of a WebSocket, by path, where it is less than the contract's 16 MiB for audio."""
_HEAD_END = re.compile(rb"\n\r?\n")


class Allowance:
    """A token bucket that may be overdrawn by what is only known when it is done."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._left, self._when = burst, now()

    def _fill(self) -> None:
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._when) * self._rate)
        self._when = now

    def spend(self, cost: float) -> None:
        self._fill()
        self._left -= cost

    def lend(self, wanted: float) -> float:
        """As much of it as there is."""
        self._fill()
        lent = min(wanted, max(0.0, self._left))
        self._left -= lent
        return lent

    def borrow(self, other: Allowance) -> float:
        """Make one's debt good; gives what is missing still."""
        self._fill()
        if self._left < 1.0:
            self._left += other.lend(1.0 - self._left)
        return max(0.0, 1.0 - self._left)


class Intake:
    """What the connections of one server share: an allowance, turns, and the event loop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.shared = Allowance(SHARED_RATE, SHARED_BURST, now)
        self.turns = Turns(now)
        self._free_at = self._free_for_dense_at = 0.0

    def busy(self, now: float, dense: bool) -> float:
        """Seconds until a piece may be parsed; longer for those whose last one was dense."""
        return max(0.0, (self._free_for_dense_at if dense else self._free_at) - now)

    def parsed_dense(self, now: float, took: float) -> None:
        """Streams get as much of the loop as such a piece took, and four times that before the next
        of a known sender of such pieces, however many there are."""
        self._free_at = now + took
        self._free_for_dense_at = now + 4 * took


class Admission:
    """A connection's place among those that may be open; ``release`` gives it back, once."""

    def __init__(self, release: Callable[[Admission], None], address: str) -> None:
        self._release: Callable[[Admission], None] | None = release
        self.address = address
        self.since = time.monotonic()
        self.connection: HttpConnection | SocketConnection | None = None  # once it is made
        self.handshake: asyncio.Task[None] | None = None  # until then, of TLS

    def release(self) -> None:
        if self._release is not None:
            self._release(self)
            self._release = None


class Valve:
    """A transport whose reading two may stop: its protocol, which is full, and the pace."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.full = False
        self.on_room: Callable[[], None] = lambda: None

    def pause_reading(self) -> None:
        self.full = True
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.full:
            self.full = False
            self.on_room()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


class _Paced:
    """Feeds ``_parse``; what it cost is told to ``_spend`` while it runs."""

    def _begin(self, valve: Valve, intake: Intake, held: bytes = b"") -> None:
        self._valve, self._intake = valve, intake
        self._own = Allowance(OWN_RATE, OWN_BURST)
        self._held = bytearray(held)
        self._events = 0
        self._dense = False
        self._waiting: asyncio.TimerHandle | None = None
        self._unsent, self._progress = 0, time.monotonic()
        valve.on_room = self._work

    def _parse(self, data: bytes) -> None:
        raise NotImplementedError

    def _spend(self, cost: float) -> None:
        self._events += 1
        self._own.spend(cost)

    def _receive(self, data: bytes) -> None:
        self._held += data
        self._own.spend(1.0)
        if self._waiting is not None:  # reading was let go on by somebody who did not know
            self._valve.transport.pause_reading()
        self._work()

    def _work(self) -> None:
        if self._waiting is not None:
            return
        begin = now = time.monotonic()
        while self._held and not self._valve.full:
            if self._valve.is_closing() or self._valve.on_room != self._work:
                return
            wait = self._own.borrow(self._intake.shared) / (OWN_RATE + SHARED_RATE)
            wait = max(wait, self._intake.busy(now, self._dense))
            if wait > 0.0 or now - begin > TURN:
                self._valve.transport.pause_reading()
                # Also when it was only long: others have their turn first.
                self._waiting = asyncio.get_running_loop().call_later(wait, self._go_on)
                return
            piece = bytes(self._held[:PIECE])
            del self._held[:PIECE]
            self._events = 0
            self._parse(piece)
            was, now = now, time.monotonic()
            self._dense = self._events > DENSE
            if self._dense:
                self._intake.parsed_dense(now, now - was)
        # Not for another protocol, which took over meanwhile and may want it paused.
        if self._valve.on_room == self._work and not self._valve.full and not self._valve.is_closing():
            self._valve.transport.resume_reading()

    def _go_on(self) -> None:
        self._waiting = None
        self._work()

    def _give_over(self) -> bytes:
        """What was not parsed, for the protocol that takes over."""
        held, self._held = bytes(self._held), bytearray()
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        return held

    def _stalled(self, now: float) -> bool:
        unsent = self._valve.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._progress = unsent, now
        return now - self._progress > STALL


def _too_many_lines(data: bytes) -> bool:
    """Whether the head that ``data`` begins with, or all of ``data`` when it ends in none, has too many."""
    if data.count(b"\n") <= MAX_HEAD_LINES:
        return False
    end = _HEAD_END.search(data)
    return data.count(b"\n", 0, end.start() if end else len(data)) > MAX_HEAD_LINES


def _too_many_fields(head: h11.Request) -> bool:
    cookies = sum(value.count(b";") for name, value in head.headers if name == b"cookie")
    return max(head.target.count(b"&"), cookies) > MAX_FIELDS


class _Counted(h11.Connection):
    """Tells of every event, holds a request back until its turn, and ends a head that is dear to parse and
    a body that comes in crumbs."""

    def __init__(self, spend: Callable[[float], None], may_begin: Callable[[], bool], max_head: int) -> None:
        super().__init__(h11.SERVER, max_head)
        self._spend, self._may_begin = spend, may_begin
        self.pieces = 0

    def next_event(self) -> Any:
        if self.their_state is h11.IDLE:
            come = self.trailing_data[0]
            if _too_many_lines(come):
                raise h11.RemoteProtocolError("a head of too many lines", error_status_hint=400)
            if _HEAD_END.search(come) and not self._may_begin():
                return h11.NEED_DATA
        event = super().next_event()
        if isinstance(event, h11.Request) and _too_many_fields(event):
            raise h11.RemoteProtocolError("too many fields", error_status_hint=400)
        if isinstance(event, h11.Data):
            self.pieces += len(event.data) < PIECE // 2
            if self.pieces > MAX_PIECES:
                raise h11.RemoteProtocolError("a body in too many pieces", error_status_hint=400)
            self._spend(1.0)
        elif isinstance(event, h11.Event):
            self.pieces = 0
            self._spend(1.0)
        return event


class HttpConnection(_Paced, H11Protocol):
    """HTTP/1.1 with limits; becomes a ``SocketConnection`` when asked to."""

    def __init__(
        self, config: Any, server_state: Any, app_state: dict[str, Any], intake: Intake, admission: Admission
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._shared_by_all, self.admission = intake, admission
        most = config.h11_max_incomplete_event_size or 64 * 1024
        self.conn = _Counted(self._spend, self._may_begin, most)
        self._queued = self._called = False  # for its turn; it has come
        self._phase: tuple[Any, ...] = ()
        self._since = time.monotonic()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        valve = Valve(transport)
        self._begin(valve, self._shared_by_all)
        super().connection_made(cast(asyncio.Transport, valve))
        self.admission.connection = self

    def connection_lost(self, exc: Exception | None) -> None:
        self._give_over()
        self._shared_by_all.turns.leave(self.admission.address, self._begin_request)
        self.admission.release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._receive(data)

    def _parse(self, data: bytes) -> None:
        H11Protocol.data_received(self, data)

    def _may_begin(self) -> bool:
        """Whether the request whose head has come begins now; else later, and meanwhile nothing is read."""
        if self._called:
            self._called = False
            return True
        if self._queued:
            return False
        if self._shared_by_all.turns.take(self.admission.address, self._begin_request):
            return True
        self._queued = True
        self._unset_keepalive_if_required()
        self._valve.pause_reading()
        return False

    def _begin_request(self) -> None:
        self._queued, self._called = False, True
        if self._valve.is_closing():
            return
        self.handle_events()
        if not self._queued and not self.flow.read_paused:
            self._valve.resume_reading()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        super().handle_websocket_upgrade(event)
        socket = self._valve.get_protocol()
        if isinstance(socket, SocketConnection):
            socket.take_over(self._valve, self._shared_by_all, self.admission, self._give_over())

    def send_400_response(self, msg: str) -> None:
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:  # an answer was under way
            self.transport.close()

    @property
    def waiting(self) -> bool:
        """Nobody would miss it: no request is under way."""
        return self.conn.their_state is h11.IDLE and self._answered and not self._queued

    @property
    def _answered(self) -> bool:
        cycle = cast(RequestResponseCycle | None, self.cycle)
        return cycle is None or cycle.response_complete

    def overdue(self, now: float) -> bool:
        """Looked at about once a second: it does nothing, or the same thing for too long."""
        answered = self._answered
        phase = (self.conn.their_state, self.cycle, answered)
        if phase != self._phase:
            self._phase, self._since = phase, now
        since = now - self._since
        if self.conn.their_state is h11.IDLE and answered:
            return since > HEAD_TIMEOUT
        if self.conn.their_state is h11.SEND_BODY:
            return since > (LINGER if answered else self.scope.get(BODY_SECONDS, REQUEST_TIMEOUT))
        return self._stalled(now)


class SocketConnection(_Paced, WebSocketsSansIOProtocol):
    """A WebSocket with limits on frames."""

    def take_over(self, valve: Valve, intake: Intake, admission: Admission, held: bytes) -> None:
        self.admission = admission
        admission.connection = self
        self._begin(valve, intake, held)
        self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        self._give_over()
        self.admission.release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:  # the head, which was parsed and paid for as HTTP
            super().data_received(data)
        else:
            self._receive(data)

    def _parse(self, data: bytes) -> None:
        WebSocketsSansIOProtocol.data_received(self, data)

    def handle_connect(self, event: Request) -> None:
        path = event.path.partition("?")[0]
        self.conn.max_message_size = SOCKET_MESSAGES.get(path, self.conn.max_message_size)
        super().handle_connect(event)

    def handle_cont(self, event: Frame) -> None:
        self._spend(MESSAGE if event.fin else 1.0)
        super().handle_cont(event)

    def handle_text(self, event: Frame) -> None:
        self._spend(MESSAGE if event.fin else 1.0)
        super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        self._spend(MESSAGE if event.fin else 1.0)
        super().handle_bytes(event)

    def handle_ping(self) -> None:
        self._spend(MESSAGE)
        super().handle_ping()
        if self._valve.get_write_buffer_size() > MAX_UNSENT:
            self._valve.abort()

    def handle_pong(self, event: Frame) -> None:
        self._spend(1.0)
        super().handle_pong(event)

    @property
    def waiting(self) -> bool:
        return False

    def overdue(self, now: float) -> bool:
        return self._stalled(now)
