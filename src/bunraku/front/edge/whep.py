"""Watching by WHEP: one POST with an SDP offer, one answer, a resource to DELETE.

draft-ietf-wish-whep, with a token04 as the bearer token (RFC 6750). Candidates travel in the
answer; trickle and renegotiation are refused, as the draft allows.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from fastapi import APIRouter, Request
from starlette.responses import Response

from bunraku.core.errors import BodyUnreadable
from bunraku.core.settings import IceServer
from bunraku.core.token import TokenError
from bunraku.front.edge.login import Doorkeeper
from bunraku.front.http import read_body
from bunraku.node.rooms.room import Rooms, Stream
from bunraku.node.rtc.base import OfferRefused, Transport, WatchSession

log = logging.getLogger(__name__)

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Expose-Headers": "Location, Link",
    "Access-Control-Max-Age": "86400",
}


def refuse(status: int, reason: str) -> Response:
    return Response(reason, status, media_type="text/plain", headers=CORS)


def bearer(request: Request) -> str:
    """The token of an Authorization header; empty when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _quoted(text: str) -> str:
    """A quoted-string of RFC 9110 section 5.6.4."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def link_header(ice_servers: tuple[IceServer, ...]) -> dict[str, str]:
    """ICE servers as WHEP and WHIP send them (RFC 9725 section 4.6)."""
    if not ice_servers:
        return {}
    links: list[str] = []
    for server in ice_servers:
        link = f'<{server.url}>; rel="ice-server"'
        if server.username is not None and server.credential is not None:
            link += f"; username={_quoted(server.username)}; credential={_quoted(server.credential)}"
            link += '; credential-type="password"'
        links.append(link)
    return {"Link": ", ".join(links)}


class Whep:
    """The ``/whep`` endpoints."""

    def __init__(
        self,
        rooms: Rooms,
        door: Doorkeeper,
        transport: Transport,
        ice_servers: tuple[IceServer, ...],
        max_watchers: int,
    ) -> None:
        self._rooms, self._door, self._transport = rooms, door, transport
        self._headers = {**CORS, **link_header(ice_servers)}
        self._max_watchers = max_watchers
        self._sessions: dict[str, WatchSession] = {}
        self._opening: Counter[Stream] = Counter()

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Watching"])
        router.add_api_route("/whep/{app_id}/{stream_id}", self.watch, methods=["POST"])
        router.add_api_route("/whep/session/{session_id}", self.leave, methods=["DELETE"])
        router.add_api_route("/whep/session/{session_id}", self.patch, methods=["PATCH"])
        for path in ("/whep/{app_id}/{stream_id}", "/whep/session/{session_id}"):
            router.add_api_route(path, self.options, methods=["OPTIONS"], include_in_schema=False)
        return router

    async def options(self) -> Response:
        return Response(status_code=204, headers={**self._headers, "Accept-Post": "application/sdp"})

    def _admit(self, request: Request, app_id: int, stream_id: str) -> Stream | None:
        stream = self._rooms.stream(app_id, stream_id)
        # A stream that is not there, or not yet again, is in no room: its players go on asking.
        room_id = None if stream is None else stream.room_id
        token = self._door.check_guest(app_id, bearer(request), self._rooms, room_id)
        if stream is not None:
            token.admit(stream.room_id)
        return stream

    async def watch(self, request: Request, app_id: int, stream_id: str) -> Response:
        try:
            stream = self._admit(request, app_id, stream_id)
        except TokenError as error:
            return refuse(401, f"{error.code} {error}")
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/sdp":
            return refuse(415, "send application/sdp")
        if stream is None or not stream.live:
            return refuse(404, "no such stream")
        try:
            offer = (await read_body(request)).decode("utf-8")
        except (BodyUnreadable, UnicodeDecodeError):
            return refuse(400, "offer unreadable")
        if self._full(stream):
            return refuse(503, "stream has its maximum of watchers")
        self._opening[stream] += 1
        try:
            session = await self._transport.watch(stream, offer)
        except OfferRefused as error:
            return refuse(400, str(error))
        finally:
            self._opening[stream] -= 1
            self._opening += Counter()  # forgets who has none
        if not stream.live:
            await session.close()
            return refuse(404, "no such stream")
        self._sessions[session.id] = session
        headers = {**self._headers, "Location": f"/whep/session/{session.id}"}
        return Response(session.answer, 201, media_type="application/sdp", headers=headers)

    def _full(self, stream: Stream) -> bool:
        """Sessions that are still connecting count too, or they could all connect at once."""
        self._sessions = {k: s for k, s in self._sessions.items() if not s.closed}
        sessions = sum(s.stream is stream for s in self._sessions.values())
        return sessions + self._opening[stream] >= self._max_watchers

    async def leave(self, session_id: str) -> Response:
        """The unguessable session id is the permission."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return refuse(404, "no such session")
        await asyncio.shield(session.close())
        return Response(status_code=200, headers=CORS)

    async def patch(self) -> Response:
        return refuse(405, "neither trickle nor renegotiation is supported")
