"""Publishing by WHIP (RFC 9725): somebody's microphone becomes a stream of a room.

A digital human can repeat such a stream live (DriveByRTCStream). Only sound is taken in; the
token04 in the Authorization header must allow publishing. The stream ends with its peer.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from bunraku.core.identifiers import MAX_ROOM_ID, MAX_STREAM_ID, legal
from bunraku.core.settings_rtc import IceServer
from bunraku.core.token import TokenError
from bunraku.front.edge.login import Doorkeeper
from bunraku.front.edge.resource import Resources, address, bearer, read_offer, require_sdp
from bunraku.nodes.rooms import PublishRequest, Refused, RoomHall


class Whip:
    """The ``/whip`` endpoints."""

    def __init__(self, hall: RoomHall, door: Doorkeeper, ice_servers: tuple[IceServer, ...]) -> None:
        self._hall, self._door = hall, door
        self._resources = Resources("/whip", ice_servers)

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Publishing"])
        router.add_api_route("/whip/{app_id}/{room_id}/{stream_id}", self.publish, methods=["POST"])
        # The room as a parameter, because its name may hold a slash.
        router.add_api_route("/whip/{app_id:int}/{stream_id}", self.publish, methods=["POST"])
        router.add_api_route("/whip/session/{session_id}", self.leave, methods=["DELETE"])
        names = ("{app_id}/{room_id}/{stream_id}", "{app_id:int}/{stream_id}", "session/{session_id}")
        for path in (f"/whip/{name}" for name in names):
            options = self._resources.options
            router.add_api_route(path, options, methods=["OPTIONS"], include_in_schema=False)
        return router

    async def publish(self, request: Request, app_id: int, room_id: str, stream_id: str) -> Response:
        try:
            asked = await self._admitted(request, app_id, room_id, stream_id)
            return self._resources.created(await self._hall.publish(asked))
        except Refused as refused:
            return self._resources.refuse(refused)

    async def _admitted(self, request: Request, app_id: int, room_id: str, stream_id: str) -> PublishRequest:
        try:
            token = await self._door.check_guest(app_id, bearer(request), self._hall, room_id)
            token.admit_publishing(room_id, stream_id)
        except TokenError as error:
            raise Refused(401, f"{error.code} {error}") from None
        if not legal(room_id, MAX_ROOM_ID) or not legal(stream_id, MAX_STREAM_ID):
            raise Refused(400, "room and stream are 1 to 128 bytes without control characters")
        require_sdp(request)
        # Read before the name is taken: a slow sender keeps it from nobody.
        offer = await read_offer(request)
        return PublishRequest(app_id, room_id, stream_id, token.user_id, address(request), offer)

    async def leave(self, session_id: str) -> Response:
        """The unguessable session id is the permission."""
        return self._resources.deleted(await self._hall.unpublish(session_id))
