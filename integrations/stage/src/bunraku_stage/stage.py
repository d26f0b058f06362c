"""A stream task of the agent's own: brought to life, spoken through, watched, and sent away."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import httpx
import websockets
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from websockets.asyncio.client import ClientConnection

from bunraku_stage.calls import Api, CallRefused
from bunraku_stage.encoded import bypass_decoder, request_keyframe

STREAMING, STARTING = 3, 1  # states of a stream task
ENDED, INTERRUPTED = 4, 5  # states of a drive
START_WAIT = 60.0  # s
LOOK_EVERY = 0.1  # s


class Stage:
    """Owns the task, the socket for its speech, and the connection that watches it."""

    def __init__(self, api: Api, room_id: str, stream_id: str) -> None:
        self._api, self.room_id, self.stream_id = api, room_id, stream_id
        self._socket: ClientConnection | None = None
        self._peer: RTCPeerConnection | None = None
        self._session = ""
        self.task_id = self.drive_id = ""

    async def open(self, digital_human_id: str, width: int, height: int, emotion: str | None) -> None:
        """Returns when the figure stands there. Raises ``CallRefused``, ``RuntimeError`` with the reason."""
        created = await self._api.call(
            "CreateDigitalHumanStreamTask",
            DigitalHumanConfig={"DigitalHumanId": digital_human_id},
            RTCConfig={"RoomId": self.room_id, "StreamId": self.stream_id},
            VideoConfig={"Width": width, "Height": height},
            ExtraConfig={} if emotion is None else {"Emotion": emotion},
        )
        self.task_id = created["TaskId"]
        async with asyncio.timeout(START_WAIT):
            while (now := await self._state())["Status"] != STREAMING:
                if now["Status"] != STARTING:
                    raise RuntimeError(now.get("FailReason") or "the stream was stopped")
                await asyncio.sleep(LOOK_EVERY)
        drive = await self._api.call("DriveByWsStream", TaskId=self.task_id)
        self.drive_id = drive["DriveId"]
        self._socket = await websockets.connect(drive["WssAddress"], max_queue=None)

    async def _state(self) -> dict:
        return await self._api.call("GetDigitalHumanStreamTaskStatus", TaskId=self.task_id)

    async def watch(
        self, ice_servers: list[RTCIceServer], *, decode: bool = True
    ) -> dict[str, MediaStreamTrack]:
        """Its picture and its sound, by kind. Without ``decode``, the picture's ``recv`` gives access units:
        ``data`` in Annex B form, ``timestamp`` on the 90 kHz clock."""
        configuration = RTCConfiguration(ice_servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self._peer = peer = RTCPeerConnection(configuration)
        for kind in ("audio", "video"):
            peer.addTransceiver(kind, direction="recvonly")
        if not decode:
            bypass_decoder(peer)
        await peer.setLocalDescription(await peer.createOffer())
        answer, self._session = await self._api.watch(self.stream_id, peer.localDescription.sdp)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return {receiver.track.kind: receiver.track for receiver in peer.getReceivers()}

    async def request_keyframe(self) -> None:
        if self._peer is not None:
            await request_keyframe(self._peer)

    # --- speech: raw PCM, s16le (docs/contract.md, section 7)

    async def begin(self, rate: int, channels: int) -> None:
        """An utterance begins; one that is under way is cut short by it."""
        start = {"DriveId": self.drive_id, "SampleRate": rate, "Channel": channels}
        await self._send(json.dumps({"Action": "Start", "Payload": start}))

    async def feed(self, pcm: bytes) -> None:
        await self._send(pcm)

    async def finish(self) -> None:
        """No more is coming; what is there is played to its end."""
        await self._send(json.dumps({"Action": "Stop", "Payload": {"DriveId": self.drive_id}}))

    async def _send(self, message: str | bytes) -> None:
        if self._socket is not None:
            await self._socket.send(message)

    async def interrupt(self) -> None:
        await self._api.call("InterruptDriveTask", TaskId=self.task_id)

    async def heard(self) -> tuple[int, int]:
        """State of the utterance (4: heard to its end, 5: cut short), and how many ms of it were heard."""
        answer = await self._api.call("GetDriveStatus", TaskId=self.task_id, DriveId=self.drive_id)
        drive = answer["DriveList"][0]
        return drive["Status"], drive.get("PlayedMs", 0)

    async def close(self) -> None:
        if self._peer is not None:
            await self._peer.close()
        if self._socket is not None:
            await self._socket.close()
        with suppress(httpx.HTTPError, CallRefused):
            if self._session:
                await self._api.leave(self._session)
            if self.task_id:
                await self._api.call("StopDigitalHumanStreamTask", TaskId=self.task_id)
        await self._api.close()
