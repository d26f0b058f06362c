"""Watching by WHEP: one POST with an SDP offer, one answer, a resource to DELETE."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from bunraku.core.identifiers import MAX_STREAM_ID, legal
from bunraku.core.settings_rtc import IceServer
from bunraku.core.token import TokenError
from bunraku.front.edge.login import Doorkeeper
from bunraku.front.edge.resource import Resources, address, bearer, read_offer, require_sdp
from bunraku.nodes.rooms import Refused, RoomHall, WatchRequest


class Whep:
    """The ``/whep`` endpoints."""

    def __init__(self, hall: RoomHall, door: Doorkeeper, ice_servers: tuple[IceServer, ...]) -> None:
        self._hall, self._door = hall, door
        self._resources = Resources("/whep", ice_servers)

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Watching"])
        router.add_api_route("/whep/{app_id}/{stream_id}", self.watch, methods=["POST"])
        router.add_api_route("/whep/session/{session_id}", self.leave, methods=["DELETE"])
        router.add_api_route("/whep/session/{session_id}", self.patch, methods=["PATCH"])
        for path in ("/whep/{app_id}/{stream_id}", "/whep/session/{session_id}"):
            options = self._resources.options
            router.add_api_route(path, options, methods=["OPTIONS"], include_in_schema=False)
        return router

    async def watch(self, request: Request, app_id: int, stream_id: str, draw: int = 0) -> Response:
        """``draw``: the version of docs/drawing.md that the watcher would draw the figure by."""
        try:
            asked = await self._admitted(request, app_id, stream_id, draw)
            return self._resources.created(await self._hall.watch(asked))
        except Refused as refused:
            return self._resources.refuse(refused)

    async def _admitted(self, request: Request, app_id: int, stream_id: str, draw: int) -> WatchRequest:
        named = legal(stream_id, MAX_STREAM_ID)
        stream = await self._hall.find_stream(app_id, stream_id) if named else None
        # A stream that is not there, or not yet again, is in no room: its players go on asking.
        room_id = None if stream is None else stream.room_id
        try:
            token = await self._door.check_guest(app_id, bearer(request), self._hall, room_id)
            if room_id is not None:
                token.admit(room_id)
        except TokenError as error:
            raise Refused(401, f"{error.code} {error}") from None
        require_sdp(request)
        if stream is None or not stream.live:
            raise Refused(404, "no such stream")
        offer = await read_offer(request)
        room, user = stream.room_id, token.user_id
        return WatchRequest(app_id, room, stream_id, user, address(request), offer, draw)

    async def leave(self, session_id: str) -> Response:
        """The unguessable session id is the permission."""
        return self._resources.deleted(await self._hall.unwatch(session_id))

    async def patch(self) -> Response:
        return self._resources.refuse(Refused(405, "neither trickle nor renegotiation is supported"))
