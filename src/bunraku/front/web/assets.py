"""Avatar images and gesture previews by URL; a node makes and keeps them."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from bunraku.core.errors import ApiError, DigitalHumanNotFound
from bunraku.nodes.base import NodeAway, Nodes

HEADERS = {"Cache-Control": "public, max-age=86400", "Access-Control-Allow-Origin": "*"}
TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4"}


class Assets:
    """``/assets/{digital human}/avatar.jpg``, a larger ``avatar.png``, ``{gesture}.mp4``, ``voices.json``:
    timbres that fit, by language."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Assets"])
        router.add_api_route("/assets/{digital_human_id}/{name}", self.get, methods=["GET", "HEAD"])
        return router

    async def get(self, digital_human_id: str, name: str) -> Response:
        if name == "voices.json":
            return await self._voices(digital_human_id)
        kind = TYPES.get(name[-4:])
        content = None
        try:
            if kind is not None:
                content = await self._content(digital_human_id, name)
        except NodeAway:
            return Response("retry later", 503, {"Retry-After": "1"}, media_type="text/plain")
        except ApiError:
            content = None  # of a digital human that is broken
        if content is None:
            return Response("not found", 404, media_type="text/plain")
        return Response(content, media_type=kind, headers=HEADERS)

    async def _voices(self, digital_human_id: str) -> Response:
        try:
            human = await (await self._nodes.any()).human(digital_human_id)
        except DigitalHumanNotFound:
            return Response("not found", 404, media_type="text/plain")
        return JSONResponse(dict(human.voices), headers={"Access-Control-Allow-Origin": "*"})

    async def _content(self, digital_human_id: str, name: str) -> bytes | None:
        """From whichever node has it: they all have the same. Raises ``NodeAway``."""
        away = NodeAway("no node is there")
        for node in (await self._nodes.any(), *await self._nodes.all()):
            try:
                return await node.asset(digital_human_id, name)
            except NodeAway as error:
                away = error
        raise away
