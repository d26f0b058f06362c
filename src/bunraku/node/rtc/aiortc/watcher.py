"""One watcher over one aiortc connection.

Packets are encoded once per stream and handed to aiortc's sender as they are. On that path aiortc
1.16 ignores PLI, FIR and REMB (the first two set a flag read only when it encodes itself, the last
a number that nobody reads), so its reports are read on their way in: they ask the shared encoder
for keyframes and feed the same estimate of the path as the port transport's. What it repeats on
NACK, it repeats by itself; its packets are counted by their size, as it does not tell. There is no
transport-wide congestion control.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
from aiortc import MediaStreamTrack, RTCRtpTransceiver
from aiortc.mediastreams import MediaStreamError

from bunraku.core.clock import Clock
from bunraku.core.media import Codec, EncodedUnit, Kind
from bunraku.node.rtc.aiortc.sdp import advertise, close, connection, describe
from bunraku.node.rtc.base import OfferRefused
from bunraku.node.rtc.codecs import Chosen
from bunraku.node.rtc.feedback import Feedback, PathEstimate
from bunraku.node.rtc.gate import KeyframeGate
from bunraku.node.rtc.offer import Taken
from bunraku.node.streams.stream import Stream

QUEUE = 64  # units: over a second; a watcher that falls behind starts again at a keyframe
PACKET = 1200  # bytes: about what aiortc puts into one
MICROSECONDS = Fraction(1, 1_000_000)


class UnitTrack(MediaStreamTrack):
    """A track of encoded units. Bounded; overflow drops all and waits for a keyframe."""

    def __init__(self, kind: Kind, overflowed: Callable[[], None]) -> None:
        super().__init__()
        self.kind = kind.value
        self._queue: asyncio.Queue[EncodedUnit | None] = asyncio.Queue(QUEUE)
        self._gate = KeyframeGate()
        self._overflowed = overflowed

    def push(self, unit: EncodedUnit) -> None:
        if not self._gate.passes(unit):
            return
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            self._gate.shut()
            self._overflowed()
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
    """A ``Watcher`` and ``PeerSession``."""

    def __init__(self, stream: Stream, clock: Clock) -> None:
        self.answer = ""
        self.closed = False
        self.video_codec: Codec | None = None
        self._stream, self._clock = stream, clock
        self._connection = connection()
        self._tracks: dict[Kind, UnitTrack] = {}
        self._path = PathEstimate()
        self.heard = self.born = clock.monotonic()

    @property
    def connected(self) -> bool:
        return not self.closed and self._connection.connectionState == "connected"

    async def negotiate(self, offer: str, taken: Taken, addresses: tuple[str, ...]) -> None:
        """Raises ``OfferRefused``."""
        connection = self._connection

        @connection.on("connectionstatechange")
        async def _() -> None:
            if connection.connectionState == "connected":
                self.heard = self._clock.monotonic()
                if not self._stream.live:
                    await self.close()
                    return
                self._stream.add_watcher(self)
            elif connection.connectionState in ("failed", "closed"):
                await self.close()

        def attach() -> None:
            for transceiver in connection.getTransceivers():
                self._attach(transceiver, taken)
            if not self._tracks:
                raise OfferRefused("offer holds no audio or video we can send")

        self.answer = advertise(await describe(connection, offer, attach), addresses)

    def _attach(self, transceiver: RTCRtpTransceiver, taken: Taken) -> None:
        kind = Kind(transceiver.kind)
        chosen = taken.of(kind)
        if chosen is None or kind in self._tracks or not _keep(transceiver, chosen):
            transceiver.direction = "inactive"
            return
        track = self._tracks[kind] = UnitTrack(kind, self._ask)
        transceiver.sender.replaceTrack(track)
        transceiver.direction = "sendonly"
        sender: Any = transceiver.sender
        handle, about = sender._handle_rtcp_packet, None  # noqa: SLF001 - aiortc's
        if kind is Kind.VIDEO:
            self.video_codec = chosen.codec
            about = Feedback(sender._ssrc, self._path, self._ask, lambda lost: lost)  # noqa: SLF001 - aiortc's
            # A keyframe is asked for below, of the shared encoder.
            sender._send_keyframe = lambda: None  # noqa: SLF001 - aiortc's

        async def heard(packet: Any) -> None:
            self.heard = self._clock.monotonic()
            if about is not None:
                about.take(packet, self.heard)
            await handle(packet)

        sender._handle_rtcp_packet = heard  # noqa: SLF001 - aiortc's

    def _ask(self) -> None:
        if self.video_codec is not None:
            self._stream.request_keyframe(self.video_codec)

    @property
    def video_limit(self) -> int | None:
        return self._path.limit(self._clock.monotonic())

    def push(self, unit: EncodedUnit) -> None:
        track = self._tracks.get(unit.kind)
        if track is not None:
            track.push(unit)
            if unit.kind is Kind.VIDEO:
                size = len(unit.data)
                self._path.sent(self._clock.monotonic(), size, math.ceil(size / PACKET))

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._stream.remove_watcher(self)
        await close(self._connection)


def _keep(transceiver: RTCRtpTransceiver, chosen: Chosen) -> bool:
    """Answer with one codec and its retransmission format; whether aiortc knows it.

    aiortc answers with the first of ``_codecs``, which setRemoteDescription fills in the offerer's
    order with what both know.
    """
    internal: Any = transceiver
    codecs, number = internal._codecs, chosen.format.payload_type  # noqa: SLF001 - aiortc's
    kept = [c for c in codecs if c.payloadType == number]
    repair = [c for c in codecs if c.name.lower() == "rtx" and c.parameters.get("apt") == number]
    if kept:
        internal._codecs = kept + repair  # noqa: SLF001 - aiortc's
    return bool(kept)
