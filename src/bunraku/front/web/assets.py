"""Avatar images and gesture previews by URL; a node makes and keeps them."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from bunraku.core.errors import ApiError, SystemBusy
from bunraku.nodes.base import Nodes

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
        content = None
        try:
            if kind is not None:
                content = await (await self._nodes.any()).asset(digital_human_id, name)
        except SystemBusy:
            return Response("busy", 503, media_type="text/plain", headers={"Retry-After": "1"})
        except ApiError:
            content = None  # of a digital human that is broken
        if content is None:
            return Response("not found", 404, media_type="text/plain")
        return Response(content, media_type=kind, headers=HEADERS)
