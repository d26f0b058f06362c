"""One publisher of the single-port transport: its sound, out of SRTP and Opus."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pylibsrtp
from aiortc.rtp import RtcpRrPacket, RtcpSdesPacket, RtcpSourceInfo, RtcpSrPacket, RtpPacket
from OpenSSL import SSL

from bunraku.core.clock import BEAT
from bunraku.core.media import Kind
from bunraku.node.rtc.offer import Taken
from bunraku.node.rtc.port.peer import Peer, Wire
from bunraku.node.rtc.port.reception import Heard, InOrder, Reception
from bunraku.node.streams.hearing import OpusHearing
from bunraku.node.streams.microphone import Microphone

MAX_PACKETS = 400.0  # a second: Opus has no more (RFC 7587 section 4.2)
MAX_PAUSE = 600 * 48_000  # samples; a longer step of the timestamp is a new beginning
CNAME = 1  # RFC 3550 section 6.5.1


class PortPublisher(Peer):
    """Feeds a ``Microphone``."""

    def __init__(
        self,
        microphone: Microphone,
        taken: Taken,
        fingerprint: str,
        context: SSL.Context,
        wire: Wire,
        on_closed: Callable[[Peer], None],
    ) -> None:
        super().__init__(taken, fingerprint, context, wire, on_closed)
        chosen = taken.of(Kind.AUDIO)
        assert chosen is not None  # ``offer.published`` made sure
        self._payload_type = chosen.format.payload_type
        self._microphone = microphone
        self._reception: Reception | None = None
        self._in_order = InOrder()
        self._hearing = OpusHearing()
        self._expected: int | None = None
        """The timestamp of the next packet, when no time passes between."""
        self._allowance = MAX_PACKETS

    def _opened(self) -> None:
        self._microphone.opened()

    def _ended(self) -> None:
        self._microphone.end()

    def _on_data(self, data: bytes) -> None:
        """A publisher has a voice and no more."""

    def on_beat(self) -> None:
        self._allowance = min(MAX_PACKETS, self._allowance + MAX_PACKETS * BEAT)
        self._hear(self._in_order.due(self._wire.now()))

    def on_rtp(self, datagram: bytes) -> None:
        if self._incoming is None or self._allowance < 1 or len(datagram) < 12:
            return
        if datagram[1] & 0x7F != self._payload_type:
            return
        ssrc = int.from_bytes(datagram[8:12], "big")
        if self._reception is not None and ssrc != self._reception.ssrc:
            return  # one source a session; each costs memory for ever
        self._allowance -= 1
        try:
            packet = RtpPacket.parse(self._incoming.unprotect(datagram))
        except (pylibsrtp.Error, ValueError, IndexError):
            return
        now = self._wire.now()
        if self._reception is None:
            self._reception = Reception(ssrc, 48_000)
        self._reception.packet(now, packet.sequence_number, packet.timestamp)
        if packet.payload:
            self._hear(self._in_order.push(now, packet.sequence_number, packet.timestamp, packet.payload))

    def _hear(self, packets: Iterable[Heard]) -> None:
        for heard in packets:
            if heard.payload is None:
                samples = self._hearing.conceal(heard.following)
                passed = heard.skipped * samples.size
            else:
                # What no packet covers is a pause of the sender's (DTX, RFC 7587 section 3.1.3).
                pause = 0 if self._expected is None else (heard.timestamp - self._expected) & 0xFFFFFFFF
                samples, passed = self._hearing.decode(heard.payload), pause if pause < MAX_PAUSE else 0
                self._expected = heard.timestamp
            if self._expected is not None:
                self._expected = (self._expected + samples.size) & 0xFFFFFFFF
                if heard.payload is None:
                    self._expected = (self._expected + passed) & 0xFFFFFFFF
            self._microphone.push(samples, passed)

    def _feedback(self, packet: Any) -> None:
        found = self._reception
        if isinstance(packet, RtcpSrPacket) and found is not None and packet.ssrc == found.ssrc:
            found.sender_report(self._wire.now(), packet.sender_info.ntp_timestamp)

    def report(self, wall: float) -> None:
        """Receiver reports (RFC 3550 section 6.4.2)."""
        srtp, address = self._outgoing, self.address
        block = self._reception.block(self._wire.now()) if self._reception is not None else None
        if srtp is None or address is None or block is None:
            return
        ours = self.identity.ssrc[Kind.AUDIO]
        name = RtcpSourceInfo(ssrc=ours, items=[(CNAME, self.identity.cname.encode())])
        report = bytes(RtcpRrPacket(ssrc=ours, reports=[block])) + bytes(RtcpSdesPacket(chunks=[name]))
        self._wire.send(srtp.protect_rtcp(report), address)
