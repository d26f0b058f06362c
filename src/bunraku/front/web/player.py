"""``/player/…``: the drop-in player module for pages anywhere, and the share page ``/share``."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from bunraku.front.web.console import HEADERS, STATIC

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
# The person may be framed by the operator's other pages, unlike the console.
SHARE = {
    **HEADERS,
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace("; frame-ancestors 'none'", ""),
}


class Player:
    """Serves the npm folder as it is."""

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/player/{path:path}", self.file, methods=["GET", "HEAD"])
        router.add_api_route("/share", self.share, methods=["GET", "HEAD"])
        router.add_api_route("/share.js", self.script, methods=["GET", "HEAD"])
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

    async def share(self) -> Response:
        """Nothing but the person. What to play is in the fragment, which no server ever sees."""
        return FileResponse(STATIC / "share.html", headers=SHARE)

    async def script(self) -> Response:
        return FileResponse(STATIC / "share.js", headers=SHARE)
