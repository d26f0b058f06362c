"""Avatar images and gesture previews by URL; a node makes and keeps them."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from bunraku.nodes.base import NodeAway, Nodes

HEADERS = {"Cache-Control": "public, max-age=86400", "Access-Control-Allow-Origin": "*"}
TYPES = {".png": "image/png", ".mp4": "video/mp4"}


class Assets:
    """``/assets/{digital human}/avatar.png`` and ``/assets/{digital human}/{gesture}.mp4``."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Assets"])
        router.add_api_route("/assets/{digital_human_id}/{name}", self.get, methods=["GET", "HEAD"])
        return router

    async def get(self, digital_human_id: str, name: str) -> Response:
        kind = TYPES.get(name[-4:])
        try:
            content = None if kind is None else await self._content(digital_human_id, name)
        except NodeAway:
            return Response("retry later", 503, {"Retry-After": "1"}, media_type="text/plain")
        if content is None:
            return Response("not found", 404, media_type="text/plain")
        return Response(content, media_type=kind, headers=HEADERS)

    async def _content(self, digital_human_id: str, name: str) -> bytes | None:
        """From whichever node has it: they all have the same. Raises ``NodeAway``."""
        away = NodeAway("no node is there")
        for node in (await self._nodes.any(), *await self._nodes.all()):
            try:
                return await node.asset(digital_human_id, name)
            except NodeAway as error:
                away = error
        raise away
