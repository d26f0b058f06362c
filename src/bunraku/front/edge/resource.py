"""What WHEP and WHIP have in common: an offer is posted, a resource comes of it, DELETE ends it.

draft-ietf-wish-whep and RFC 9725, with a token04 as the bearer token (RFC 6750). Candidates travel
in the answer; trickle and renegotiation are refused, as both allow.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from bunraku.core.errors import BodyUnreadable
from bunraku.core.settings_rtc import IceServer
from bunraku.front.http import read_body
from bunraku.nodes.rooms import Refused, Session

SDP = "application/sdp"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Expose-Headers": "Location, Link",
    "Access-Control-Max-Age": "86400",
}


def bearer(request: Request) -> str:
    """The token of an Authorization header; empty when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def address(request: Request) -> str:
    """The client's, or its proxy's."""
    return request.client.host if request.client is not None else ""


def require_sdp(request: Request) -> None:
    """Raises ``Refused``."""
    if request.headers.get("content-type", "").split(";")[0].strip() != SDP:
        raise Refused(415, "send application/sdp")


async def read_offer(request: Request) -> str:
    """Raises ``Refused``."""
    try:
        return (await read_body(request)).decode("utf-8")
    except (BodyUnreadable, UnicodeDecodeError):
        raise Refused(400, "offer unreadable") from None


class Resources:
    """The answers of one such protocol, under ``path``."""

    def __init__(self, path: str, ice_servers: tuple[IceServer, ...]) -> None:
        self._path = path
        self._headers = {**CORS, **_link(ice_servers)}

    def refuse(self, refused: Refused) -> Response:
        return Response(refused.reason, refused.status, media_type="text/plain", headers=CORS)

    def created(self, session: Session) -> Response:
        headers = {**self._headers, "Location": f"{self._path}/session/{session.id}"}
        return Response(session.answer, 201, media_type=SDP, headers=headers)

    def deleted(self, known: bool) -> Response:
        if not known:
            return self.refuse(Refused(404, "no such session"))
        return Response(status_code=200, headers=CORS)

    async def options(self) -> Response:
        return Response(status_code=204, headers={**self._headers, "Accept-Post": SDP})


def _quoted(text: str) -> str:
    """A quoted-string of RFC 9110 section 5.6.4."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _link(ice_servers: tuple[IceServer, ...]) -> dict[str, str]:
    """ICE servers as WHEP and WHIP send them (RFC 9725 section 4.6)."""
    if not ice_servers:
        return {}
    links: list[str] = []
    for server in ice_servers:
        link = f'<{server.url}>; rel="ice-server"'
        if server.username is not None and server.credential is not None:
            link += f"; username={_quoted(server.username)}; credential={_quoted(server.credential)}"
            link += '; credential-type="password"'
        links.append(link)
    return {"Link": ", ".join(links)}
