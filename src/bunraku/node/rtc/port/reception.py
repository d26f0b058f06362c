"""RTP of one source, received: put in order (RFC 3550 appendix A.1), and reported on (A.3, A.8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from aiortc.rtp import RtcpReceiverInfo, clamp_packets_lost

DEPTH = 4  # packets that may wait behind a missing one: 80 ms of sound
HOLD = 0.1  # s the first of them may wait
MAX_JUMP = 500  # packets: a larger step is a new beginning, not a loss
MAX_CONCEALED = 5  # packets of one loss that are made up; the rest of it is time that passed


class Heard(NamedTuple):
    """The next packet in order. ``payload`` None: it is lost, ``following`` is the one after it, if
    that has come. ``skipped``: packets lost before it that are too many to be made up."""

    payload: bytes | None
    timestamp: int
    following: bytes | None = None
    skipped: int = 0


class Held(NamedTuple):
    timestamp: int
    payload: bytes
    arrived: float


class InOrder:
    """Gives packets on in order and at once; only a missing one is waited for. Bounded by ``DEPTH``."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._held: dict[int, Held] = {}

    def __len__(self) -> int:
        """Packets that are held."""
        return len(self._held)

    def push(self, now: float, sequence: int, timestamp: int, payload: bytes) -> Iterator[Heard]:
        """``sequence`` in 16 bits, ``timestamp`` in 32."""
        if self._next is None:
            self._next = sequence
        index = self._next + ((sequence - self._next + 0x8000) & 0xFFFF) - 0x8000
        if abs(index - self._next) > MAX_JUMP:
            self._held.clear()
            self._next = index = sequence
        if index >= self._next:  # else it came too late, or twice
            self._held.setdefault(index, Held(timestamp, payload, now))
        return self.due(now)

    def due(self, now: float) -> Iterator[Heard]:
        """What need not wait any longer."""
        while self._held and self._next is not None:
            found = self._held.pop(self._next, None)
            if found is not None:
                self._next += 1
                yield Heard(found.payload, found.timestamp)
                continue
            first = min(self._held)
            waited = now - min(h.arrived for h in self._held.values())
            if len(self._held) <= DEPTH and waited < HOLD:
                return
            skipped = max(0, first - self._next - MAX_CONCEALED)
            self._next += skipped + 1
            after = self._held.get(self._next)
            yield Heard(None, 0, after.payload if after is not None else None, skipped)


@dataclass(slots=True)
class Reception:
    """What receiver reports say of one source; ``clock_rate`` in Hz."""

    ssrc: int
    clock_rate: int
    _highest: int = -1
    _base: int = 0
    _received: int = 0
    _expected_before: int = 0
    _received_before: int = 0
    _jitter: float = 0.0
    _transit: float | None = None
    _sender_report: tuple[int, float] | None = None

    def packet(self, now: float, sequence: int, timestamp: int) -> None:
        if self._highest < 0:
            self._base = self._highest = sequence
        step = ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        self._highest = max(self._highest, self._highest + step)
        self._received += 1
        transit = now * self.clock_rate - timestamp
        if self._transit is not None:
            # Modulo the 32 bits of a timestamp.
            change = abs((transit - self._transit + (1 << 31)) % (1 << 32) - (1 << 31))
            self._jitter += (change - self._jitter) / 16
        self._transit = transit

    def sender_report(self, now: float, ntp_timestamp: int) -> None:
        self._sender_report = (ntp_timestamp >> 16 & 0xFFFFFFFF, now)

    def block(self, now: float) -> RtcpReceiverInfo | None:
        """The report block since the one before; None while nothing has come."""
        if self._highest < 0:
            return None
        expected = self._highest - self._base + 1
        due, came = expected - self._expected_before, self._received - self._received_before
        self._expected_before, self._received_before = expected, self._received
        fraction = min(255, max(0, due - came) * 256 // due) if due > 0 else 0
        lsr, dlsr = 0, 0
        if self._sender_report is not None:
            lsr, at = self._sender_report
            dlsr = int((now - at) * 65536) & 0xFFFFFFFF
        return RtcpReceiverInfo(
            ssrc=self.ssrc,
            fraction_lost=fraction,
            packets_lost=clamp_packets_lost(expected - self._received),
            highest_sequence=self._highest & 0xFFFFFFFF,
            jitter=int(self._jitter) & 0xFFFFFFFF,
            lsr=lsr,
            dlsr=dlsr,
        )
