"""Avatar images and gesture previews by URL. What a pack does not bring ready-made is rendered on
first use and kept in the data directory."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from bunraku.core.errors import ApiError
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.preview import PREVIEW, portrait
from bunraku.node.film import film

HEADERS = {"Cache-Control": "public, max-age=86400", "Access-Control-Allow-Origin": "*"}


AVATARS = ("avatar.jpg", "avatar.png")


class Assets:
    """``/assets/{digital human}/avatar.jpg``, a larger ``avatar.png``, and ``{gesture}.mp4``."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog, self._folder = catalog, folder
        self._making = asyncio.Lock()  # one at a time: previews must not starve live pictures

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Assets"])
        router.add_api_route("/assets/{digital_human_id}/{name}", self.get, methods=["GET", "HEAD"])
        return router

    async def get(self, digital_human_id: str, name: str) -> Response:
        try:
            pack = self._catalog.get(digital_human_id)
        except ApiError:
            return Response("not found", 404, media_type="text/plain")
        gesture = name.removesuffix(".mp4")
        if name not in AVATARS and (gesture == name or gesture not in pack.gestures):
            return Response("not found", 404, media_type="text/plain")
        if name == "avatar.jpg" and pack.portrait is not None:
            return FileResponse(pack.portrait, headers=HEADERS)
        path = self._folder / pack.id / pack.version / name
        async with self._making:
            if not path.is_file():
                if name in AVATARS:
                    await asyncio.to_thread(portrait, pack, path)
                else:
                    await film(pack, PREVIEW, [], path, gesture=gesture)
        return FileResponse(path, headers=HEADERS)
