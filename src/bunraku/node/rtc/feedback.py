"""What a watcher's reports say of its path: the rate it can carry, when it cannot carry ours.

Loss as in draft-ietf-rmcat-gcc section 6: above a tenth the estimate falls, below a fiftieth it
recovers. What was asked for again (NACK) was lost too: our repeats bear the sequence number of the
first sending, so that a report made after them no longer shows the loss. REMB
(draft-alvestrand-rmcat-remb) counts only when it is below what was really sent: a receiver that is
sent little cannot know that it could take more.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable

from aiortc.rtp import (
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)

WINDOW = 1.5  # s over which the sent rate is measured
HEAVY, LIGHT = 0.10, 0.02
RECOVERY = 1.08  # per report with light loss
FORGET = 2.0  # times the sent rate: an estimate so high is no complaint
ENOUGH = 10  # packets: a share of fewer means little
REMEMBERED = 1024  # packets whose loss was counted
LEAST = 10_000.0  # bits per second: recovery multiplies, and nothing grows from zero
STALE = 8.0  # s without a report after which old complaints are dropped
NACK, PLI, FIR, REMB = 1, 1, 4, 15  # RFC 4585 section 6, RFC 5104 section 4.3.1, REMB section 2.2


class PathEstimate:
    """One watcher's video path. Times are monotonic seconds, rates bits per second."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, int]] = deque()
        self._bytes = 0
        self._by_loss: float | None = None
        self._by_remb: float | None = None
        self._heard = 0.0
        self._packets = 0
        self._lost = 0
        self._missed: dict[int, None] = {}

    def sent(self, now: float, size: int, packets: int = 1) -> None:
        self._packets += packets
        self._sent.append((now, size))
        self._bytes += size
        while self._sent and self._sent[0][0] < now - WINDOW:
            self._bytes -= self._sent.popleft()[1]

    @property
    def rate(self) -> float:
        """Bits per second sent lately."""
        return self._bytes * 8 / WINDOW

    def missed(self, sequence: int) -> None:
        """A packet that was sent did not come the first time; asked for again and again, it is one."""
        if sequence not in self._missed:
            self._missed[sequence] = None
            self._lost += 1
            if len(self._missed) > REMEMBERED:
                del self._missed[next(iter(self._missed))]

    def lost(self, now: float, fraction: float) -> None:
        """A receiver report: the share of packets lost since the one before."""
        self._heard = now
        if self._packets >= ENOUGH:
            fraction = max(fraction, min(1.0, self._lost / self._packets))
            self._packets = self._lost = 0
        if fraction > HEAVY:
            base = self.rate if self._by_loss is None else min(self._by_loss, self.rate)
            self._by_loss = max(LEAST, base * (1 - fraction / 2))
        elif fraction < LIGHT and self._by_loss is not None:
            self._by_loss *= RECOVERY
            if self._by_loss > self.rate * FORGET:
                self._by_loss = None

    def remb(self, now: float, bitrate: int) -> None:
        self._heard = now
        self._by_remb = float(bitrate) if bitrate < self.rate else None

    def limit(self, now: float) -> int | None:
        """What the path can carry; None when nothing is wrong with it."""
        if now - self._heard > STALE:
            return None
        found = [e for e in (self._by_loss, self._by_remb) if e is not None]
        return int(min(found)) if found else None


class Feedback:
    """What a watcher's RTCP says of the pictures sent to it, whatever the transport.

    ``keyframe`` is called when it asks for one; ``repeat`` with the sequence numbers it misses, and
    returns those that had been sent.
    """

    def __init__(
        self,
        ssrc: int,
        path: PathEstimate,
        keyframe: Callable[[], None],
        repeat: Callable[[list[int]], list[int]],
    ) -> None:
        self._ssrc, self._path, self._keyframe, self._repeat = ssrc, path, keyframe, repeat

    def take(self, packet: object, now: float) -> None:
        if isinstance(packet, RtcpRtpfbPacket):
            if packet.fmt == NACK and packet.media_ssrc == self._ssrc:
                for sequence in self._repeat(packet.lost):
                    self._path.missed(sequence)
        elif isinstance(packet, RtcpPsfbPacket):
            if packet.fmt in (PLI, FIR):
                self._keyframe()
            elif packet.fmt == REMB:
                self._remb(packet.fci, now)
        elif isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for block in packet.reports:
                if block.ssrc == self._ssrc:
                    self._path.lost(now, block.fraction_lost / 256)

    def _remb(self, fci: bytes, now: float) -> None:
        try:
            bitrate, ssrcs = unpack_remb_fci(fci)
        except (ValueError, IndexError, struct.error):
            return
        if self._ssrc in ssrcs:
            self._path.remb(now, bitrate)
