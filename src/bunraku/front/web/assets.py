"""Avatar images and gesture previews by URL; a node makes and keeps them."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from bunraku.nodes.base import Nodes

HEADERS = {"Cache-Control": "public, max-age=86400", "Access-Control-Allow-Origin": "*"}
TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4"}


class Assets:
    """``/assets/{digital human}/avatar.jpg``, a larger ``avatar.png``, and ``{gesture}.mp4``."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Assets"])
        router.add_api_route("/assets/{digital_human_id}/{name}", self.get, methods=["GET", "HEAD"])
        return router

    async def get(self, digital_human_id: str, name: str) -> Response:
        kind = TYPES.get(name[-4:])
        content = None
        if kind is not None:
            content = await (await self._nodes.any()).asset(digital_human_id, name)
        if content is None:
            return Response("not found", 404, media_type="text/plain")
        return Response(content, media_type=kind, headers=HEADERS)
