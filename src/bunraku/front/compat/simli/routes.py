"""``/compose/token``, ``/compose/ice`` and ``/compose/webrtc/p2p``."""

from __future__ import annotations

import hmac
from typing import Any

from fastapi import APIRouter, Request, WebSocket
from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

from bunraku.core.apps import App, Apps
from bunraku.core.clock import Clock
from bunraku.core.errors import DigitalHumanNotFound
from bunraku.core.settings_compat import SimliSettings
from bunraku.core.settings_rtc import IceServer
from bunraku.core.vocabulary import EMOTIONS
from bunraku.front.compat.simli.session import SimliSession
from bunraku.front.compat.simli.ticket import SessionWish, seal, unseal
from bunraku.front.http import read_json
from bunraku.nodes.base import Nodes


class Simli:
    """The endpoint; not installed while no key is configured."""

    def __init__(
        self,
        settings: SimliSettings,
        apps: Apps,
        nodes: Nodes,
        clock: Clock,
        ice_servers: tuple[IceServer, ...],
    ) -> None:
        self._keys, self._apps, self._nodes, self._clock = settings.keys, apps, nodes, clock
        self._ice = [server.description() for server in ice_servers]

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/compose/token", self.token, methods=["POST"])
        router.add_api_route("/compose/ice", self.ice, methods=["GET"])
        router.add_api_websocket_route("/compose/webrtc/p2p", self.session)
        return router

    def _app(self, request: Request) -> App | None:
        """Whose key it is. All are compared, so that the time taken tells nothing."""
        given = request.headers.get("x-simli-api-key", "").encode("utf-8", "replace")
        owners = [k.app_id for k in self._keys if hmac.compare_digest(k.key.encode(), given)]
        app = self._apps.get(owners[0]) if owners else None
        return app if app is not None and app.enabled else None

    async def token(self, request: Request) -> Response:
        app = self._app(request)
        if app is None:
            return _refused("INVALID_API_KEY", 401)
        try:
            asked = SessionWish.model_validate(_said(await read_json(request)))
            await (await self._nodes.any()).human(asked.digital_human)
        except ValidationError as error:
            return _refused(f"{error.errors()[0]['loc'][0]} is not valid", 422)
        except DigitalHumanNotFound:
            return _refused("INVALID_FACE_ID", 400)
        if asked.emotion is not None and asked.emotion not in EMOTIONS:
            return _refused("INVALID_EMOTION", 400)
        return JSONResponse({"session_token": seal(app, asked, self._clock.wall())})

    async def ice(self, request: Request) -> Response:
        if self._app(request) is None:
            return _refused("INVALID_API_KEY", 401)
        return JSONResponse(self._ice)

    async def session(self, socket: WebSocket) -> None:
        opened = unseal(self._apps, socket.query_params.get("session_token", ""), self._clock.wall())
        if opened is None:
            await socket.send_denial_response(Response("invalid session token", 401, media_type="text/plain"))
            return
        app, asked = opened
        await SimliSession(socket, self._nodes, self._clock, app, asked).run()


def _said(body: dict[str, Any]) -> dict[str, Any]:
    """null is not said."""
    return {key: value for key, value in body.items() if value is not None}


def _refused(detail: str, status: int) -> Response:
    """Older clients read both keys of every refusal."""
    return JSONResponse({"detail": detail, "session_token": ""}, status)
