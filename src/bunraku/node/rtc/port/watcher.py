"""One watcher of the single-port transport: sending, and what it says of it."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from OpenSSL import SSL

from bunraku.core.clock import BEAT
from bunraku.core.media import Codec, Drawn, EncodedUnit, Kind
from bunraku.node.rtc import drawing
from bunraku.node.rtc.feedback import Feedback, PathEstimate
from bunraku.node.rtc.gate import KeyframeGate
from bunraku.node.rtc.offer import Taken
from bunraku.node.rtc.port import rtp
from bunraku.node.rtc.port.channel import DataChannel
from bunraku.node.rtc.port.peer import Peer, Wire
from bunraku.node.rtc.port.sdp import SCTP_PORT
from bunraku.node.streams.stream import Stream

HISTORY = 512  # packets kept for retransmission: several seconds of video
NTP_EPOCH = 2208988800  # seconds from 1900 to 1970
SOUND_REPORTS = 5  # seconds between reports on sound alone (RFC 3550 section 6.2)
RETRANSMIT_LIMIT = 200  # packets a second a watcher may ask again for


@dataclass(slots=True)
class Track:
    """What is sent of one kind. ``offset`` hides the program time, as RFC 3550 asks."""

    payload_type: int
    ssrc: int
    codec: Codec
    sequence: int = field(default_factory=lambda: secrets.randbelow(1 << 15))
    offset: int = field(default_factory=lambda: secrets.randbits(32))
    packets: int = 0
    octets: int = 0
    history: dict[int, bytes] = field(default_factory=dict[int, bytes])


class PortWatcher(Peer):
    """A ``Watcher`` of its stream, and its ``PeerSession``."""

    def __init__(
        self,
        stream: Stream,
        taken: Taken,
        fingerprint: str,
        context: SSL.Context,
        wire: Wire,
        on_closed: Callable[[Peer], None],
    ) -> None:
        super().__init__(taken, fingerprint, context, wire, on_closed)
        self._stream = stream
        self.tracks: dict[Kind, Track] = {}
        for kind in Kind:
            chosen = taken.of(kind)
            if chosen is not None:
                number = chosen.format.payload_type
                self.tracks[kind] = Track(number, self.identity.ssrc[kind], chosen.codec)
        self._gate = KeyframeGate()
        self._zero = 0.0  # monotonic time of program time zero, as last seen
        self._allowance = float(RETRANSMIT_LIMIT)
        self._path = PathEstimate()
        self._about: Feedback | None = None
        self._reports = 0
        self._channel: DataChannel | None = None
        if taken.channel is not None and taken.channel.sctp_port is not None:
            self._channel = DataChannel(
                SCTP_PORT, taken.channel.sctp_port, self._send_data, lambda: stream.draw_again(self)
            )
        video = self.tracks.get(Kind.VIDEO)
        if video is not None:
            codec = video.codec
            self._about = Feedback(
                video.ssrc, self._path, lambda: stream.request_keyframe(codec), self._again
            )

    @property
    def video_limit(self) -> int | None:
        return self._path.limit(self._wire.now())

    @property
    def video_codec(self) -> Codec | None:
        track = self.tracks.get(Kind.VIDEO)
        return track.codec if track else None

    @property
    def urgent(self) -> bool:
        """Until it is there, and while it may miss a picture."""
        met = self._channel is None or self._channel.open
        return not (self.connected and met) or Kind.VIDEO in self.tracks

    def _opened(self) -> None:
        if not self._stream.live:
            raise ValueError("the stream ended meanwhile")
        self._stream.add_watcher(self)
        if self._channel is not None:
            self._stream.drawers.add(self)  # before it can hear: there is something to say when it can
            self._channel.start()

    def _ended(self) -> None:
        self._stream.remove_watcher(self)
        self._stream.remove_drawer(self)
        if self._channel is not None:
            self._channel.close()

    def on_rtp(self, datagram: bytes) -> None:
        """A watcher has nothing to send."""

    def on_beat(self) -> None:
        self._allowance = min(float(RETRANSMIT_LIMIT), self._allowance + RETRANSMIT_LIMIT * BEAT)
        if self._channel is not None:
            self._channel.on_beat(BEAT)

    # --- media

    def push(self, unit: EncodedUnit) -> None:
        cut = self._wire.cut(unit)
        track, srtp, address = self.tracks.get(cut.kind), self._outgoing, self.address
        if track is None or srtp is None or address is None or self.closed:
            return
        video = cut.kind is Kind.VIDEO
        if video and not self._gate.passes(unit):
            return
        now, count = self._wire.now(), len(cut.payloads)
        # Sound goes out on its tick; pictures a little later, by the time they took to draw.
        if not video or Kind.AUDIO not in self.tracks:
            self._zero = now - unit.time_us / 1e6
        timestamp = (cut.time + track.offset) & 0xFFFFFFFF
        sequence, kind, ssrc, pack = track.sequence, track.payload_type, track.ssrc, rtp.HEADER.pack
        datagrams: list[bytes] = []
        for i, payload in enumerate(cut.payloads, 1):
            mark = rtp.MARKER if video and i == count else 0
            datagram = srtp.protect(pack(0x80, mark | kind, sequence, timestamp, ssrc) + payload)
            datagrams.append(datagram)
            if video:
                track.history[sequence % HISTORY] = datagram
            sequence = (sequence + 1) & 0xFFFF
        track.sequence = sequence
        track.octets += cut.octets
        track.packets += count
        if video:
            self._path.sent(now, cut.octets, count)
        self._wire.send_many(datagrams, address)

    def draw(self, drawn: Drawn) -> None:
        if self._channel is not None and self._channel.open and not self.closed:
            track = self.tracks.get(Kind.AUDIO)
            offset = 0 if track is None else track.offset
            self._channel.send(drawing.message(drawn, offset))

    def _on_data(self, data: bytes) -> None:
        if self._channel is not None:
            self._channel.receive(data)

    def report(self, wall: float) -> None:
        """Sender reports: both RTP clocks tied to one wall clock (RFC 3550 section 6.4.1). Sound alone has
        nothing to be tied to, and is reported as seldom as that allows."""
        srtp, address = self._outgoing, self.address
        if srtp is None or address is None or self.closed:
            return
        self._reports += 1
        if Kind.VIDEO not in self.tracks and self._reports % SOUND_REPORTS != 1:
            return
        name = self.identity.cname.encode()
        time_us = int((self._wire.now() - self._zero) * 1e6)
        seconds = wall + NTP_EPOCH
        for track in self.tracks.values():
            if not track.packets:
                continue
            now = (time_us * track.codec.clock_rate // 1_000_000 + track.offset) & 0xFFFFFFFF
            report = struct.pack(
                "!BBHLLLLLL", 0x80, 200, 6, track.ssrc, int(seconds) & 0xFFFFFFFF,
                int((seconds % 1) * (1 << 32)), now, track.packets & 0xFFFFFFFF, track.octets & 0xFFFFFFFF,
            )  # fmt: skip
            item = struct.pack("!LBB", track.ssrc, 1, len(name)) + name + b"\0"
            item += b"\0" * (-len(item) % 4)
            description = struct.pack("!BBH", 0x81, 202, len(item) // 4) + item
            self._wire.send(srtp.protect_rtcp(report + description), address)

    # --- feedback

    def _feedback(self, packet: Any) -> None:
        if self._about is not None:
            self._about.take(packet, self._wire.now())

    def _again(self, lost: list[int]) -> list[int]:
        """Send what is still known, as it was (RFC 4585); SRTP forgives the repeat."""
        track, address, known = self.tracks[Kind.VIDEO], self.address, list[int]()
        for sequence in lost:
            datagram = track.history.get(sequence % HISTORY)
            if datagram is None or struct.unpack_from("!H", datagram, 2)[0] != sequence & 0xFFFF:
                continue
            known.append(sequence)
            if address is not None and self._allowance >= 1:
                self._allowance -= 1
                self._wire.send(datagram, address)
        return known
