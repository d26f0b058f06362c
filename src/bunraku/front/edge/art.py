"""``/art/{app}/{name}``: what a digital human is drawn from, for players that draw (docs/drawing.md).

The name is that of the content, which therefore never changes. A room token of the app lets in.
"""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from bunraku.core.errors import ApiError
from bunraku.core.token import TokenError
from bunraku.front.edge.login import Doorkeeper
from bunraku.front.edge.resource import bearer
from bunraku.nodes.base import NodeAway, Nodes

NAME = re.compile(r"[0-9a-f]{32}")
YEAR = 365 * 86400
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization",
    "Access-Control-Max-Age": "86400",
    "X-Content-Type-Options": "nosniff",
}
FOREVER = {"Cache-Control": f"private, max-age={YEAR}, immutable"}


class ArtFiles:
    """The ``/art`` endpoint."""

    def __init__(self, nodes: Nodes, door: Doorkeeper) -> None:
        self._nodes, self._door = nodes, door

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Watching"])
        path = "/art/{app_id}/{name}"
        router.add_api_route(path, self.get, methods=["GET", "HEAD"])
        router.add_api_route(path, self.options, methods=["OPTIONS"], include_in_schema=False)
        return router

    async def options(self) -> Response:
        return Response(status_code=204, headers=CORS)

    async def get(self, request: Request, app_id: int, name: str) -> Response:
        try:
            await self._door.check_guest(app_id, bearer(request), self._nodes.rooms, None)
        except TokenError as error:
            return _plain(f"{error.code} {error}", 401)
        try:
            found = await self._found(app_id, name) if NAME.fullmatch(name) else None
        except NodeAway:
            return _plain("retry later", 503, {"Retry-After": "1"})
        except ApiError:
            found = None  # of a digital human that is broken
        if found is None:
            return _plain("not found", 404)
        return Response(found, media_type="application/octet-stream", headers={**CORS, **FOREVER})

    async def _found(self, app_id: int, name: str) -> bytes | None:
        """From whichever node has it. Raises ``NodeAway``."""
        away: NodeAway | None = None
        for node in (await self._nodes.any(), *await self._nodes.all()):
            try:
                found = await node.art(app_id, name)
            except NodeAway as error:
                away = error
            else:
                if found is not None:
                    return found
        if away is not None:
            raise away
        return None


def _plain(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, {**CORS, **(headers or {})}, "text/plain")
