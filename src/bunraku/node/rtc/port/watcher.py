"""One watcher of the single-port transport: DTLS-SRTP, sending, feedback.

DTLS 1.2 by OpenSSL (RFC 6347, RFC 5764), SRTP by libsrtp (RFC 3711, RFC 7714). We are ICE-lite
(RFC 8445 section 2.5) and DTLS-passive: the watcher opens everything.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import pylibsrtp
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)
from OpenSSL import SSL
from pylibsrtp import Policy, Session

from bunraku.core.clock import BEAT
from bunraku.core.media import Codec, EncodedUnit, Kind
from bunraku.node.rooms.room import Stream
from bunraku.node.rtc.feedback import PathEstimate
from bunraku.node.rtc.port import rtp
from bunraku.node.rtc.port.sdp import Identity, Offer

Address = tuple[str, int]
"""As the socket names it: on one socket for both families an IPv4 host reads ``::ffff:192.0.2.1``."""

HISTORY = 512  # packets kept for retransmission: several seconds of video
NTP_EPOCH = 2208988800  # seconds from 1900 to 1970
RETRANSMIT_LIMIT = 200  # packets a second a watcher may ask again for
PROFILES: dict[bytes, tuple[int, int, int]] = {
    # OpenSSL's name: libsrtp's profile, key and salt length in bytes (RFC 5764, RFC 7714)
    b"SRTP_AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    b"SRTP_AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
}


class Wire(Protocol):
    """How datagrams leave; never blocks, never raises."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def cut(self, unit: EncodedUnit) -> rtp.Cut:
        """The unit as packets, cut once for all watchers."""
        ...

    def send(self, datagram: bytes, address: Address) -> None: ...

    def send_many(self, datagrams: list[bytes], address: Address) -> None: ...


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


class PortWatcher:
    """A ``Watcher`` and ``WatchSession``. Everything runs on the event loop."""

    def __init__(
        self,
        stream: Stream,
        offer: Offer,
        fingerprint: str,
        context: SSL.Context,
        wire: Wire,
        on_closed: Callable[[PortWatcher], None],
    ) -> None:
        self.id = uuid.uuid4().hex
        self.answer = ""
        self.address: Address | None = None
        self.heard = 0.0  # monotonic time of the last ICE check
        self.closed = False
        self.born = 0.0
        self.stream = stream
        self._stream, self._offer, self._wire, self._on_closed = stream, offer, wire, on_closed
        self.identity = Identity(
            secrets.token_hex(4),
            secrets.token_hex(16),
            fingerprint,
            {kind: secrets.randbelow((1 << 32) - 2) + 1 for kind in Kind},
            secrets.token_hex(8),
        )
        self._tracks: dict[Kind, Track] = {}
        for kind in Kind:
            chosen = offer.chosen(kind)
            if chosen is not None:
                self._tracks[kind] = Track(chosen.payload_type, self.identity.ssrc[kind], chosen.codec)
        self._dtls = SSL.Connection(context, None)
        self._dtls.set_accept_state()
        self._outgoing: Session | None = None
        self._incoming: Session | None = None
        self._needs_keyframe = True
        self._zero = 0.0  # monotonic time of program time zero, as last seen
        self._allowance = float(RETRANSMIT_LIMIT)
        self._path = PathEstimate()

    @property
    def video_limit(self) -> int | None:
        return self._path.limit(self._wire.now())

    @property
    def video_codec(self) -> Codec | None:
        track = self._tracks.get(Kind.VIDEO)
        return track.codec if track else None

    @property
    def connected(self) -> bool:
        return self._outgoing is not None and not self.closed

    # --- DTLS

    def on_dtls(self, datagram: bytes) -> None:
        try:
            self._dtls.bio_write(datagram)
            if self._outgoing is None:
                self._dtls.do_handshake()
                self._open_srtp()
            else:
                self._dtls.recv(2048)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self._flush()
            self.end()
            return
        except (SSL.Error, pylibsrtp.Error, ValueError):
            self.end()
            return
        self._flush()

    def on_timer(self) -> None:
        """Send a flight again whose answer is overdue (RFC 6347 section 4.2.4)."""
        if self._outgoing is None and self.address is not None:
            timeout = self._dtls.DTLSv1_get_timeout()
            if timeout is not None and timeout <= 0:
                try:
                    self._dtls.DTLSv1_handle_timeout()
                except SSL.Error:
                    self.end()
                    return
                self._flush()
        self._allowance = min(float(RETRANSMIT_LIMIT), self._allowance + RETRANSMIT_LIMIT * BEAT)

    def _flush(self) -> None:
        if self.address is None:
            return
        while True:
            try:
                datagram = self._dtls.bio_read(2048)
            except SSL.Error:
                return
            self._wire.send(datagram, self.address)

    def _open_srtp(self) -> None:
        """Check who the peer is, and take the keys. Raises ``ValueError`` for a stranger."""
        certificate = self._dtls.get_peer_certificate()
        digest = certificate.digest("sha256").decode() if certificate is not None else ""
        if not hmac.compare_digest(digest.upper(), self._offer.fingerprint):
            raise ValueError("fingerprint differs from the offer's")
        profile = self._dtls.get_selected_srtp_profile()
        if profile not in PROFILES:
            raise ValueError("no SRTP profile in common")
        srtp_profile, key, salt = PROFILES[profile]
        material = self._dtls.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        # RFC 5764 section 4.2: client key, server key, client salt, server salt.
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]

        def session(secret: bytes, kind: int) -> Session:
            policy = Policy(key=secret, ssrc_type=kind, srtp_profile=srtp_profile)
            policy.allow_repeat_tx = True
            policy.window_size = 1024
            return Session(policy)

        self._outgoing = session(server, Policy.SSRC_ANY_OUTBOUND)
        self._incoming = session(client, Policy.SSRC_ANY_INBOUND)
        if not self._stream.live:
            raise ValueError("the stream ended meanwhile")
        self._stream.add_watcher(self)

    # --- media

    def push(self, unit: EncodedUnit) -> None:
        cut = self._wire.cut(unit)
        track, srtp, address = self._tracks.get(cut.kind), self._outgoing, self.address
        if track is None or srtp is None or address is None or self.closed:
            return
        video = cut.kind is Kind.VIDEO
        if video and self._needs_keyframe:
            if not unit.keyframe:
                return
            self._needs_keyframe = False
        now, count = self._wire.now(), len(cut.payloads)
        # Sound goes out on its tick; pictures a little later, by the time they took to draw.
        if not video or Kind.AUDIO not in self._tracks:
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

    def report(self, wall: float) -> None:
        """Sender reports: both RTP clocks tied to one wall clock (RFC 3550 section 6.4.1)."""
        srtp, address = self._outgoing, self.address
        if srtp is None or address is None or self.closed:
            return
        name = self.identity.cname.encode()
        time_us = int((self._wire.now() - self._zero) * 1e6)
        seconds = wall + NTP_EPOCH
        for track in self._tracks.values():
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

    def on_rtcp(self, datagram: bytes) -> None:
        """Feedback of the watcher: lost packets again, a keyframe, goodbye."""
        if self._incoming is None:
            return
        try:
            packets = RtcpPacket.parse(self._incoming.unprotect_rtcp(datagram))
        except (pylibsrtp.Error, ValueError, struct.error, IndexError):
            return
        video = self._tracks.get(Kind.VIDEO)
        for packet in packets:
            if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == 1 and video is not None:
                if packet.media_ssrc == video.ssrc:
                    self._again(video, packet.lost)
            elif isinstance(packet, RtcpPsfbPacket) and video is not None:
                if packet.fmt in (1, 4):
                    self._stream.request_keyframe(video.codec)
                elif packet.fmt == 15:
                    self._remb(packet.fci, video)
            elif isinstance(packet, RtcpRrPacket | RtcpSrPacket) and video is not None:
                for block in packet.reports:
                    if block.ssrc == video.ssrc:
                        self._path.lost(self._wire.now(), block.fraction_lost / 256)
            elif isinstance(packet, RtcpByePacket):
                self.end()
                return

    def _remb(self, fci: bytes, video: Track) -> None:
        try:
            bitrate, ssrcs = unpack_remb_fci(fci)
        except ValueError:
            return
        if video.ssrc in ssrcs:
            self._path.remb(self._wire.now(), bitrate)

    def _again(self, track: Track, lost: list[int]) -> None:
        """Send what is still known, as it was (RFC 4585); SRTP forgives the repeat."""
        address = self.address
        for sequence in lost:
            datagram = track.history.get(sequence % HISTORY)
            if datagram is None or struct.unpack_from("!H", datagram, 2)[0] != sequence & 0xFFFF:
                continue
            self._path.missed(sequence)
            if address is not None and self._allowance >= 1:
                self._allowance -= 1
                self._wire.send(datagram, address)

    # --- the end

    def end(self) -> None:
        """Leave the stream at once; idempotent."""
        if self.closed:
            return
        self.closed = True
        self._stream.remove_watcher(self)
        self._on_closed(self)

    async def close(self) -> None:
        if not self.closed and self.address is not None:
            with contextlib.suppress(SSL.Error):
                self._dtls.shutdown()
            self._flush()
        self.end()
