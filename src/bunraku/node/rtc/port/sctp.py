"""SCTP (RFC 9260) as far as one sender of short messages needs it, over DTLS (RFC 8261).

Messages are unordered and never repeated: what is lost is out of date, and the peer is told to wait for
it no longer (FORWARD TSN, RFC 3758). Nothing is taken in but what SCTP itself has to say. Both ends ask
for the association (RFC 8841 section 9.3), and whichever succeeds first counts. There is no task and no
timer here: what is overdue is found on the beats of whoever owns this.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Iterator
from enum import Enum

from google_crc32c import value as crc32c

_COMMON = struct.Struct("!HHLL")
_SUM = struct.Struct("<L")
_CHUNK = struct.Struct("!BBH")
_INIT = struct.Struct("!LLHHL")
_SACK = struct.Struct("!LLHH")
_GAP = struct.Struct("!HH")
_DATA = struct.Struct("!HHLLBBHLHHL")
"""The common header and a DATA chunk's, in one."""

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR = range(10)
COOKIE_ECHO, COOKIE_ACK, FORWARD_TSN = 10, 11, 192
COOKIE, PARTIAL_RELIABILITY, EXTENSIONS = 7, 0xC000, 0x8008
WHOLE_UNORDERED = 7  # flags of DATA: first and last fragment, unordered
BINARY = 53  # payload protocol (RFC 8831 section 8)
WINDOW = 65536  # bytes that we say we would take

MAX_MESSAGE = 1024
MAX_WAITING = 128  # messages not confirmed yet: more than five seconds of them
MAX_GAPS = 64
REORDERED = 3  # packets that came after one which did not: it is lost (RFC 9260 section 7.2.4)
PATIENCE, MOST_PATIENCE = 1.0, 8.0  # s until an answer is overdue; doubled each time
ATTEMPTS = 8
FORWARD_GAP = 0.5  # s between two words on the same loss


class AssociationState(Enum):
    NEW = 0
    COOKIE_WAIT = 1
    COOKIE_ECHOED = 2
    ESTABLISHED = 3
    CLOSED = 4


class Association:
    """One end. ``transmit`` takes packets for the peer; it never blocks and never raises. ``established``
    is called once, when messages may be sent."""

    def __init__(
        self,
        port: int,
        peer_port: int,
        transmit: Callable[[bytes], None],
        established: Callable[[], object],
    ) -> None:
        self._ports = port, peer_port
        self._transmit, self._established = transmit, established
        self.tag = secrets.randbelow((1 << 32) - 1) + 1
        self._peer_tag = 0
        self._cookie = secrets.token_bytes(16)
        self._tsn = self.confirmed = secrets.randbits(32)
        """Of the last message sent, and the last up to which the peer has or wants no more."""
        self._given_up = self._tsn
        self._asked: bytes = b""
        self._time = 0.0
        self._overdue = 0.0
        """When an answer is, of the handshake or to a message; 0: none is waited for."""
        self._forwarded = -FORWARD_GAP
        self._patience, self._attempts = PATIENCE, 0
        self.state = AssociationState.NEW

    @property
    def waiting(self) -> int:
        """Messages that are not confirmed."""
        return self._tsn - self.confirmed & 0xFFFFFFFF

    def start(self) -> None:
        self.state = AssociationState.COOKIE_WAIT
        self._ask(self.packet(0, INIT, self._introduction()))

    def send(self, message: bytes) -> None:
        """Lost before there is an association, and while the path takes no more."""
        if self.state is not AssociationState.ESTABLISHED or self.waiting >= MAX_WAITING:
            return
        size = len(message)
        if not 0 < size <= MAX_MESSAGE:
            raise ValueError("no such message")
        self._tsn = self._tsn + 1 & 0xFFFFFFFF
        if not self._overdue:
            self._overdue = self._time + self._patience
        head = _DATA.pack(
            *self._ports, self._peer_tag, 0, DATA, WHOLE_UNORDERED, 16 + size, self._tsn, 0, 0, BINARY
        )
        self._transmit(_summed(head + message + bytes(-size % 4)))

    def receive(self, packet: bytes) -> None:
        """Raises ``ValueError`` for what no honest peer sends."""
        if self.state in (AssociationState.NEW, AssociationState.CLOSED):
            return
        if len(packet) < 16:
            raise ValueError("no SCTP packet")
        theirs, ours, tag, _ = _COMMON.unpack_from(packet)
        if (ours, theirs) != self._ports or packet[8:12] != _SUM.pack(_sum(packet)):
            raise ValueError("not of this association")
        for kind, body in _chunks(packet):
            if tag != (0 if kind == INIT else self.tag):
                return
            try:
                self._take(kind, body)
            except struct.error as error:
                raise ValueError("SCTP chunk cut short") from error

    def on_beat(self, passed: float) -> None:
        """``passed`` seconds since the one before."""
        self._time += passed
        if not self._overdue or self._time < self._overdue:
            return
        self._patience = min(MOST_PATIENCE, 2 * self._patience)
        self._overdue = self._time + self._patience
        if self.state is AssociationState.ESTABLISHED:
            self._give_up(self._tsn)
        elif self._attempts < ATTEMPTS:
            self._attempts += 1
            self._transmit(self._asked)
        else:
            self._end()

    def close(self) -> None:
        """Idempotent."""
        if self.state is AssociationState.ESTABLISHED:
            self._answer(ABORT, b"")
        self._end()

    # --- what the peer says

    def _take(self, kind: int, body: bytes) -> None:
        if kind == SACK:
            if self.state is AssociationState.ESTABLISHED:
                self._confirm(body)
        elif kind == INIT:
            self._meet(body)
            introduction = self._introduction() + _parameter(COOKIE, self._cookie)
            self._answer(INIT_ACK, introduction)
        elif kind == INIT_ACK:
            if self.state is AssociationState.COOKIE_WAIT:
                self._meet(body)
                cookie = dict(_parameters(body[_INIT.size :])).get(COOKIE, b"")
                self.state = AssociationState.COOKIE_ECHOED
                self._ask(self.packet(self._peer_tag, COOKIE_ECHO, cookie))
        elif kind == COOKIE_ECHO:
            if body == self._cookie and self._peer_tag:
                self._answer(COOKIE_ACK, b"")
                self._establish()
        elif kind == COOKIE_ACK:
            if self.state is AssociationState.COOKIE_ECHOED:
                self._establish()
        elif kind == HEARTBEAT:
            self._answer(HEARTBEAT_ACK, body)
        elif kind == SHUTDOWN:
            self._answer(SHUTDOWN_ACK, b"")
            self._end()
        elif kind == ABORT or (kind == ERROR and self.state is not AssociationState.ESTABLISHED):
            self._end()

    def _meet(self, body: bytes) -> None:
        """Who the peer is: the same in its own asking and its answer to ours (RFC 9260 section 5.2.1)."""
        tag, *_ = _INIT.unpack_from(body)
        if not tag or (self._peer_tag and tag != self._peer_tag):
            raise ValueError("another peer")
        if PARTIAL_RELIABILITY not in dict(_parameters(body[_INIT.size :])):
            raise ValueError("the peer waits for ever for what is lost")
        self._peer_tag = tag

    def _establish(self) -> None:
        if self.state is not AssociationState.ESTABLISHED:
            self.state = AssociationState.ESTABLISHED
            self._overdue, self._patience, self._asked = 0.0, PATIENCE, b""
            self._established()

    def _confirm(self, body: bytes) -> None:
        confirmed, _, count, _ = _SACK.unpack_from(body)
        ahead = confirmed - self.confirmed & 0xFFFFFFFF
        if ahead >= 1 << 31:
            return  # an older one, overtaken
        if ahead > self.waiting or count > MAX_GAPS:
            raise ValueError("confirms what was not sent")
        highest = 0
        for i in range(count):
            highest = max(highest, _GAP.unpack_from(body, _SACK.size + 4 * i)[1])
        if highest > self.waiting - ahead:
            raise ValueError("confirms what was not sent")
        self.confirmed = confirmed
        self._patience = PATIENCE
        self._overdue = self._time + self._patience if self.waiting else 0.0
        if highest > REORDERED:
            self._give_up(confirmed + highest - REORDERED & 0xFFFFFFFF)

    # --- what we say

    def _give_up(self, tsn: int) -> None:
        """The peer need not wait for anything up to ``tsn``."""
        further = tsn - self._given_up & 0xFFFFFFFF
        if 0 < further < 1 << 31:
            self._given_up = tsn
        elif self._time - self._forwarded < FORWARD_GAP:
            return
        self._forwarded = self._time
        self._answer(FORWARD_TSN, struct.pack("!L", self._given_up))

    def _introduction(self) -> bytes:
        told = _parameter(PARTIAL_RELIABILITY, b"") + _parameter(EXTENSIONS, bytes([FORWARD_TSN]))
        return _INIT.pack(self.tag, WINDOW, 1, 1, self._tsn + 1 & 0xFFFFFFFF) + told

    def _ask(self, packet: bytes) -> None:
        """What is sent again until it is answered."""
        self._asked = packet
        self._overdue, self._attempts = self._time + self._patience, 0
        self._transmit(packet)

    def _answer(self, kind: int, body: bytes) -> None:
        self._transmit(self.packet(self._peer_tag, kind, body))

    def packet(self, tag: int, kind: int, body: bytes) -> bytes:
        """One chunk in a packet with its checksum (RFC 9260 section 3)."""
        chunk = _CHUNK.pack(kind, 0, 4 + len(body)) + body
        return _summed(_COMMON.pack(*self._ports, tag, 0) + chunk + bytes(-len(chunk) % 4))

    def _end(self) -> None:
        self.state, self._overdue = AssociationState.CLOSED, 0.0


def _sum(packet: bytes) -> int:
    return crc32c(packet[:8] + b"\0\0\0\0" + packet[12:])


def _summed(packet: bytes) -> bytes:
    """``packet``, whose sum is still zero, with it."""
    return packet[:8] + _SUM.pack(crc32c(packet)) + packet[12:]


def _chunks(packet: bytes) -> Iterator[tuple[int, bytes]]:
    at = _COMMON.size
    while at + 4 <= len(packet):
        kind, _, size = _CHUNK.unpack_from(packet, at)
        if size < 4 or at + size > len(packet):
            raise ValueError("SCTP chunk cut short")
        yield kind, packet[at + 4 : at + size]
        at += size + -size % 4


def _parameters(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(body):
        name, size = _GAP.unpack_from(body, at)
        if size < 4:
            raise ValueError("SCTP parameter cut short")
        yield name, body[at + 4 : at + size]
        at += size + -size % 4


def _parameter(name: int, content: bytes) -> bytes:
    return _GAP.pack(name, 4 + len(content)) + content + bytes(-len(content) % 4)
