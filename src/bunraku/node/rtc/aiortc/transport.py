"""Watching through aiortc: full ICE and TURN, one connection a watcher.

Packets are encoded once per stream and handed to aiortc's sender as they are. On that path
aiortc 1.16 ignores PLI and FIR (they set a flag read only when it encodes itself), so the
sender's hook is replaced by a request to the shared encoder; REMB only moves a number nobody
reads, and transport-wide congestion control does not exist. NACK works.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from fractions import Fraction
from typing import Any

import av
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtcpRrPacket, RtcpSrPacket

from bunraku.core.clock import Clock
from bunraku.core.media import Codec, EncodedUnit, Kind
from bunraku.node.rooms.room import Stream
from bunraku.node.rtc.aiortc.sdp import advertise, without_mdns
from bunraku.node.rtc.base import OfferRefused
from bunraku.node.rtc.feedback import PathEstimate

log = logging.getLogger(__name__)

QUEUE = 64  # units: over a second; a watcher that falls behind starts again at a keyframe
MICROSECONDS = Fraction(1, 1_000_000)


class UnitTrack(MediaStreamTrack):
    """A track of encoded units. Bounded; overflow drops all and waits for a keyframe."""

    def __init__(self, kind: Kind, stream: Stream, codec: Codec) -> None:
        super().__init__()
        self.kind = kind.value
        self._stream, self._codec = stream, codec
        self._queue: asyncio.Queue[EncodedUnit | None] = asyncio.Queue(QUEUE)
        self._needs_keyframe = kind is Kind.VIDEO
        self.overflows = 0

    def push(self, unit: EncodedUnit) -> None:
        if self._needs_keyframe and not unit.keyframe:
            return
        self._needs_keyframe = False
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            self.overflows += 1
            if self.kind == "video":
                self._needs_keyframe = True
                self._stream.request_keyframe(self._codec)
            return
        self._queue.put_nowait(unit)

    async def recv(self) -> Any:
        unit = await self._queue.get() if self.readyState == "live" else None
        if unit is None:
            raise MediaStreamError
        packet = av.Packet(unit.data)
        packet.pts, packet.time_base = unit.time_us, MICROSECONDS
        return packet

    def stop(self) -> None:
        super().stop()
        if not self._queue.full():
            self._queue.put_nowait(None)


class AiortcWatcher:
    """A ``Watcher`` and ``WatchSession`` over one peer connection."""

    def __init__(self, stream: Stream, clock: Clock) -> None:
        self.id = uuid.uuid4().hex
        self.answer = ""
        self.video_codec: Codec | None = None
        self.stream = stream
        self._stream, self._clock = stream, clock
        # No STUN server of aiortc's choosing: an empty list, not the default.
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self._connection = RTCPeerConnection(configuration)
        self._tracks: dict[Kind, UnitTrack] = {}
        self.closed = False
        self.last_heard = clock.monotonic()
        self._path = PathEstimate()

    @property
    def connected(self) -> bool:
        return self._connection.connectionState == "connected"

    async def negotiate(self, offer: str, addresses: tuple[str, ...]) -> None:
        connection = self._connection

        @connection.on("connectionstatechange")
        async def _() -> None:
            if connection.connectionState == "connected":
                self.last_heard = self._clock.monotonic()
                if not self._stream.live:
                    await self.close()
                    return
                self._stream.add_watcher(self)
            elif connection.connectionState in ("failed", "closed"):
                await self.close()

        try:
            await connection.setRemoteDescription(RTCSessionDescription(without_mdns(offer), "offer"))
        except Exception as error:  # aiortc raises many kinds for what a peer may send
            raise OfferRefused("offer not understood") from error
        for transceiver in connection.getTransceivers():
            self._attach(transceiver)
        if not self._tracks:
            raise OfferRefused("offer holds no audio or video we can send")
        await connection.setLocalDescription(await connection.createAnswer())
        self.answer = advertise(connection.localDescription.sdp, addresses)

    def _attach(self, transceiver: RTCRtpTransceiver) -> None:
        kind = Kind(transceiver.kind)
        codec = pick_audio(transceiver) if kind is Kind.AUDIO else pick_video(transceiver)
        if codec is None or kind in self._tracks:
            transceiver.direction = "inactive"
            return
        track = UnitTrack(kind, self._stream, codec)
        self._tracks[kind] = track
        transceiver.sender.replaceTrack(track)
        transceiver.direction = "sendonly"
        sender: Any = transceiver.sender
        handle = sender._handle_rtcp_packet

        async def heard(packet: Any) -> None:
            self.last_heard = self._clock.monotonic()
            if kind is Kind.VIDEO and isinstance(packet, RtcpRrPacket | RtcpSrPacket):
                for block in packet.reports:
                    if block.ssrc == sender._ssrc:
                        self._path.lost(self.last_heard, block.fraction_lost / 256)
            await handle(packet)

        sender._handle_rtcp_packet = heard
        if kind is Kind.VIDEO:
            self.video_codec = codec
            sender._send_keyframe = lambda: self._stream.request_keyframe(codec)

    @property
    def video_limit(self) -> int | None:
        return self._path.limit(self._clock.monotonic())

    def push(self, unit: EncodedUnit) -> None:
        track = self._tracks.get(unit.kind)
        if track is not None:
            track.push(unit)
            if unit.kind is Kind.VIDEO:
                self._path.sent(self._clock.monotonic(), len(unit.data))

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._stream.remove_watcher(self)
        await self._connection.close()


def _keep(transceiver: RTCRtpTransceiver, payload_types: list[int]) -> None:
    """Answer with one codec and its retransmission format. aiortc answers with the first of
    ``_codecs``, which setRemoteDescription fills in the offerer's order."""
    internal: Any = transceiver
    codecs = internal._codecs
    chosen = [c for p in payload_types for c in codecs if c.payloadType == p]
    repair = [c for c in codecs if c.name.lower() == "rtx" and c.parameters.get("apt") in payload_types]
    internal._codecs = chosen + repair


def pick_audio(transceiver: RTCRtpTransceiver) -> Codec | None:
    internal: Any = transceiver
    opus = [c for c in internal._codecs if c.name.lower() == "opus"]
    if not opus:
        return None
    _keep(transceiver, [opus[0].payloadType])
    return Codec.OPUS


def pick_video(transceiver: RTCRtpTransceiver) -> Codec | None:
    """H.264 with packetization-mode 1, constrained baseline first; VP8 when there is none."""
    internal: Any = transceiver

    def rank(c: Any) -> int:
        profile = str(c.parameters.get("profile-level-id", "")).lower()
        return 0 if profile.startswith("42e0") else 1 if profile.startswith("42") else 2

    h264 = [
        c
        for c in internal._codecs
        if c.name.upper() == "H264" and str(c.parameters.get("packetization-mode", "0")) == "1"
    ]
    if h264:
        _keep(transceiver, [min(h264, key=rank).payloadType])
        return Codec.H264
    vp8 = [c for c in internal._codecs if c.name.upper() == "VP8"]
    if vp8:
        _keep(transceiver, [vp8[0].payloadType])
        return Codec.VP8
    return None


class AiortcTransport:
    """A ``Transport``; owns its watchers and reaps those that fall silent."""

    def __init__(self, clock: Clock, addresses: tuple[str, ...], timeout: float) -> None:
        self._clock, self._addresses, self._timeout = clock, addresses, timeout
        self._watchers: set[AiortcWatcher] = set()
        self._reaper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._reaper = asyncio.create_task(self._reap(), name="watcher-reaper")

    async def close(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.gather(self._reaper, return_exceptions=True)
        await asyncio.gather(*(w.close() for w in self._watchers), return_exceptions=True)
        self._watchers.clear()

    async def watch(self, stream: Stream, offer: str) -> AiortcWatcher:
        watcher = AiortcWatcher(stream, self._clock)
        self._watchers.add(watcher)
        try:
            await watcher.negotiate(offer, self._addresses)
        except BaseException:
            self._watchers.discard(watcher)
            await watcher.close()
            raise
        return watcher

    async def _reap(self) -> None:
        """Receivers report at least every few seconds (RFC 3550 section 6.2); silence is absence."""
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + 1.0)
            silent = self._clock.monotonic() - self._timeout
            for watcher in tuple(self._watchers):
                if watcher.last_heard < silent:
                    log.info("watcher reaped", extra={"watcher": watcher.id})
                    await watcher.close()
                if watcher.closed:
                    self._watchers.discard(watcher)
