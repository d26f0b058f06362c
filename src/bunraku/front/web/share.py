"""``/share``: a page with nothing but the person, for screens, OBS and links."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, JSONResponse, Response

from bunraku.front.http import read_json
from bunraku.front.web.console import HEADERS, STATIC
from bunraku.front.web.share_pass import PassRefused, SharePasses

# The person may be framed by the operator's other pages, unlike the console.
PAGE = {
    **HEADERS,
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace("; frame-ancestors 'none'", ""),
}
NO_STORE = {**HEADERS, "Cache-Control": "no-store"}


class SharePage:
    """Routes ``/share*``."""

    def __init__(self, passes: SharePasses) -> None:
        self._passes = passes

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/share", self.page, methods=["GET", "HEAD"])
        router.add_api_route("/share.js", self.script, methods=["GET", "HEAD"])
        router.add_api_route("/share/token", self.token, methods=["POST"])
        return router

    async def page(self) -> Response:
        """What to play is in the fragment, which no server ever sees."""
        return FileResponse(STATIC / "share.html", headers=PAGE)

    async def script(self) -> Response:
        return FileResponse(STATIC / "share.js", headers=PAGE)

    async def token(self, request: Request) -> Response:
        """A viewer's place for a pass: ``{app, room, stream, token, user}``."""
        given = (await read_json(request)).get("pass")
        try:
            return JSONResponse(self._passes.admit(str(given)), headers=NO_STORE)
        except PassRefused as error:
            return JSONResponse({"error": type(error).__doc__}, 403, headers=NO_STORE)
