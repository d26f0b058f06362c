"""``/people/…``: pictures of apps' own digital humans, under addresses that are good for a day.

Only the app is given them. The token is a part of the path.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from fastapi import APIRouter
from starlette.responses import Response

from bunraku.core.clock import Clock
from bunraku.core.errors import ApiError
from bunraku.nodes.base import NodeAway, Nodes

HOUR = 3600
GOOD_FOR = 26  # hours: contract section 5.1 wants 24, and an address is the same for an hour
TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4"}
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
KEPT = {**HEADERS, "Cache-Control": f"private, max-age={HOUR}"}


class PeopleLinks:
    """Addresses under a key that all fronts share."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key: bytes | None = None

    def open(self, key: bytes) -> None:
        """Addresses are made and believed from now on. ``key`` is the shared one, 32 random bytes."""
        self._key = hmac.digest(key, b"pictures of people", hashlib.sha256)

    def root(self, app_id: int, human_id: str) -> str:
        """Of all pictures of one. Call it once the key is known."""
        until = int(self._clock.wall()) // HOUR + GOOD_FOR
        return f"/people/{app_id}/{human_id}/{until:x}-{self._signature(app_id, human_id, until)}"

    def good(self, app_id: int, human_id: str, token: str) -> bool:
        until, _, given = token.partition("-")
        if self._key is None or not re.fullmatch(r"[0-9a-f]{1,12}", until) or not given.isascii():
            return False
        known = self._signature(app_id, human_id, int(until, 16))
        return hmac.compare_digest(known, given) and int(until, 16) * HOUR >= self._clock.wall()

    def _signature(self, app_id: int, human_id: str, until: int) -> str:
        assert self._key is not None, "addresses are made when the server has started"
        return hmac.digest(self._key, f"{app_id}/{human_id}/{until}".encode(), hashlib.sha256).hex()[:40]


class PeoplePictures:
    """The ``/people`` endpoint, with the names that ``node.assets`` knows."""

    def __init__(self, nodes: Nodes, links: PeopleLinks) -> None:
        self._nodes, self._links = nodes, links

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["Assets"])
        path = "/people/{app_id}/{human_id}/{token}/{name}"
        router.add_api_route(path, self.get, methods=["GET", "HEAD"])
        return router

    async def get(self, app_id: str, human_id: str, token: str, name: str) -> Response:
        kind = TYPES.get(name[-4:])
        if kind is None or not re.fullmatch(r"[1-9][0-9]{0,9}", app_id):
            return _plain("not found", 404)
        if not self._links.good(int(app_id), human_id, token):
            return _plain("not found", 404)
        try:
            content = await (await self._nodes.any()).own_asset(int(app_id), human_id, name)
        except NodeAway:
            return _plain("retry later", 503)
        except ApiError:
            content = None  # not there any more, or not yet
        return _plain("not found", 404) if content is None else Response(content, 200, KEPT, kind)


def _plain(text: str, status: int) -> Response:
    return Response(text, status, {**HEADERS, "Cache-Control": "no-store"}, "text/plain")
