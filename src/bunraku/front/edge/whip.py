"""Publishing by WHIP (RFC 9725): somebody's microphone becomes a stream of a room.

A digital human can repeat such a stream live (DriveByRTCStream). Only sound is taken in; the
token04 in the Authorization header must allow publishing. The stream ends with its peer.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from typing import Any

import av
import numpy as np
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from fastapi import APIRouter, Request
from starlette.responses import Response

from bunraku.core.errors import BodyUnreadable
from bunraku.core.media import PCM, SAMPLE_RATE, SpeechChunk
from bunraku.core.settings import IceServer
from bunraku.core.token import TokenError
from bunraku.front.edge.login import Doorkeeper
from bunraku.front.edge.whep import CORS, bearer, link_header, refuse
from bunraku.front.http import read_body
from bunraku.node.encode.opus import PACKET_SAMPLES, OpusEncoder, open_opus_encoder
from bunraku.node.rooms.room import Rooms, Stream, StreamTaken
from bunraku.node.rtc.aiortc.sdp import advertise, without_mdns
from bunraku.node.rtc.base import OfferRefused

log = logging.getLogger(__name__)

HEARD_AHEAD = 50  # frames a listener may fall behind: a second; the oldest are dropped
CONNECT_TIMEOUT = 20.0


class Relay:
    """Sound for those who watch a published stream, encoded once for all of them."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._encoder: OpusEncoder | None = None
        self._rest: PCM = np.empty(0, np.int16)
        self._samples = 0

    def push(self, samples: PCM) -> None:
        """Samples as they come; time goes on whether anybody watches or not."""
        if not self._stream.watchers:
            self._samples += samples.size
            self._encoder, self._rest = None, self._rest[:0]
            return
        if self._encoder is None:
            self._encoder = open_opus_encoder()
        held = np.concatenate([self._rest, samples])
        whole = held.size // PACKET_SAMPLES * PACKET_SAMPLES
        self._rest = held[whole:]
        if whole:
            for unit in self._encoder.encode(held[:whole], self._samples * 1_000_000 // SAMPLE_RATE):
                self._stream.push(unit)
            self._samples += whole


class Publisher:
    """One incoming connection and the stream it feeds."""

    def __init__(self, rooms: Rooms, stream: Stream) -> None:
        self.id = uuid.uuid4().hex
        self.answer = ""
        self.stream = stream
        self._rooms = rooms
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self._connection = RTCPeerConnection(configuration)
        self._relay = Relay(stream)
        self._listeners: set[asyncio.Queue[PCM | None]] = set()
        self._jobs: list[asyncio.Task[None]] = []
        self.closed = False

    async def accept(self, offer: str, addresses: tuple[str, ...]) -> None:
        """Raises ``OfferRefused``."""
        connection = self._connection

        @connection.on("track")
        def _(track: Any) -> None:
            if track.kind == "audio" and not self._jobs:
                self._jobs.append(asyncio.create_task(self._hear(track)))
            else:
                track.stop()

        @connection.on("connectionstatechange")
        async def _() -> None:
            if connection.connectionState == "connected":
                self._rooms.publish(self.stream)
            elif connection.connectionState in ("failed", "closed"):
                await self.close()

        try:
            await connection.setRemoteDescription(RTCSessionDescription(without_mdns(offer), "offer"))
        except Exception as error:  # aiortc raises many kinds for what a peer may send
            raise OfferRefused("offer not understood") from error
        if not any(t.kind == "audio" for t in connection.getTransceivers()):
            raise OfferRefused("offer holds no audio")
        # One audio section is taken; what nobody reads would pile up.
        wanted = next(t for t in connection.getTransceivers() if t.kind == "audio")
        for transceiver in connection.getTransceivers():
            transceiver.direction = "recvonly" if transceiver is wanted else "inactive"
        await connection.setLocalDescription(await connection.createAnswer())
        self.answer = advertise(connection.localDescription.sdp, addresses)
        self._jobs.append(asyncio.create_task(self._give_up()))

    async def _give_up(self) -> None:
        await asyncio.sleep(CONNECT_TIMEOUT)
        if self._connection.connectionState != "connected":
            await self.close()

    async def _hear(self, track: Any) -> None:
        resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
        try:
            while True:
                frame = await track.recv()
                for out in resampler.resample(frame):
                    samples: PCM = out.to_ndarray().reshape(-1).astype(np.int16, copy=False)
                    self._relay.push(samples)
                    for listener in self._listeners:
                        if listener.full():
                            listener.get_nowait()
                        listener.put_nowait(samples)
        except MediaStreamError:
            pass  # the peer's BYE, or the end of the connection
        except Exception:
            log.exception("published sound unreadable", extra={"stream": self.stream.stream_id})
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self.close()))

    async def listen(self) -> AsyncIterator[SpeechChunk]:
        """The sound from now until the stream ends."""
        queue: asyncio.Queue[PCM | None] = asyncio.Queue(HEARD_AHEAD)
        self._listeners.add(queue)
        try:
            while not self.closed and (samples := await queue.get()) is not None:
                yield SpeechChunk(samples)
        finally:
            self._listeners.discard(queue)

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._rooms.withdraw(self.stream)
        for listener in self._listeners:
            if listener.full():
                listener.get_nowait()
            listener.put_nowait(None)
        current = asyncio.current_task()
        for job in self._jobs:
            if job is not current:
                job.cancel()
        await self.stream.close()
        await self._connection.close()


class Whip:
    """The ``/whip`` endpoints, and the sound of those who publish."""

    def __init__(
        self, rooms: Rooms, door: Doorkeeper, addresses: tuple[str, ...], ice_servers: tuple[IceServer, ...]
    ) -> None:
        self._rooms, self._door, self._addresses = rooms, door, addresses
        self._headers = {**CORS, **link_header(ice_servers)}
        self._publishers: dict[tuple[int, str], Publisher] = {}
        self._sessions: dict[str, Publisher] = {}

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Publishing"])
        router.add_api_route("/whip/{app_id}/{room_id}/{stream_id}", self.publish, methods=["POST"])
        # The room as a parameter, because its name may hold a slash.
        router.add_api_route("/whip/{app_id:int}/{stream_id}", self.publish, methods=["POST"])
        router.add_api_route("/whip/session/{session_id}", self.leave, methods=["DELETE"])
        names = ("{app_id}/{room_id}/{stream_id}", "{app_id:int}/{stream_id}", "session/{session_id}")
        for path in (f"/whip/{name}" for name in names):
            router.add_api_route(path, self.options, methods=["OPTIONS"], include_in_schema=False)
        return router

    async def options(self) -> Response:
        return Response(status_code=204, headers={**self._headers, "Accept-Post": "application/sdp"})

    async def publish(self, request: Request, app_id: int, room_id: str, stream_id: str) -> Response:
        try:
            token = self._door.check_guest(app_id, bearer(request), self._rooms, room_id)
            token.admit_publishing(room_id, stream_id)
        except TokenError as error:
            return refuse(401, f"{error.code} {error}")
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/sdp":
            return refuse(415, "send application/sdp")
        try:
            # Read before the name is taken: a slow sender keeps it from nobody.
            offer = (await read_body(request)).decode("utf-8")
        except (BodyUnreadable, UnicodeDecodeError):
            return refuse(400, "offer unreadable")
        former = self._publishers.get((app_id, stream_id))
        if former is not None and not former.stream.live and former.stream.user_id == token.user_id:
            await former.close()  # a page that was loaded again before it had connected
        stream = Stream(app_id, room_id, stream_id, token.user_id, token.user_id)
        try:
            self._rooms.reserve(stream)
        except StreamTaken:
            return refuse(409, "stream id is taken")
        publisher = Publisher(self._rooms, stream)
        try:
            await publisher.accept(offer, self._addresses)
        except OfferRefused as error:
            await publisher.close()
            return refuse(400, str(error))
        except BaseException:
            await publisher.close()
            raise
        self._forget_closed()
        self._publishers[app_id, stream_id] = publisher
        self._sessions[publisher.id] = publisher
        headers = {**self._headers, "Location": f"/whip/session/{publisher.id}"}
        return Response(publisher.answer, 201, media_type="application/sdp", headers=headers)

    async def leave(self, session_id: str) -> Response:
        """The unguessable session id is the permission."""
        publisher = self._sessions.pop(session_id, None)
        if publisher is None:
            return refuse(404, "no such session")
        await asyncio.shield(publisher.close())
        return Response(status_code=200, headers=CORS)

    def _forget_closed(self) -> None:
        for key, publisher in list(self._publishers.items()):
            if publisher.closed:
                del self._publishers[key]
                self._sessions.pop(publisher.id, None)

    def listen(self, app_id: int, room_id: str, stream_id: str) -> AsyncIterator[SpeechChunk] | None:
        publisher = self._publishers.get((app_id, stream_id))
        if publisher is None or publisher.closed or not publisher.stream.live:
            return None
        return publisher.listen() if publisher.stream.room_id == room_id else None

    async def close(self) -> None:
        await asyncio.gather(*(p.close() for p in self._sessions.values()), return_exceptions=True)
