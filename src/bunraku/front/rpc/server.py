"""The RPC over HTTP: ``/?Action=X``, one typed call per action (decision D8)."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bunraku.core.apps import App
from bunraku.core.calls import Call, current, during, note
from bunraku.core.clock import Clock
from bunraku.core.errors import ApiError, AppUnknown, InvalidParams, SystemFault
from bunraku.core.tracing import Span, Tracer, traceparent
from bunraku.front.http import Forms, client_address, is_form, read_body, read_form
from bunraku.front.rpc.actions import ACTIONS, Action, Actions, Caller
from bunraku.front.rpc.envelope import failure, respond, success
from bunraku.front.rpc.gate import Credentials, Gate
from bunraku.front.rpc.parameters import COMMON, from_body, from_form, from_query, parse

log = logging.getLogger("bunraku.rpc")

UNSUPPORTED = "unsupported"
_BY_NAME = {action.name: action for action in ACTIONS}
MAX_FIELDS = 200
ALLOW = "GET, POST, HEAD, OPTIONS"
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
"""A Host that can stand in a URL (RFC 9110 section 7.2)."""
_ID = re.compile(r"[0-9A-Fa-f-]{36}")


def query_pairs(scope: Scope) -> list[tuple[str, str]]:
    """URL-decoded query, blanks kept, in order. Raises ``InvalidParams`` when there is too much of it."""
    text = scope["query_string"].decode("latin-1")
    try:
        return parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidParams(f"more than {MAX_FIELDS} query fields") from None


class RpcEntrance:
    """ASGI: takes RPC calls on ``/`` and the configured prefix, and passes the rest on.

    The action is in the query, so calls need no matching of paths, which was a quarter of their
    cost. A GET without any common parameter is a person with a browser and goes on to the console.
    """

    def __init__(self, app: ASGIApp, dispatcher: Dispatcher, prefix: str | None = None) -> None:
        self._app, self._dispatcher = app, dispatcher
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
            await Response(status_code=204, headers={"Allow": ALLOW})(scope, receive, send)
        elif method not in ("GET", "POST"):
            refused = failure(InvalidParams(f"method {method} is not allowed"))
            await respond(refused, 405, {"Allow": ALLOW})(scope, receive, send)
        else:
            try:
                pairs = query_pairs(scope)
            except InvalidParams as error:
                await respond(failure(error))(scope, receive, send)
                return
            if method == "GET" and not any(key in COMMON for key, _ in pairs):
                await self._app(scope, receive, send)
                return
            response = respond(await self._dispatcher.answer(Request(scope, receive), pairs))
            await response(scope, receive, send)


class Dispatcher:
    """Runs one call: gate, parameters, action, envelope. It has a RequestId from its first step on."""

    def __init__(
        self, gate: Gate, actions: Actions, clock: Clock, tracer: Tracer, public_url: str | None
    ) -> None:
        self._gate, self._actions, self._public_url = gate, actions, public_url
        self._clock, self._tracer = clock, tracer
        self.forms = Forms()

    def base_url(self, request: Request) -> str:
        """How callers reach us: the configured URL, or the Host they used."""
        if self._public_url:
            return self._public_url.rstrip("/")
        host = request.headers.get("host", "")
        if not _HOST.fullmatch(host):
            name, port = request.scope.get("server") or ("127.0.0.1", None)
            host = f"[{name}]" if ":" in name else name
            host = f"{host}:{port}" if port else host
        return f"{request.scope['scheme']}://{host}"

    async def answer(self, request: Request, pairs: list[tuple[str, str]]) -> dict[str, Any]:
        """The envelope; ``pairs`` are the query's."""
        action = _BY_NAME.get(next((value for key, value in pairs if key == "Action"), ""))
        credentials = Credentials.from_query(pairs)

        async def admit() -> App:
            return await self._gate.admit(credentials, client_address(request, self._gate.proxies))

        async def read(app: App) -> dict[str, Any]:
            assert action is not None  # the gate refuses unknown actions
            if action.most_file is not None and request.method == "POST" and is_form(request):
                held.enter_context(self.forms.of(app.id))
                form = await read_form(request, action.most_file(self._actions))
                held.push_async_callback(form.close)
                return from_query(pairs, action.name) | from_form(form, action.name)
            body = b"" if request.method == "GET" else await read_body(request)
            # null in the body means "not specified" and takes nothing away (contract section 2.4).
            said = {key: value for key, value in from_body(body).items() if value is not None}
            return from_query(pairs, action.name) | said

        async with AsyncExitStack() as held:
            return await self._run(action, request, admit, read)

    async def act(
        self, action: Action, app: App | None, values: dict[str, Any], request: Request
    ) -> dict[str, Any]:
        """The envelope of an action that the operator has run for an app, as if its server had called."""

        async def admit() -> App:
            if app is None:
                raise AppUnknown
            return app

        async def read(_: App) -> dict[str, Any]:
            return values

        return await self._run(action, request, admit, read)

    async def _run(
        self,
        action: Action | None,
        request: Request,
        admit: Callable[[], Awaitable[App]],
        read: Callable[[App], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        begun, span = self._clock.monotonic(), None
        envelope: dict[str, Any]
        with during(Call(request=str(uuid.uuid4()))):
            try:
                app = await admit()
                assert action is not None
                # Strangers begin no span: what they send of traces is not looked at.
                span = self._begin(action, app, request, begun)
                params = parse(action.params, await read(app))
                note(task=_id(params, "task_id"), drive=_id(params, "drive_id"))
                reply = await action.run(self._actions, Caller(app, self.base_url(request)), params)
                envelope = success(reply)
                note(**{k: v for k in ("task", "drive") if (v := _id(reply, f"{k}_id"))})
            except ApiError as error:
                envelope = failure(error)
            except Exception as error:
                envelope = failure(error)
                log.exception("call failed")
            name = action.name if action else UNSUPPORTED
            log.info("call", extra={"action": name, "code": envelope["Code"]})
            if span is not None:
                self._end(span, envelope["Code"])
        return envelope

    def _begin(self, action: Action, app: App, request: Request, at: float) -> Span:
        """By OpenTelemetry's conventions for RPC and HTTP servers; nothing of the query."""
        span = self._tracer.begin(
            action.name,
            traceparent(request.headers.get("traceparent")),
            kind="server",
            at=at,
            attributes={
                "rpc.system.name": "bunraku",
                "rpc.method": action.name,
                "http.request.method": request.method,
                "http.response.status_code": 200,
                "url.scheme": str(request.scope["scheme"]),
                "url.path": str(request.scope["path"]),
                "bunraku.app.id": app.id,
                "bunraku.request.id": current().request,
            },
        )
        note(trace=span.trace)
        return span

    def _end(self, span: Span, code: int) -> None:
        call = current()
        ids = {"bunraku.task.id": call.task, "bunraku.drive.id": call.drive, "bunraku.node.id": call.node}
        span.say({key: value for key, value in ids.items() if value})
        span.say({"rpc.response.status_code": str(code)})
        if code and code != SystemFault.code:
            span.say({"error.type": str(code)})  # the caller's mistake is no fault of the server's
        span.end(fault=str(code) if code == SystemFault.code else None)


def _id(fields: Any, name: str) -> str:
    """For the log: what callers send in the place of an id is not repeated there."""
    value = getattr(fields, name, None)
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def descriptions() -> APIRouter:
    """One route per action, for the OpenAPI document only: ``RpcEntrance`` lets no call here."""
    router = APIRouter(prefix="/rpc", tags=["Digital human API"])

    async def described() -> None: ...

    for action in ACTIONS:
        router.add_api_route(
            f"/{action.name}",
            described,
            methods=["POST"],
            operation_id=action.name,
            summary=action.summary,
            response_model=None,
        )
    return router


def install(app: FastAPI, dispatcher: Dispatcher, prefix: str | None) -> None:
    app.include_router(descriptions())
    app.add_middleware(RpcEntrance, dispatcher=dispatcher, prefix=prefix)
