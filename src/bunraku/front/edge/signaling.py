"""Room signalling: one WebSocket per participant, JSON messages, private to our player module.

Client to server: ``{"type": "login", "appID", "roomID", "token", "userID", "userName"}`` first,
then ``{"type": "renew", "token"}``, ``{"type": "find", "streamID"}``, ``{"type": "ping"}``. Server to
client: ``{"event": ...}`` with ``login``, ``error``, ``streams``, ``users``, ``message``,
``expiring``, ``kickout``, ``found``, ``pong``. Media never passes here. The room itself is on a node,
whose events are fetched and handed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from bunraku.core import strict_json
from bunraku.core.clock import Clock, patience, timeout
from bunraku.core.errors import ApiError
from bunraku.core.identifiers import (
    MAX_ROOM_ID,
    MAX_STREAM_ID,
    MAX_USER_ID,
    MAX_USER_NAME,
    has_illegal,
    legal,
)
from bunraku.core.settings_rtc import IceServer
from bunraku.core.token import TokenError
from bunraku.front.edge.login import Doorkeeper
from bunraku.nodes.rooms import Login, RoomHall

log = logging.getLogger(__name__)

LOGIN_TIMEOUT = 10.0
FAREWELL = 2.0  # s to send the reason of a kick before the connection is cut
POLL = 20.0  # s a question for events may stay open
MAX_MESSAGE = 16 * 1024  # characters; a token is at most half of it
OUTBOX = 256  # messages; a client that does not read is let go
MAX_STRANGERS, MAX_STRANGERS_PER_ADDRESS = 512, 128  # connections that have not logged in yet
TRY_AGAIN_LATER = 1013  # IANA's registry of WebSocket close codes
PARAMETER_ERROR, ROOM_EMPTY, ROOM_ILLEGAL, ROOM_LONG = 1100001, 1002011, 1002012, 1002013
LOGIN_TIMED_OUT = 1002031


class LoginRefused(Exception):
    """``code`` is one of contract section 11.5."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Strangers:
    """A budget for all that are connected and have not logged in yet: each may hold a message."""

    def __init__(self) -> None:
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        """Addresses that have any."""
        return len(self._by_address)

    @contextlib.contextmanager
    def admit(self, address: str) -> Iterator[bool]:
        """Whether there is room for one more, which is counted meanwhile."""
        here = self._by_address
        fits = here.total() < MAX_STRANGERS and here[address] < MAX_STRANGERS_PER_ADDRESS
        here[address] += fits
        try:
            yield fits
        finally:
            here[address] -= fits
            if not here[address]:
                del here[address]


class Participant:
    """One signalling connection that has logged in."""

    def __init__(
        self, socket: WebSocket, hall: RoomHall, door: Doorkeeper, clock: Clock, login: Login, id: str
    ) -> None:
        self._socket, self._hall, self._door, self._clock = socket, hall, door, clock
        self._login, self._id = login, id
        self._outbox: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(OUTBOX)

    async def attend(self, ice_servers: list[dict[str, str]]) -> None:
        """Until the client leaves, reads nothing any more, or its place in the room is over."""
        jobs = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("room-fetch", self._fetch(ice_servers)),
                ("room-send", self._send()),
                ("room-listen", self._listen()),
            )
        ]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                if (error := job.exception()) is not None:
                    log.warning("room connection ended: %s", type(error).__name__)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _fetch(self, ice_servers: list[dict[str, str]]) -> None:
        """Hand on what the room says; ends at once when the client does not read."""
        while True:
            found = await self._hall.events(self._id, POLL)
            try:
                for event in found.events:
                    if event["event"] == "login":
                        event = {**event, "iceServers": ice_servers}
                    self._outbox.put_nowait(event)
                if found.over:
                    self._outbox.put_nowait(None)
            except asyncio.QueueFull:
                return
            if found.over:
                await self._clock.sleep_until(self._clock.monotonic() + FAREWELL)
                return

    async def _send(self) -> None:
        while (event := await self._outbox.get()) is not None:
            await self._socket.send_text(json.dumps(event, ensure_ascii=False))

    async def _listen(self) -> None:
        try:
            while True:
                message = _read(await self._socket.receive_text())
                if message.get("type") == "ping":
                    self._outbox.put_nowait({"event": "pong"})
                elif message.get("type") == "renew" and isinstance(message.get("token"), str):
                    await self._renew(message["token"])
                elif message.get("type") == "find" and isinstance(message.get("streamID"), str):
                    await self._find(message["streamID"])
        except (WebSocketDisconnect, KeyError, RuntimeError, asyncio.QueueFull):
            return

    async def _renew(self, token: str) -> None:
        try:
            fresh = self._door.check(self._login.app_id, token, self._login.user_id)
            fresh.admit(self._login.room_id)
        except TokenError as error:
            self._outbox.put_nowait({"event": "error", "code": error.code, "message": str(error)})
            return
        await self._hall.renew(self._id, token, fresh.expire)

    async def _find(self, stream_id: str) -> None:
        """Whether there is such a stream that the room's own news do not tell of: in another room of the
        app, or the user's own. Whether it may be watched, WHEP says."""
        live, here = False, self._login
        if legal(stream_id, MAX_STREAM_ID):
            with contextlib.suppress(ApiError):  # its node is away: not there yet
                stream = await self._hall.find_stream(here.app_id, stream_id)
                told = stream is None or (stream.room_id == here.room_id and stream.user_id != here.user_id)
                live = stream is not None and stream.live and not told
        self._outbox.put_nowait({"event": "found", "streamID": stream_id, "live": live})


class Signaling:
    """The ``/rtc/room`` endpoint."""

    def __init__(
        self, hall: RoomHall, door: Doorkeeper, ice_servers: tuple[IceServer, ...], clock: Clock
    ) -> None:
        self._hall, self._door, self._clock = hall, door, clock
        self._ice_servers = [server.description() for server in ice_servers]
        self._strangers = Strangers()

    def routes(self) -> APIRouter:
        router = APIRouter()
        router.add_api_websocket_route("/rtc/room", self.serve)
        return router

    async def serve(self, socket: WebSocket) -> None:
        await socket.accept()
        with self._strangers.admit(socket.client.host if socket.client is not None else "") as fits:
            login = await self._login(socket) if fits else None
        if not fits:
            await socket.close(TRY_AGAIN_LATER)
        if login is None:
            return
        try:
            member_id = await self._hall.join(login)
        except ApiError as error:  # no node has room, or the one that has the room is away
            await _refuse(socket, LOGIN_TIMED_OUT, error.message)
            return
        try:
            await Participant(socket, self._hall, self._door, self._clock, login, member_id).attend(
                self._ice_servers
            )
        finally:
            # Also when this very call is given up: nobody is to find a member there without a socket.
            await asyncio.shield(self._hall.leave(member_id))
            await _close_quietly(socket)

    async def _login(self, socket: WebSocket) -> Login | None:
        """None when it was refused or did not come; the connection is closed then."""
        try:
            async with timeout(self._clock, LOGIN_TIMEOUT):
                return self._checked(_read(await socket.receive_text()))
        except (LoginRefused, TokenError) as error:
            await _refuse(socket, error.code, str(error))
        except (WebSocketDisconnect, TimeoutError, KeyError, RuntimeError, UnicodeError):
            await _close_quietly(socket)
        return None

    def _checked(self, m: dict[str, Any]) -> Login:
        app_id, room_id = m.get("appID"), m.get("roomID")
        token, user_id = m.get("token"), m.get("userID")
        user_name = m.get("userName", "")
        if m.get("type") != "login" or type(app_id) is not int or not isinstance(token, str):
            raise LoginRefused(PARAMETER_ERROR, "login needs appID and token")
        if not isinstance(room_id, str) or not room_id:
            raise LoginRefused(ROOM_EMPTY, "roomID is empty")
        if has_illegal(room_id):
            raise LoginRefused(ROOM_ILLEGAL, "roomID holds characters it may not")
        if any(isinstance(x, str) and has_illegal(x) for x in (user_id, user_name)):
            raise LoginRefused(PARAMETER_ERROR, "userID and userName may not hold control characters")
        if len(room_id.encode()) > MAX_ROOM_ID:
            raise LoginRefused(ROOM_LONG, "roomID is too long")
        if not isinstance(user_id, str) or not 0 < len(user_id.encode()) <= MAX_USER_ID:
            raise LoginRefused(PARAMETER_ERROR, "userID must be 1 to 64 bytes")
        if not isinstance(user_name, str) or len(user_name.encode()) > MAX_USER_NAME:
            raise LoginRefused(PARAMETER_ERROR, "userName must be at most 256 bytes")
        verified = self._door.check(app_id, token, user_id)
        verified.admit(room_id)
        return Login(app_id, room_id, user_id, user_name, token, verified.expire)


async def _refuse(socket: WebSocket, code: int, text: str) -> None:
    await socket.send_text(json.dumps({"event": "error", "code": code, "message": text}))
    await socket.close(1008)


def _read(text: str) -> dict[str, Any]:
    if len(text) > MAX_MESSAGE:
        return {}
    try:
        message = strict_json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


async def _close_quietly(socket: WebSocket) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):  # it may be closed already
        async with patience(FAREWELL):  # or nobody reads
            await socket.close()
