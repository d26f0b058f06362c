"""A WHEP receiver for measuring: aiortc, with or without decoding."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any, Protocol

import httpx
import numpy as np
from aioice import ice
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtcpSrPacket, RtpPacket

# aiortc's own name for what makes decoders; replaced so that a load of watchers costs little.
_receiver: Any = rtcrtpreceiver
VOICED = 200.0  # root mean square of int16 samples


class Path(Protocol):
    """A network that both descriptions are led through; ``bunraku.testing`` has one."""

    def offer(self, sdp: str) -> str: ...

    def answer(self, sdp: str) -> str: ...


class _Discard:
    def decode(self, _: Any) -> list[Any]:
        return []


def discard_video() -> None:
    """Decode no video in this process: the figures are the server's, not this decoder's."""
    original: Any = _receiver.get_decoder

    def get_decoder(codec: Any) -> Any:
        return _Discard() if codec.mimeType.lower().startswith("video") else original(codec)

    _receiver.get_decoder = get_decoder


def discard_all() -> None:
    """A load of watchers that cost as little as they can."""
    _receiver.get_decoder = lambda _: _Discard()


def discard_sound() -> None:
    """Watchers in this process let packets of sound pass unread, as a wire would."""
    original: Any = ice.StunProtocol.datagram_received

    def datagram_received(self: Any, data: bytes, address: Any) -> None:
        if not 128 <= data[0] < 192:
            original(self, data, address)

    setattr(ice.StunProtocol, "datagram_received", datagram_received)  # noqa: B010


class Receiver:
    """Plays one stream; knows when it last heard a voice."""

    def __init__(self) -> None:
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self.connection = RTCPeerConnection(configuration)
        self._jobs: list[asyncio.Task[None]] = []
        self.voiced = asyncio.Event()
        self.last_voiced = 0.0
        self.last_frame = 0.0
        self.messages = 0
        """Of a stream that is drawn."""
        self.arrived: dict[str, list[tuple[float, int]]] = {"audio": [], "video": []}
        """Packets of sound, and the last of each picture: when they came, and their RTP time."""
        self.on_sound: Callable[[RtpPacket], object] = lambda _: None
        """Told of each packet of sound when it comes."""
        self._clocks: dict[str, tuple[float, int]] = {}

    def note(self) -> None:
        """Keep when packets came and what time they carry, and how the sender ties both clocks."""
        for transceiver in self.connection.getTransceivers():
            inner: Any = transceiver.receiver
            kind = transceiver.kind
            on_rtp, on_rtcp = inner._handle_rtp_packet, inner._handle_rtcp_packet  # noqa: SLF001 - aiortc's

            async def rtp(packet: Any, arrival: int, kind: str = kind, on: Any = on_rtp) -> None:
                if packet.marker or kind == "audio":
                    self.arrived[kind].append((time.monotonic(), packet.timestamp))
                if kind == "audio":
                    self.on_sound(packet)
                await on(packet, arrival_time_ms=arrival)

            async def rtcp(packet: Any, kind: str = kind, on: Any = on_rtcp) -> None:
                if isinstance(packet, RtcpSrPacket):
                    info = packet.sender_info
                    self._clocks[kind] = (info.ntp_timestamp / (1 << 32), info.rtp_timestamp)
                await on(packet)

            inner._handle_rtp_packet = lambda packet, arrival_time_ms, f=rtp: f(packet, arrival_time_ms)  # noqa: SLF001 - aiortc's
            inner._handle_rtcp_packet = rtcp  # noqa: SLF001 - aiortc's

    def offsets(self) -> list[float]:
        """Milliseconds by which each picture came after the sound of its moment."""

        def sender_time(kind: str, stamp: int) -> float:
            wall, zero = self._clocks[kind]
            elapsed = (stamp - zero + (1 << 31)) % (1 << 32) - (1 << 31)
            return wall + elapsed / {"audio": 48000, "video": 90000}[kind]

        if len(self._clocks) < 2:
            return []
        sound = {round(sender_time("audio", s), 3): t for t, s in self.arrived["audio"]}
        moments = np.array(sorted(sound))
        out: list[float] = []
        for arrived, stamp in self.arrived["video"]:
            moment = sender_time("video", stamp)
            nearest = float(moments[np.abs(moments - moment).argmin()])
            if abs(nearest - moment) < 0.011:
                out.append((arrived - sound[nearest] - (moment - nearest)) * 1e3)
        return out

    async def play(
        self, url: str, token: str, path: Path | None = None, trust: ssl.SSLContext | bool = True
    ) -> None:
        @self.connection.on("track")
        def _(track: Any) -> None:
            if track.kind == "audio":
                self._jobs.append(asyncio.create_task(self._listen(track)))

        drawing = "?draw=" in url
        for kind in ("audio",) if drawing else ("video", "audio"):
            self.connection.addTransceiver(kind, direction="recvonly")
        if drawing:
            channel = self.connection.createDataChannel(
                "drawing", ordered=False, maxRetransmits=0, negotiated=True, id=0
            )
            channel.on("message", lambda _: self._drawn())
        await self.connection.setLocalDescription(await self.connection.createOffer())
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
        offer = self.connection.localDescription.sdp
        async with httpx.AsyncClient(trust_env=False, timeout=20, verify=trust) as http:
            reply = await http.post(url, content=path.offer(offer) if path else offer, headers=headers)
        reply.raise_for_status()
        self.note()
        answer = path.answer(reply.text) if path else reply.text
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def _drawn(self) -> None:
        """A receiver that draws nothing, and counts."""
        self.messages += 1

    async def bytes_received(self) -> int:
        """Of datagrams, without the headers of UDP and IP."""
        stats = await self.connection.getStats()
        return sum(s.bytesReceived for s in stats.values() if s.type == "transport")

    async def _listen(self, track: Any) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            self.last_frame = time.monotonic()
            samples = frame.to_ndarray().astype(np.float32)
            if float(np.sqrt(np.mean(samples * samples))) > VOICED:
                self.last_voiced = self.last_frame
                self.voiced.set()

    async def close(self) -> None:
        await self.connection.close()
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
