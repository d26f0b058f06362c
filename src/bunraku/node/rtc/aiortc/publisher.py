"""One publisher over one aiortc connection.

Nothing that is lost on the way is made up: aiortc's jitter buffer drops what came around it too.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError

from bunraku.core.clock import Clock
from bunraku.core.media import SAMPLE_RATE
from bunraku.node.rtc.aiortc.sdp import advertise, close, connection, describe
from bunraku.node.streams.microphone import Microphone

log = logging.getLogger(__name__)


class AiortcPublisher:
    """A ``PeerSession`` that feeds a ``Microphone``; aiortc says itself when its peer falls silent."""

    def __init__(self, microphone: Microphone, clock: Clock) -> None:
        self.answer = ""
        self.closed = False
        self._microphone, self._clock = microphone, clock
        self._connection = connection()
        self._job: asyncio.Task[None] | None = None
        self.born = clock.monotonic()

    @property
    def connected(self) -> bool:
        return not self.closed and self._connection.connectionState == "connected"

    @property
    def heard(self) -> float:
        return self._clock.monotonic()

    async def negotiate(self, offer: str, addresses: tuple[str, ...]) -> None:
        """Raises ``OfferRefused``."""
        connection = self._connection

        @connection.on("track")
        def _(track: Any) -> None:
            if track.kind == "audio" and self._job is None:
                self._job = asyncio.create_task(self._hear(track))
            else:
                track.stop()

        @connection.on("connectionstatechange")
        async def _() -> None:
            if connection.connectionState == "connected":
                self._microphone.opened()
            elif connection.connectionState in ("failed", "closed"):
                await self.close()

        def attach() -> None:
            # One audio section is taken; what nobody reads would pile up.
            wanted = next((t for t in connection.getTransceivers() if t.kind == "audio"), None)
            for transceiver in connection.getTransceivers():
                transceiver.direction = "recvonly" if transceiver is wanted else "inactive"

        self.answer = advertise(await describe(connection, offer, attach), addresses)

    async def _hear(self, track: Any) -> None:
        resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
        try:
            while True:
                frame = await track.recv()
                for out in resampler.resample(frame):
                    self._microphone.push(out.to_ndarray().reshape(-1).astype(np.int16, copy=False))
        except MediaStreamError:
            pass  # the peer's BYE, or the end of the connection
        except Exception:
            log.exception("published sound unreadable", extra={"stream": self._microphone.stream.stream_id})
        # Not from within: closing ends this very job.
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self.close()))

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._microphone.end()
        if self._job is not None and self._job is not asyncio.current_task():
            self._job.cancel()
        await close(self._connection)
