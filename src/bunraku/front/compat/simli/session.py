"""One session: a stream task of its own, watched over WebRTC and spoken through by raw PCM.

Client to server: the SDP offer as JSON; then binary s16le at 16 kHz mono, ``PLAY_IMMEDIATE`` before what
takes the place of all that was sent, ``SKIP`` for silence now, ``DONE`` to leave. Server to client: the
SDP answer, then the words ``START``, ``SPEAK``, ``SILENT``, ``ACK``, ``STOP``, or ``ERROR`` and a reason.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from bunraku.core import strict_json
from bunraku.core.apps import App
from bunraku.core.clock import Clock, timeout
from bunraku.core.commission import Commission
from bunraku.core.errors import ApiError
from bunraku.core.framing import Framing, default_bitrate
from bunraku.core.stream_task import TaskStatus
from bunraku.front.compat.simli.ticket import SessionWish
from bunraku.nodes.base import Nodes, OneTaskHall
from bunraku.nodes.rooms import Refused, WatchRequest
from bunraku.nodes.sockets import SocketHall

log = logging.getLogger(__name__)

RATE = 16000  # Hz
OFFER_WAIT = 15.0  # s
LONGEST_OFFER = 64 * 1024  # characters
START_WAIT = 60.0  # s
LOOK_EVERY = 0.05  # s between looks whether the stream is there
ASK = 20.0  # s a node may think about whether the task is over
NOW = b"PLAY_IMMEDIATE"
CAMERA, BACKGROUND, FOREGROUND = b"CAM_", b"BG_", b"FG_"
START = json.dumps({"Action": "Start", "Payload": {"SampleRate": RATE, "Channel": 1}})


class NotStarted(Exception):
    """The reason, for the client's eyes."""


class SimliSession:
    """Lives as long as its WebSocket, and its task with it."""

    def __init__(self, socket: WebSocket, nodes: Nodes, clock: Clock, app: App, asked: SessionWish) -> None:
        self._socket, self._nodes, self._clock, self._app, self._asked = socket, nodes, clock, app, asked
        self._name = f"simli-{secrets.token_hex(8)}"
        self._task_id = ""
        self._watch: str | None = None

    async def run(self) -> None:
        await self._socket.accept()
        try:
            offer = await self._offer()
            node, line = await self._stage()
            await self._say(await self._answer(offer))
            await self._say("START")
            await self._perform(node, line)
        except (ApiError, NotStarted, Refused) as error:
            reason = error.reason if isinstance(error, Refused) else str(error)
            await self._leave(f"ERROR {reason}")
        except (WebSocketDisconnect, RuntimeError):
            log.info("session's client left", extra={"task": self._task_id})
        finally:
            await asyncio.shield(self._end())

    async def _say(self, word: str) -> None:
        await self._socket.send_text(word)

    async def _leave(self, last: str) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._say(last)
            await self._socket.close()

    # --- the beginning

    async def _offer(self) -> str:
        try:
            async with timeout(self._clock, OFFER_WAIT):
                text = await self._socket.receive_text()
            said = strict_json.loads(text) if len(text) <= LONGEST_OFFER else None
        except (TimeoutError, KeyError, ValueError):
            said = None
        if not isinstance(said, dict) or said.get("type") != "offer" or not isinstance(said.get("sdp"), str):
            raise NotStarted("send an offer first")
        return said["sdp"]

    async def _stage(self) -> tuple[SocketHall, str]:
        """The node that has the task, and the address for its PCM, as soon as it streams."""
        asked = self._asked
        record = await self._nodes.create(
            Commission(
                app_id=self._app.id,
                max_tasks=self._app.max_tasks,
                digital_human_id=asked.digital_human,
                room_id=self._name,
                stream_id=self._name,
                framing=Framing(asked.width, asked.height),
                bitrate=default_bitrate(asked.width, asked.height),
                ttl=asked.longest,
                max_idle_time=asked.idle,
                emotion=asked.emotion,
            )
        )
        self._task_id = record.id
        async with timeout(self._clock, START_WAIT):
            while record.status is not TaskStatus.STREAMING:
                if record.status is not TaskStatus.INITIALIZING:
                    raise NotStarted(record.fail_reason or "the session was stopped")
                await self._clock.sleep_until(self._clock.monotonic() + LOOK_EVERY)
                record = await self._nodes.records.task(self._app.id, record.id)
        drive = await (await self._task()).drive_socket(self._app.id, record.id)
        node = await self._nodes.named(drive.token)
        line = None if node is None else await node.open_socket(drive.token)
        if node is None or line is None:
            raise NotStarted("the session was stopped")
        return node, line

    async def _answer(self, offer: str) -> str:
        client = self._socket.client
        session = await self._nodes.rooms.watch(
            WatchRequest(
                self._app.id, self._name, self._name, self._name, client.host if client else "", offer
            )
        )
        self._watch = session.id
        # Clients know an answer by the first word of its text: sdp stands first, and nothing is spaced.
        return json.dumps({"sdp": session.answer, "type": "answer"}, separators=(",", ":"))

    async def _task(self) -> OneTaskHall:
        return await self._nodes.of_task(self._app.id, self._task_id)

    # --- the middle

    async def _perform(self, node: SocketHall, line: str) -> None:
        """Until the client leaves or the task is over."""
        mouth = _Mouth(self._clock, self._say)
        jobs = [
            asyncio.create_task(self._hear(node, line, mouth)),
            asyncio.create_task(_over(node, line)),
            asyncio.create_task(mouth.watch()),
        ]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
            await self._leave("STOP")
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await asyncio.shield(node.close_socket(line))

    async def _hear(self, node: SocketHall, line: str, mouth: _Mouth) -> None:
        """Returns when the client is done."""
        silent = True  # the next PCM begins an utterance
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect
            text, frame = message.get("text"), message.get("bytes") or b""
            if text == "DONE" or frame == b"DONE":
                return
            if text == "SKIP" or frame == b"SKIP":
                await (await self._task()).interrupt(self._app.id, self._task_id)
                silent = True
                await mouth.shut()
                await self._say("ACK")
            elif frame and not frame.startswith((CAMERA, BACKGROUND, FOREGROUND)):
                if frame.startswith(NOW):
                    frame, silent = frame[len(NOW) :], True
                    await mouth.shut()
                if silent and not await node.frame(line, START):
                    return
                silent = False
                await mouth.hear(frame)
                if not await node.frame(line, frame):
                    return

    # --- the end

    async def _end(self) -> None:
        if self._watch is not None:
            await self._nodes.rooms.unwatch(self._watch)
        if self._task_id:
            with suppress(ApiError):
                await (await self._task()).stop(self._app.id, self._task_id)


async def _over(node: SocketHall, line: str) -> None:
    while await node.socket_closing(line, ASK) is None:
        pass


class _Mouth:
    """Tells when the figure begins and ends to speak, by what was sent: PCM plays as soon as it comes, one
    piece after the other. PCM of zeros is silence."""

    def __init__(self, clock: Clock, say: Callable[[str], Awaitable[None]]) -> None:
        self._clock, self._say = clock, say
        self._until = 0.0
        self._speaking = asyncio.Event()

    async def hear(self, pcm: bytes) -> None:
        self._until = max(self._until, self._clock.monotonic()) + len(pcm) / 2 / RATE
        if pcm.count(0) != len(pcm) and not self._speaking.is_set():
            self._speaking.set()
            await self._say("SPEAK")

    async def shut(self) -> None:
        self._until = self._clock.monotonic()
        if self._speaking.is_set():
            self._speaking.clear()
            await self._say("SILENT")

    async def watch(self) -> None:
        while True:
            await self._speaking.wait()
            if self._until <= self._clock.monotonic():
                await self.shut()
            else:
                await self._clock.sleep_until(self._until)
