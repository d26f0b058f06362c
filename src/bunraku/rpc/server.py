"""The RPC over HTTP: ``/?Action=X`` mapped onto one typed route per action (design D8)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bunraku.errors import ApiError, InvalidParams
from bunraku.http import read_body
from bunraku.rpc.actions import ACTION_NAMES, ACTIONS, Action, Actions, Caller
from bunraku.rpc.envelope import failure, respond, success
from bunraku.rpc.gate import Credentials, Gate
from bunraku.rpc.parameters import COMMON, from_body, from_query, parse

log = logging.getLogger("bunraku.rpc")

UNSUPPORTED = "unsupported"
MAX_FIELDS = 200


def query_pairs(scope: Scope) -> list[tuple[str, str]]:
    """URL-decoded query, blanks kept, in order."""
    text = scope["query_string"].decode("latin-1")
    try:
        return parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
    except ValueError:
        return []


class RpcMapping:
    """ASGI: sends RPC calls on ``/`` (and the configured prefix) to their route.

    A GET without any common parameter is a person with a browser and goes on to the console.
    """

    def __init__(self, app: ASGIApp, prefix: str | None = None) -> None:
        self._app = app
        self._paths = {"/"} | ({"/" + prefix.strip("/") + "/", "/" + prefix.strip("/")} if prefix else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith("/rpc/") or path == "/rpc":
            await Response("not found", 404, media_type="text/plain")(scope, receive, send)
            return
        if path not in self._paths:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if method == "HEAD":
            await Response(status_code=200)(scope, receive, send)
        elif method == "OPTIONS":
            await Response(status_code=204, headers={"Allow": "GET, POST, HEAD, OPTIONS"})(
                scope, receive, send
            )
        elif method not in ("GET", "POST"):
            refused = failure(InvalidParams(f"method {method} is not allowed"))
            await respond(refused, 405)(scope, receive, send)
        else:
            pairs = query_pairs(scope)
            if method == "GET" and not any(key in COMMON for key, _ in pairs):
                await self._app(scope, receive, send)
                return
            action = next((value for key, value in pairs if key == "Action"), "")
            name = action if action in ACTION_NAMES else UNSUPPORTED
            scope = dict(scope, path=f"/rpc/{name}", raw_path=f"/rpc/{name}".encode(), method="POST")
            scope["bunraku.get"] = method == "GET"
            await self._app(scope, receive, send)


class Dispatcher:
    """Runs one call: gate, parameters, action, envelope."""

    def __init__(self, gate: Gate, actions: Actions, public_url: str | None) -> None:
        self._gate, self._actions, self._public_url = gate, actions, public_url

    def base_url(self, request: Request) -> str:
        """How callers reach us: the configured URL, or the Host they used."""
        if self._public_url:
            return self._public_url.rstrip("/")
        return f"{request.url.scheme}://{request.headers.get('host') or '127.0.0.1'}"

    async def answer(self, request: Request, action: Action | None) -> dict[str, Any]:
        pairs = query_pairs(request.scope)
        credentials = Credentials.from_query(pairs)
        address = request.client.host if request.client else "unknown"
        envelope: dict[str, Any]
        try:
            app = await self._gate.admit(credentials, address)
            assert action is not None  # the gate refuses unknown actions
            body = b"" if request.scope.get("bunraku.get") else await read_body(request)
            values = from_query(pairs, action.name) | from_body(body)
            params = parse(action.params, values)
            reply = await action.run(self._actions, Caller(app, self.base_url(request)), params)
            envelope = success(reply)
        except ApiError as error:
            envelope = failure(error)
        except Exception as error:
            envelope = failure(error)
            log.exception("call failed", extra={"request_id": envelope["RequestId"]})
        log.info(
            "call",
            extra={
                "action": action.name if action else UNSUPPORTED,
                "code": envelope["Code"],
                "request_id": envelope["RequestId"],
            },
        )
        return envelope


def routes(dispatcher: Dispatcher) -> APIRouter:
    """One route per action, described for OpenAPI by the very models that parse it."""
    router = APIRouter(prefix="/rpc", tags=["Digital human API"])

    def endpoint(action: Action | None) -> Callable[[Request], Awaitable[Response]]:
        async def call(request: Request) -> Response:
            return respond(await dispatcher.answer(request, action))

        return call

    for action in ACTIONS:
        router.add_api_route(
            f"/{action.name}",
            endpoint(action),
            methods=["POST"],
            operation_id=action.name,
            summary=action.summary,
            response_model=None,
        )
    router.add_api_route(f"/{UNSUPPORTED}", endpoint(None), methods=["POST"], include_in_schema=False)
    return router


def install(app: FastAPI, dispatcher: Dispatcher, prefix: str | None) -> None:
    app.include_router(routes(dispatcher))
    app.add_middleware(RpcMapping, prefix=prefix)
