"""``/outputs/…``: what outputs left with the server, under addresses that are good for a while.

The token is a part of the path, so that a playlist's own relative addresses carry it along.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from bunraku.core.clock import Clock
from bunraku.nodes.base import Node, NodeAway, Nodes

TYPES = {
    ".mp4": "video/mp4",
    ".m4s": "video/iso.segment",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".vtt": "text/vtt; charset=utf-8",
    ".jpg": "image/jpeg",
}
FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
PIECE = 1024 * 1024
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Range",
    "Access-Control-Expose-Headers": "Content-Length, Content-Range",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Accept-Ranges": "bytes",
}


class OutputLinks:
    """Addresses under a key that all fronts share."""

    def __init__(self, clock: Clock, seconds: int) -> None:
        self._clock, self._seconds = clock, seconds
        self._key: bytes | None = None

    def open(self, key: bytes) -> None:
        """Addresses are made and believed from now on. ``key`` is the shared one, 32 random bytes."""
        self._key = hmac.digest(key, b"output files", hashlib.sha256)

    def path(self, node_id: str, app_id: int, task_id: str, output: str, file: str) -> str:
        """Of a file of the output of that name. Call it once the key is known."""
        place = f"{node_id}.{app_id}.{task_id}"
        until = int(self._clock.wall()) + self._seconds
        token = f"{until:x}-{self._signature(place, output, until)}"
        return f"/outputs/{quote(place)}/{token}/{output}/{quote(file)}"

    def good(self, place: str, token: str, output: str) -> bool:
        until, _, given = token.partition("-")
        if self._key is None or not re.fullmatch(r"[0-9a-f]{1,12}", until) or not given.isascii():
            return False
        known = self._signature(place, output, int(until, 16))
        return hmac.compare_digest(known, given) and int(until, 16) >= self._clock.wall()

    def _signature(self, place: str, output: str, until: int) -> str:
        assert self._key is not None, "addresses are made when the server has started"
        return hmac.digest(self._key, f"{place}/{output}/{until}".encode(), hashlib.sha256).hex()[:40]


class OutputFiles:
    """The ``/outputs`` endpoint. Whatever node has a file, any front gives it out."""

    def __init__(self, nodes: Nodes, links: OutputLinks) -> None:
        self._nodes, self._links = nodes, links

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Outputs"])
        path = "/outputs/{place}/{token}/{output}/{file}"
        router.add_api_route(path, self.get, methods=["GET", "HEAD"])
        router.add_api_route(path, self.options, methods=["OPTIONS"], include_in_schema=False)
        return router

    async def options(self) -> Response:
        return Response(status_code=204, headers=HEADERS)

    async def get(self, request: Request, place: str, token: str, output: str, file: str) -> Response:
        if not FILE.fullmatch(file) or not self._links.good(place, token, output):
            return _plain("not found", 404)
        try:
            _, app_id, task_id = place.split(".")
            node = await self._nodes.named(place)
            if node is not None:
                return await self._answer(request, node, (int(app_id), task_id, output, file))
        except NodeAway:
            pass
        return _plain("retry later", 503, {"Retry-After": "5"})

    async def _answer(self, request: Request, node: Node, asked: tuple[int, str, str, str]) -> Response:
        found = await node.output_file(*asked, 0, 0)
        if found is None:
            return _plain("not found", 404)
        total = found[1]
        span = _span(request.headers.get("range", ""), total)
        if span is None:
            return _plain("no such range", 416, {"Content-Range": f"bytes */{total}"})
        first, end, status = span
        suffix = "." + asked[3].rpartition(".")[2]
        headers = {**HEADERS, "Content-Length": str(end - first), "Cache-Control": "private, no-cache"}
        if status == 206:
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{total}"
        kind = TYPES.get(suffix, "application/octet-stream")
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers, media_type=kind)
        return StreamingResponse(_pieces(node, asked, first, end), status, headers, kind)


async def _pieces(node: Node, asked: tuple[int, str, str, str], first: int, end: int) -> AsyncIterator[bytes]:
    while first < end:
        found = await node.output_file(*asked, first, min(PIECE, end - first))
        if found is None or not found[0]:
            return  # gone meanwhile: the client sees that it is short
        first += len(found[0])
        yield found[0]


def _span(asked: str, total: int) -> tuple[int, int, int] | None:
    """First byte, the one after the last, and the status (RFC 9110 section 14.2); None: out of range."""
    match = re.fullmatch(r"bytes=(\d{0,15})-(\d{0,15})", asked.strip())
    if match is None or match[1] == match[2] == "":
        return 0, total, 200
    if match[1] == "":
        first, end = max(0, total - int(match[2])), total
    else:
        first = int(match[1])
        end = min(total, int(match[2]) + 1) if match[2] else total
    return (first, end, 206) if first < end else None


def _plain(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, {**HEADERS, **(headers or {})}, "text/plain")
