"""The WebSocket that carries PCM (contract section 7). The server sends no messages."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from fastapi import APIRouter, WebSocket
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from bunraku.core.drive import DriveKind, DriveStatus
from bunraku.core.errors import ApiError
from bunraku.node.performance.performance import Line
from bunraku.node.speech.pcm_stream import (
    FIRST_AUDIO_TIMEOUT,
    NEXT_AUDIO_TIMEOUT,
    Format,
    PcmReader,
    Phase,
    Start,
    StartRefused,
    parse_text,
)
from bunraku.node.tasks.driving import Driving, SocketTicket

log = logging.getLogger(__name__)

POLICY_VIOLATION, GOING_AWAY = 1008, 1001

SLICE = 64 * 1024  # bytes


class DriveSocket:
    """One connection: reads frames, keeps at most one utterance on stage."""

    def __init__(self, socket: WebSocket, ticket: SocketTicket, driving: Driving) -> None:
        self._socket, self._ticket, self._driving = socket, ticket, driving
        self._phase = Phase.FRESH
        self._start = Start(ticket.drive_id, Format())
        self._line: Line | None = None
        self._reader: PcmReader | None = None
        self._heard = False
        self._since = 0.0  # loop time of the last audio, or of the Start
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Until the peer leaves or the task ends; buffered audio plays on in both directions of
        close, except when the task ends."""
        live = self._ticket.task
        live.closers.add(self._ended.set)
        ending = asyncio.create_task(self._ended.wait())
        try:
            while True:
                receiving = asyncio.create_task(self._receive())
                timeout = self._timeout()
                done, _ = await asyncio.wait(
                    (receiving, ending), timeout=timeout, return_when=asyncio.FIRST_COMPLETED
                )
                if ending in done:
                    receiving.cancel()
                    await asyncio.gather(receiving, return_exceptions=True)
                    await self._socket.close(GOING_AWAY)
                    return
                if not done:
                    # The receive is kept: cancelling it could lose a frame.
                    self._notice_interruption()
                    await self._end_utterance(Phase.RESUMABLE)
                    await asyncio.wait((receiving, ending), return_when=asyncio.FIRST_COMPLETED)
                    if ending.done():
                        receiving.cancel()
                        await asyncio.gather(receiving, return_exceptions=True)
                        await self._socket.close(GOING_AWAY)
                        return
                message = receiving.result()
                if message is None:
                    return
                await self._handle(message)
        except StartRefused as error:
            await self._socket.close(POLICY_VIOLATION, str(error))
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            live.closers.discard(self._ended.set)
            ending.cancel()
            await self._end_utterance(Phase.CLOSED)

    async def _receive(self) -> str | bytes | None:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text = message.get("text")
        return text if text is not None else message.get("bytes") or b""

    def _timeout(self) -> float | None:
        """Seconds until silence ends the utterance. While what is buffered plays it goes on: a caller
        that sent a sentence in one burst may follow it up with the next."""
        if self._phase is not Phase.OPEN:
            return None
        held = self._line.speech.seconds if self._line is not None else 0.0
        limit = max(NEXT_AUDIO_TIMEOUT, held) if self._heard else FIRST_AUDIO_TIMEOUT
        return max(0.0, self._since + limit - asyncio.get_running_loop().time())

    async def _handle(self, message: str | bytes) -> None:
        self._notice_interruption()
        if isinstance(message, bytes):
            await self._audio(message)
            return
        command = parse_text(message)
        if command is None:
            log.info("drive socket: text frame ignored", extra={"drive": self._ticket.drive_id})
        elif isinstance(command, Start):
            await self._begin(command)
        elif self._phase is Phase.OPEN:
            await self._end_utterance(Phase.CLOSED)

    def _notice_interruption(self) -> None:
        """Another drive, or an interrupt, took the stage: our audio is dropped until a Start."""
        if self._phase is Phase.OPEN and self._line is not None and self._line.speech.closed:
            self._phase, self._line, self._reader = Phase.DROPPING, None, None
        elif self._phase is Phase.RESUMABLE:
            drive = self._ticket.task.drives.get(self._start.drive_id or "")
            if drive is not None and drive.status is DriveStatus.INTERRUPTED:
                self._phase = Phase.DROPPING

    async def _begin(self, start: Start) -> None:
        drive_id = start.drive_id or self._ticket.drive_id
        start = replace(start, drive_id=drive_id)
        if self._phase is Phase.OPEN and not self._heard and start == self._start:
            return  # the same Start again before any audio
        drive = self._ticket.task.drives.get(drive_id)
        if drive is None or drive.kind is not DriveKind.WS_STREAM:
            raise StartRefused("unknown DriveId")
        try:
            self._line = self._driving.utter(self._ticket.task, drive_id)
        except (ApiError, AssertionError):
            raise StartRefused("task is not streaming") from None
        self._start, self._reader = start, PcmReader(start.format)
        self._phase, self._heard = Phase.OPEN, False
        self._since = asyncio.get_running_loop().time()

    async def _audio(self, data: bytes) -> None:
        if self._phase in (Phase.FRESH, Phase.RESUMABLE) and data:
            await self._begin(self._start)
        if self._phase is not Phase.OPEN or self._line is None or self._reader is None or not data:
            return
        self._heard = True
        # Waits while the buffer is full: reading stops, and TCP holds the sender back.
        # A large frame is worked off in slices, so that nobody else waits for it.
        line, reader = self._line, self._reader
        for at in range(0, len(data), SLICE):
            await line.speech.put(reader.push(data[at : at + SLICE]))
            await asyncio.sleep(0)
            if line.speech.closed:
                break
        self._since = asyncio.get_running_loop().time()

    async def _end_utterance(self, phase: Phase) -> None:
        line, reader = self._line, self._reader
        self._line = self._reader = None
        if self._phase is Phase.OPEN or phase is Phase.CLOSED:
            self._phase = phase
        if line is not None and reader is not None and not line.speech.closed:
            tail = reader.finish()
            line.speech.finish_with(tail)


class DriveSockets:
    """The ``/ws`` endpoint."""

    def __init__(self, driving: Driving) -> None:
        self._driving = driving

    def routes(self) -> APIRouter:
        router = APIRouter()
        router.add_api_websocket_route("/ws", self.serve)
        return router

    async def serve(self, socket: WebSocket) -> None:
        ticket = self._driving.ticket(socket.query_params.get("Token", ""))
        if ticket is None:
            await socket.send_denial_response(Response("invalid token", 401, media_type="text/plain"))
            return
        await socket.accept()
        await DriveSocket(socket, ticket, self._driving).run()
