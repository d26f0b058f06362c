"""Avatar images and gesture previews by URL, made on first use and kept in the data directory."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, JSONResponse, Response

from bunraku.core.errors import ApiError
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.preview import PREVIEW, avatar_png
from bunraku.node.film import film

HEADERS = {"Cache-Control": "public, max-age=86400", "Access-Control-Allow-Origin": "*"}


class Assets:
    """``/assets/{digital human}/avatar.png``, ``…/{gesture}.mp4`` and ``…/voices.json``: timbres that
    fit, by language."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog, self._folder = catalog, folder
        self._making = asyncio.Lock()  # one at a time: previews must not starve live pictures

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Assets"])
        router.add_api_route("/assets/{digital_human_id}/{name}", self.get, methods=["GET"])
        return router

    async def get(self, digital_human_id: str, name: str) -> Response:
        try:
            pack = self._catalog.get(digital_human_id)
        except ApiError:
            return Response("not found", 404, media_type="text/plain")
        if name == "voices.json":
            return JSONResponse(pack.voices, headers={"Access-Control-Allow-Origin": "*"})
        gesture = name.removesuffix(".mp4")
        if name != "avatar.png" and (gesture == name or gesture not in pack.gestures):
            return Response("not found", 404, media_type="text/plain")
        path = self._folder / pack.id / pack.version / name
        async with self._making:
            if not path.is_file():
                if name == "avatar.png":
                    await asyncio.to_thread(avatar_png, pack, path)
                else:
                    await film(pack, PREVIEW, [], path, gesture=gesture)
        return FileResponse(path, headers=HEADERS)
