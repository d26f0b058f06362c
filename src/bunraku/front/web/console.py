"""The operator's console: pages, and calls that the server signs so that no secret leaves it.

Access (decision D12): on loopback without a password, elsewhere only with one. Host and Origin
are checked always, which stops DNS rebinding and cross-site requests.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import FileResponse, JSONResponse, Response

from bunraku.core import token as room_token
from bunraku.core.apps import Apps
from bunraku.core.clock import Clock
from bunraku.core.settings import ConsoleSettings
from bunraku.front.http import is_forwarded, is_loopback, read_json
from bunraku.front.rpc.actions import ACTIONS
from bunraku.front.rpc.envelope import respond
from bunraku.front.rpc.openapi import document
from bunraku.front.rpc.server import Dispatcher
from bunraku.front.web.app_desk import describe
from bunraku.front.web.audit import admitted, say
from bunraku.front.web.sessions import SECONDS, ConsoleSessions
from bunraku.store.audit import AuditLog

STATIC = Path(__file__).parent / "static"
COOKIE = "bunraku_session"
USER_ID = "console"
GUESS = 1.0  # s a wrong password costs
CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types markup; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Console:
    """Routes ``/``, ``/console/*``."""

    def __init__(
        self,
        settings: ConsoleSettings,
        apps: Apps,
        dispatcher: Dispatcher,
        clock: Clock,
        sessions: ConsoleSessions,
        audit: AuditLog,
        *,
        private: bool,
    ) -> None:
        """``private``: nobody but this machine can reach the server. Without that there is no
        console without a password, for behind a proxy every client looks local."""
        self._private, self._audit = private, audit
        self._guess = asyncio.Semaphore(1)
        self._settings, self._apps, self._dispatcher, self._clock = settings, apps, dispatcher, clock
        self._sessions, self.base_url = sessions, dispatcher.base_url
        self._table = {a.name: a for a in ACTIONS}

    def install(self, app: FastAPI) -> None:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/", self.page, methods=["GET"])
        router.add_api_route("/favicon.ico", self.icon, methods=["GET", "HEAD"])
        router.add_api_route("/console/static/{path:path}", self.static, methods=["GET", "HEAD"])
        router.add_api_route("/console/api", self.api_page, methods=["GET", "HEAD"])
        router.add_api_route("/console/openapi.json", self.openapi, methods=["GET"])
        router.add_api_route("/console/session", self.session, methods=["GET"])
        router.add_api_route("/console/login", self.login, methods=["POST"])
        router.add_api_route("/console/state", self.state, methods=["GET"])
        router.add_api_route("/console/call/{action}", self.call, methods=["POST"])
        router.add_api_route("/console/audit", self.audited, methods=["GET"])
        router.add_api_route("/console/token", self.token, methods=["POST"])
        app.include_router(router)

    # --- access

    def _host_known(self, request: Request) -> bool:
        try:
            host = urlsplit("//" + request.headers.get("host", "")).hostname or ""
        except ValueError:
            return False
        return is_loopback(host) or host in self._settings.hosts

    def _same_origin(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        if origin is None:
            # Browsers send Origin with every POST; a page of another site cannot leave it out.
            return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
        try:
            return urlsplit(origin).netloc == request.headers.get("host")
        except ValueError:
            return False

    def _logged_in(self, request: Request) -> bool:
        if self._settings.password is None:
            client = request.client.host if request.client else ""
            return self._private and is_loopback(client) and not is_forwarded(request)
        return self._sessions.good(request.cookies.get(COOKIE, ""))

    def refusal(self, request: Request) -> Response | None:
        if not self._host_known(request) or not self._same_origin(request):
            return JSONResponse({"error": "host or origin not allowed"}, 403, headers=HEADERS)
        if not self._logged_in(request):
            needs = "password" if self._settings.password else "operator password not configured"
            return JSONResponse({"error": "login required", "needs": needs}, 401, headers=HEADERS)
        admitted(request.scope)
        return None

    async def session(self, request: Request) -> Response:
        """Whether the browser is let in: a page asks this first, for browsers log a 401 as an error."""
        if not self._host_known(request) or not self._same_origin(request):
            return JSONResponse({"error": "host or origin not allowed"}, 403, headers=HEADERS)
        return JSONResponse({"loggedIn": self._logged_in(request)}, headers=HEADERS)

    async def login(self, request: Request) -> Response:
        if not self._host_known(request) or not self._same_origin(request):
            return JSONResponse({"error": "host or origin not allowed"}, 403, headers=HEADERS)
        given = (await read_json(request)).get("password")
        expected = self._settings.password
        if expected is None or not isinstance(given, str):
            return JSONResponse({"error": "login refused"}, 401, headers=HEADERS)
        if not hmac.compare_digest(_bytes(given), _bytes(expected)):
            async with self._guess:
                await self._clock.sleep_until(
                    self._clock.monotonic() + GUESS
                )  # guessing is slow, also in parallel
            return JSONResponse({"error": "login refused"}, 401, headers=HEADERS)
        admitted(request.scope)
        response = JSONResponse({"ok": True}, headers=HEADERS)
        response.set_cookie(
            COOKIE, self._sessions.begin(), max_age=SECONDS, httponly=True, samesite="strict",
            secure=self.base_url(request).startswith("https:"),
        )  # fmt: skip
        return response

    # --- pages

    async def page(self, request: Request) -> Response:
        if not self._host_known(request):
            return Response("host not allowed", 403, media_type="text/plain", headers=HEADERS)
        return FileResponse(STATIC / "index.html", headers=HEADERS)

    async def api_page(self, request: Request) -> Response:
        if not self._host_known(request):
            return Response("host not allowed", 403, media_type="text/plain", headers=HEADERS)
        return FileResponse(STATIC / "api.html", headers=HEADERS)

    async def icon(self) -> Response:
        """Browsers ask for it by this name whatever a page says."""
        return FileResponse(STATIC / "icon.svg", headers=HEADERS)

    async def openapi(self) -> Response:
        return JSONResponse(document(), headers=HEADERS)

    async def static(self, path: str) -> Response:
        try:
            file = (STATIC / path).resolve()
        except ValueError:
            file = STATIC
        if not file.is_relative_to(STATIC.resolve()) or not file.is_file():
            return Response("not found", 404, media_type="text/plain", headers=HEADERS)
        return FileResponse(file, headers=HEADERS)

    # --- calls

    async def state(self, request: Request) -> Response:
        """Apps an operator may act for."""
        refusal = self.refusal(request)
        if refusal is not None:
            return refusal
        now = self._clock.wall()
        apps = [describe(a, now) for a in self._apps.list()]
        return JSONResponse({"apps": apps}, headers=HEADERS)

    async def call(self, request: Request, action: str) -> Response:
        """Run an action for an app, as if its server had called."""
        refusal = self.refusal(request)
        if refusal is not None:
            return refusal
        row = self._table.get(action)
        body = await read_json(request)
        app = self._apps.get(body["appId"]) if isinstance(body.get("appId"), int) else None
        if row is None:
            return JSONResponse({"error": "no such action"}, 404, headers=HEADERS)
        values = body.get("params")
        values = values if isinstance(values, dict) else {}
        envelope = await self._dispatcher.act(row, app, values, request)
        made = envelope.get("Data") or {}
        task = made.get("TaskId") or values.get("TaskId")
        if action.endswith("DigitalHuman"):
            task = made.get("DigitalHumanId") or values.get("DigitalHumanId")
        known = isinstance(task, str) and envelope["Code"] == 0
        say(request.scope, app=app and app.id, target=task if known else "", result=envelope["Code"])
        return respond(envelope)

    async def audited(self, request: Request) -> Response:
        """The newest rows of the audit log. ``before`` a row's id: those before it; ``app``: of that one
        alone; ``action``: a part of its name."""
        refusal = self.refusal(request)
        if refusal is not None:
            return refusal
        asked = request.query_params
        rows = await self._audit.last(
            100,
            _number(asked.get("before")),
            app=_number(asked.get("app")),
            action=asked.get("action", "")[:64],
        )
        return JSONResponse({"audit": rows}, headers=HEADERS)

    async def token(self, request: Request) -> Response:
        """A room token for the console's own player."""
        refusal = self.refusal(request)
        if refusal is not None:
            return refusal
        body = await read_json(request)
        app = self._apps.get(body["appId"]) if isinstance(body.get("appId"), int) else None
        if app is None:
            return JSONResponse({"error": "no such app"}, 404, headers=HEADERS)
        say(request.scope, app=app.id)
        user = f"{USER_ID}-{secrets.token_hex(4)}"
        token = room_token.generate(app.id, user, app.server_secret, self._clock.wall(), 6 * 3600)
        return JSONResponse({"token": token, "userId": user}, headers=HEADERS)


def _number(text: str | None) -> int | None:
    """None for what is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


def _bytes(text: str) -> bytes:
    """JSON can hold halves of characters."""
    return text.encode("utf-8", "surrogatepass")
