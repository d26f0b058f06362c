"""Room signalling: one WebSocket per participant, JSON messages, private to our player module.

Client to server: ``{"type": "login", "appID", "roomID", "token", "userID", "userName"}`` first,
then ``{"type": "renew", "token"}``, ``{"type": "ping"}``. Server to client: ``{"event": ...}``
with ``login``, ``error``, ``streams``, ``users``, ``message``, ``expiring``, ``kickout``,
``pong``. Media never passes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from bunraku.core.settings import IceServer
from bunraku.core.token import RoomToken, TokenError
from bunraku.front.edge.login import Doorkeeper
from bunraku.node.rooms.room import Room, Rooms

log = logging.getLogger(__name__)

LOGIN_TIMEOUT = 10.0
FAREWELL = 2.0  # s to send the reason of a kick before the connection is cut
MAX_MESSAGE = 16 * 1024  # characters; a token is at most half of it
OUTBOX = 256  # messages; a client that does not read is let go
MAX_USER_ID, MAX_USER_NAME, MAX_ROOM_ID = 64, 256, 128
EXPIRY_NOTICE = 30.0  # s before (contract section 11.4)
PARAMETER_ERROR, ROOM_EMPTY, ROOM_ILLEGAL, ROOM_LONG = 1100001, 1002011, 1002012, 1002013
_ILLEGAL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What CreateDigitalHumanStreamTask refuses in a RoomId too, and halves of characters."""


class LoginRefused(Exception):
    """``code`` is one of contract section 11.5."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Participant:
    """One signalling connection; a ``Member`` of its room once logged in."""

    def __init__(self, socket: WebSocket, user_id: str, user_name: str, token: str) -> None:
        self._socket, self.token = socket, token
        self._user_id, self._user_name = user_id, user_name
        self._outbox: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(OUTBOX)
        self._warning: asyncio.Task[None] | None = None
        self.gone = asyncio.Event()
        """Set when the connection must end though its client reads nothing any more."""

    @property
    def user_id(self) -> str:
        return self._user_id

    @property
    def user_name(self) -> str:
        return self._user_name

    def notify(self, event: dict[str, Any] | None) -> None:
        try:
            self._outbox.put_nowait(event)
        except asyncio.QueueFull:
            self.gone.set()

    def kick(self) -> None:
        self.notify({"event": "kickout", "code": 1002050})
        self.notify(None)
        asyncio.get_running_loop().call_later(FAREWELL, self.gone.set)

    def expires(self, warning: Coroutine[Any, Any, None] | None) -> None:
        """Put another warning in the place of the one that waits; None for the end."""
        if self._warning is not None:
            self._warning.cancel()
        self._warning = asyncio.create_task(warning) if warning is not None else None

    async def pump(self) -> None:
        """Send what is queued until the end is."""
        while (event := await self._outbox.get()) is not None:
            await self._socket.send_text(json.dumps(event, ensure_ascii=False))


class Signaling:
    """The ``/rtc/room`` endpoint."""

    def __init__(self, rooms: Rooms, door: Doorkeeper, ice_servers: tuple[IceServer, ...]) -> None:
        self._rooms, self._door, self._ice_servers = rooms, door, ice_servers

    def routes(self) -> APIRouter:
        router = APIRouter()
        router.add_api_websocket_route("/rtc/room", self.serve)
        return router

    async def serve(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            async with asyncio.timeout(LOGIN_TIMEOUT):
                message = _read(await socket.receive_text())
            participant, room, token = self._login(socket, message)
        except (LoginRefused, TokenError) as error:
            refusal = {"event": "error", "code": error.code, "message": str(error)}
            await socket.send_text(json.dumps(refusal))
            await socket.close(1008)
            return
        except (WebSocketDisconnect, TimeoutError, KeyError, RuntimeError, UnicodeError):
            await _close_quietly(socket)
            return
        await self._attend(socket, participant, room, token)

    def _login(self, socket: WebSocket, m: dict[str, Any]) -> tuple[Participant, Room, RoomToken]:
        app_id, room_id = m.get("appID"), m.get("roomID")
        token, user_id = m.get("token"), m.get("userID")
        user_name = m.get("userName", "")
        if m.get("type") != "login" or type(app_id) is not int or not isinstance(token, str):
            raise LoginRefused(PARAMETER_ERROR, "login needs appID and token")
        if not isinstance(room_id, str) or not room_id:
            raise LoginRefused(ROOM_EMPTY, "roomID is empty")
        if _ILLEGAL.search(room_id):
            raise LoginRefused(ROOM_ILLEGAL, "roomID holds characters it may not")
        if any(isinstance(x, str) and _ILLEGAL.search(x) for x in (user_id, user_name)):
            raise LoginRefused(PARAMETER_ERROR, "userID and userName may not hold control characters")
        if len(room_id.encode()) > MAX_ROOM_ID:
            raise LoginRefused(ROOM_LONG, "roomID is too long")
        if not isinstance(user_id, str) or not 0 < len(user_id.encode()) <= MAX_USER_ID:
            raise LoginRefused(PARAMETER_ERROR, "userID must be 1 to 64 bytes")
        if not isinstance(user_name, str) or len(user_name.encode()) > MAX_USER_NAME:
            raise LoginRefused(PARAMETER_ERROR, "userName must be at most 256 bytes")
        verified = self._door.check(app_id, token, user_id)
        verified.admit(room_id)
        return Participant(socket, user_id, user_name, token), self._rooms.room(app_id, room_id), verified

    async def _attend(
        self, socket: WebSocket, participant: Participant, room: Room, token: RoomToken
    ) -> None:
        # Not the former self that this login takes over from.
        others = [u for u in room.members.values() if u.user_id != participant.user_id]
        participant.notify(
            {
                "event": "login",
                "streams": room.streams_for(participant),
                "users": [{"userID": u.user_id, "userName": u.user_name} for u in others],
                "count": len(others) + 1,
                "iceServers": [server.description() for server in self._ice_servers],
            }
        )
        room.join(participant)
        pump = asyncio.create_task(participant.pump())
        listen = asyncio.create_task(self._listen(socket, participant, room))
        gone = asyncio.create_task(participant.gone.wait())
        participant.expires(self._warn(participant, token.expire))
        try:
            await asyncio.wait((pump, listen, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            room.leave(participant)
            self._rooms.sweep(room)
            participant.expires(None)
            for job in (pump, listen, gone):
                job.cancel()
            await asyncio.gather(pump, listen, gone, return_exceptions=True)
            await _close_quietly(socket)

    async def _warn(self, participant: Participant, expire: int) -> None:
        await asyncio.sleep(max(0.0, expire - EXPIRY_NOTICE - self._door.now))
        participant.notify({"event": "expiring"})

    async def _listen(self, socket: WebSocket, participant: Participant, room: Room) -> None:
        try:
            while True:
                message = _read(await socket.receive_text())
                if message.get("type") == "ping":
                    participant.notify({"event": "pong"})
                elif message.get("type") == "renew" and isinstance(message.get("token"), str):
                    try:
                        fresh = self._door.check(room.app_id, message["token"], participant.user_id)
                        fresh.admit(room.room_id)
                        participant.token = message["token"]
                        participant.expires(self._warn(participant, fresh.expire))
                    except TokenError as error:
                        participant.notify({"event": "error", "code": error.code, "message": str(error)})
        except (WebSocketDisconnect, KeyError, RuntimeError):
            return


def _read(text: str) -> dict[str, Any]:
    if len(text) > MAX_MESSAGE:
        return {}
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


async def _close_quietly(socket: WebSocket) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):  # it may be closed already
        async with asyncio.timeout(FAREWELL):  # or nobody reads
            await socket.close()
