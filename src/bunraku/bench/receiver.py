"""A WHEP receiver for measuring: aiortc, with or without decoding."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import numpy as np
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver
from aiortc.mediastreams import MediaStreamError

# aiortc's own name for what makes decoders; replaced so that a load of watchers costs little.
_receiver: Any = rtcrtpreceiver
VOICED = 200.0  # root mean square of int16 samples


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


class Receiver:
    """Plays one stream; knows when it last heard a voice."""

    def __init__(self) -> None:
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self._connection = RTCPeerConnection(configuration)
        self._jobs: list[asyncio.Task[None]] = []
        self.voiced = asyncio.Event()
        self.last_voiced = 0.0
        self.last_frame = 0.0

    async def play(self, url: str, token: str) -> None:
        @self._connection.on("track")
        def _(track: Any) -> None:
            if track.kind == "audio":
                self._jobs.append(asyncio.create_task(self._listen(track)))

        for kind in ("video", "audio"):
            self._connection.addTransceiver(kind, direction="recvonly")
        await self._connection.setLocalDescription(await self._connection.createOffer())
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            answer = await http.post(url, content=self._connection.localDescription.sdp, headers=headers)
        answer.raise_for_status()
        await self._connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))

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
        await self._connection.close()
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
