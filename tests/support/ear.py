"""Listening to what a stream publishes, as a watcher would."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import av
import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from bunraku.core.media import SAMPLE_RATE, Codec, EncodedUnit, Kind
from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, SECRET, RunningServer

from .cluster import Front, RunningCluster

WHISPER = 0.02


class Levels:
    """Decodes Opus, and keeps when it came and how loud it was."""

    def __init__(self) -> None:
        self._decoder: Any = av.AudioCodecContext.create("libopus", "r")
        self._decoder.sample_rate, self._decoder.layout = SAMPLE_RATE, "mono"
        self.levels: list[tuple[float, float]] = []

    def hear(self, data: bytes) -> None:
        for frame in self._decoder.decode(av.Packet(data)):
            x = frame.to_ndarray().astype(float).reshape(-1)
            scale = 1 if frame.format.name.startswith("flt") else 32768
            self.levels.append((time.monotonic(), float(np.sqrt((x * x).mean())) / scale))

    @property
    def voiced(self) -> float:
        """Seconds of sound above a whisper."""
        return sum(0.02 for _, level in self.levels if level > WHISPER)


class InnerEar(Levels):
    """A watcher of a stream of this very process."""

    video_codec, video_limit = None, None

    def __init__(self, server: RunningServer, stream_id: str) -> None:
        super().__init__()
        self._stream = server.parts.rooms.stream(APP_ID, stream_id)
        self._stream.watchers.add(self)

    def push(self, unit: EncodedUnit) -> None:
        if unit.kind is Kind.AUDIO:
            assert unit.codec is Codec.OPUS
            self.hear(unit.data)

    async def close(self) -> None:
        return

    def leave(self) -> None:
        self._stream.watchers.discard(self)


class _Loop:
    """An event loop on a thread of its own, for peers of tests that have none."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="ears", daemon=True).start()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


class OuterEar(Levels):
    """A WHEP receiver; it takes packets as they come, before any jitter buffer."""

    _loop: _Loop | None = None

    def __init__(self, server: RunningCluster | Front, stream_id: str) -> None:
        super().__init__()
        OuterEar._loop = OuterEar._loop or _Loop()
        self._base_url, self._path = server.base_url, f"/whep/{APP_ID}/{stream_id}"
        self._first = threading.Event()
        self._loop.run(self._enter())
        assert self._first.wait(10), "no sound came"

    async def _enter(self) -> None:
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peer.addTransceiver("audio", direction="recvonly")
        await self._peer.setLocalDescription(await self._peer.createOffer())
        token = generate(APP_ID, f"ear-{time.monotonic_ns()}", SECRET, time.time())
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=self._base_url, trust_env=False) as http:
            reply = await http.post(self._path, content=self._peer.localDescription.sdp, headers=headers)
        reply.raise_for_status()
        self.session = reply.headers["location"]
        inner: Any = self._peer.getTransceivers()[0].receiver

        async def take(packet: Any, arrival_time_ms: int) -> None:
            if packet.payload:
                self._first.set()
                self.hear(packet.payload)

        inner._handle_rtp_packet = take  # noqa: SLF001 - aiortc has no word for packets as they come
        await self._peer.setRemoteDescription(RTCSessionDescription(reply.text, "answer"))

    def leave(self) -> None:
        self._loop.run(self._leave())

    async def _leave(self) -> None:
        async with httpx.AsyncClient(base_url=self._base_url, trust_env=False) as http:
            await http.delete(self.session)
        await self._peer.close()


def listen(server: RunningServer | RunningCluster, stream_id: str) -> InnerEar | OuterEar:
    """An ear on a live stream; it hears from now on."""
    if isinstance(server, RunningCluster):
        return OuterEar(server, stream_id)
    return InnerEar(server, stream_id)


def watchers(server: RunningServer | RunningCluster | Front, task_id: str) -> int:
    """Of a stream task, as the console tells; 0 of one that is over."""
    asked = {"appId": APP_ID, "taskId": task_id}
    answer = httpx.post(f"{server.base_url}/console/figures", json=asked, trust_env=False)
    answer.raise_for_status()
    figures = answer.json()["figures"]
    return figures["watchers"] if figures else 0
