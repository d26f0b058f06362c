"""What the operator, or who would be, does in the console is written down: changes, not looks."""

from __future__ import annotations

import hashlib
import re
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bunraku.store.audit import AuditLog

LOOKS = ("/console/figures", "/console/call/Get", "/console/call/Query")
SHOWS = ("/console/code",)
"""What the page asks for beside each call of the operator's; of a stranger it is a row as any other."""
OF_APP = re.compile(r"/console/(?:apps|people|voices)/(\d{1,15})(?:/|$)")


def admitted(scope: Scope) -> None:
    """It is the operator who asks. What nobody says this of is a stranger's, however it is answered."""
    scope["audit_operator"] = True


def say(scope: Scope, **what: Any) -> None:
    """A handler's ``app``, ``target`` and ``result``, for the row of its request. Never what is said."""
    scope.setdefault("audit", {}).update(what)


class Audited:
    """ASGI: each POST below ``/console/`` makes a row when it has been answered."""

    def __init__(self, app: ASGIApp, audit: AuditLog, cookie: str) -> None:
        self._app, self._audit, self._cookie = app, audit, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if (
            scope["type"] != "http"
            or scope["method"] != "POST"
            or not path.startswith("/console/")
            or path.startswith(LOOKS)
        ):
            await self._app(scope, receive, send)
            return
        status = 500

        async def heard(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if not scope.get("audit_operator") or path not in SHOWS:
                    await self._note(scope, path, status)
            await send(message)

        await self._app(scope, receive, heard)

    async def _note(self, scope: Scope, path: str, status: int) -> None:
        refused = not scope.get("audit_operator")
        said: dict[str, Any] = scope.get("audit", {})
        named = OF_APP.match(path)
        await self._audit.add(
            who=self._who(scope, refused),
            address=str((scope.get("client") or ("unknown",))[0]),
            action=path.removeprefix("/console/"),
            app=said.get("app", int(named[1]) if named and not refused else None),
            target=said.get("target", ""),
            result=str(said.get("result", status)),
            refused=refused,
        )

    def _who(self, scope: Scope, refused: bool) -> str:
        """A session by a hash of its token: it tells sessions apart and opens none."""
        if refused:
            return "stranger"
        try:
            morsel = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(self._cookie)
        except CookieError:
            morsel = None
        if morsel is None:
            return "operator"
        return "session " + hashlib.sha256(morsel.value.encode()).hexdigest()[:12]
