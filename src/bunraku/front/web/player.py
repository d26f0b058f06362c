"""``/player/…``: the drop-in player module for pages anywhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

PLAYER = Path(__file__).parent / "player"
TYPES = {
    ".js": "text/javascript",
    ".cjs": "text/javascript",
    ".ts": "text/plain",
    ".json": "application/json",
}
# Scripts may be loaded by any page: that is what they are for. They hold nothing private.
OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class Player:
    """Serves the npm folder as it is."""

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/player/{path:path}", self.file, methods=["GET", "HEAD"])
        return router

    async def file(self, path: str) -> Response:
        try:
            root = PLAYER.resolve()
            found = (root / path).resolve()
        except ValueError:
            return Response("not found", 404, media_type="text/plain")
        if not found.is_relative_to(root) or found.suffix not in TYPES or not found.is_file():
            return Response("not found", 404, media_type="text/plain")
        return FileResponse(found, media_type=TYPES[found.suffix], headers=OPEN)
