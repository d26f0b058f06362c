"""What the console shows beside the calls: pictures of running tasks, figures, callbacks, programs."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Protocol
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from bunraku.core.apps import App, Apps
from bunraku.core.call_signature import query
from bunraku.core.errors import ApiError
from bunraku.core.figures import Figures
from bunraku.front.http import read_json
from bunraku.front.web.audit import say
from bunraku.front.web.share_pass import SharePasses
from bunraku.nodes.asking import of_all
from bunraku.nodes.base import NodeAway, Nodes

PYTHON = """import hashlib, os, secrets, time
import httpx

app_id, secret = {app_id}, os.environ["SERVER_SECRET"]
nonce, now = secrets.token_hex(8), int(time.time())
signature = hashlib.md5(f"{{app_id}}{{nonce}}{{secret}}{{now}}".encode()).hexdigest()
answer = httpx.post("{base}/", params={{
    "Action": "{action}", "AppId": app_id, "SignatureNonce": nonce, "Timestamp": now,
    "Signature": signature, "SignatureVersion": "2.0",
}}, json={body})
print(answer.json())
"""
NODE = """import {{ createHash, randomBytes }} from 'node:crypto';

const appId = {app_id};
const nonce = randomBytes(8).toString('hex');
const now = Math.floor(Date.now() / 1000);
const signed = `${{appId}}${{nonce}}${{process.env.SERVER_SECRET}}${{now}}`;
const signature = createHash('md5').update(signed).digest('hex');
const url = `{base}/?${{new URLSearchParams({{
  Action: '{action}', AppId: appId, SignatureNonce: nonce, Timestamp: now,
  Signature: signature, SignatureVersion: '2.0',
}})}}`;
const answer = await fetch(url, {{
  method: 'POST', headers: {{ 'Content-Type': 'application/json' }},
  body: JSON.stringify({body}),
}});
console.log(await answer.json());
"""


class ConsoleGuard(Protocol):
    def refusal(self, request: Request) -> Response | None:
        """The answer to a request that may not come in; None for the operator."""
        ...

    def base_url(self, request: Request) -> str: ...


def refusal_of_app(guard: ConsoleGuard, apps: Apps, request: Request, app_id: int) -> Response | None:
    """As the guard's, and for an app that is not there."""
    refusal = guard.refusal(request)
    if refusal is None and apps.get(app_id) is None:
        return JSONResponse({"error": "no such app"}, 404)
    return refusal


class Backstage:
    """Routes ``/console/nodes|snapshot|figures|code|callback|share``; the guard decides who comes in."""

    def __init__(self, guard: ConsoleGuard, apps: Apps, nodes: Nodes, passes: SharePasses) -> None:
        self._guard, self._apps, self._nodes, self._passes = guard, apps, nodes, passes

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/console/snapshot/{app_id}/{task_id}", self.snapshot, methods=["GET"])
        router.add_api_route("/console/nodes", self.nodes, methods=["GET"])
        router.add_api_route("/console/figures", self.figures, methods=["POST"])
        router.add_api_route("/console/code", self.code, methods=["POST"])
        router.add_api_route("/console/callback", self.callback, methods=["POST"])
        router.add_api_route("/console/share", self.share, methods=["POST"])
        return router

    async def _app(self, request: Request) -> tuple[Response | None, App | None, dict[str, Any]]:
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal, None, {}
        body = await read_json(request)
        app = self._apps.get(body["appId"]) if isinstance(body.get("appId"), int) else None
        return (None if app else JSONResponse({"error": "no such app"}, 404)), app, body

    async def nodes(self, request: Request) -> Response:
        """The nodes there are, with their load."""
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        infos = [asdict(info) for info in await self._nodes.infos()]
        return JSONResponse({"nodes": infos}, headers={"Cache-Control": "no-store"})

    async def snapshot(self, request: Request, app_id: int, task_id: str) -> Response:
        """A small JPEG of what the task shows; of its first picture while nobody watches. While all who watch
        draw, of when this was asked before. Nothing (204) before it shows anything, and when it is gone."""
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        jpeg = None
        with suppress(ApiError):
            jpeg = await (await self._nodes.of_task(app_id, task_id)).snapshot(app_id, task_id)
        if jpeg is None:
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def figures(self, request: Request) -> Response:
        refusal, app, body = await self._app(request)
        if refusal is not None or app is None:
            return refusal or Response(status_code=404)
        found: Figures | None = None
        with suppress(ApiError):
            task_id = str(body.get("taskId", ""))
            found = await (await self._nodes.of_task(app.id, task_id)).figures(app.id, task_id)
        outcomes = await of_all(self._nodes, lambda node: node.outcomes(app.id))
        callbacks = [o.describe() for some in outcomes for o in some]
        human = None if found is None else found.record.digital_human_id
        return JSONResponse(
            {"human": human, "figures": None if found is None else _shown(found), "callbacks": callbacks}
        )

    async def code(self, request: Request) -> Response:
        """A call as programs make it: signed for curl; in Python and Node as a program signs."""
        refusal, app, body = await self._app(request)
        if refusal is not None or app is None:
            return refusal or Response(status_code=404)
        action, params = str(body.get("action", "")), body.get("params")
        if not action.isalnum() or not isinstance(params, dict):
            return JSONResponse({"error": "no such action"}, 404)
        base = self._guard.base_url(request)
        signed = urlencode(query(action, app.id, app.server_secret))
        plain = json.dumps(params, ensure_ascii=False)
        shell = plain.replace("'", "'\\''")
        curl = f"curl -X POST '{base}/?{signed}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{shell}'"
        values = {"app_id": app.id, "base": base, "action": action}
        return JSONResponse(
            {
                "curl": curl,
                "python": PYTHON.format(**values, body=repr(params)),
                "node": NODE.format(**values, body=plain),
            }
        )

    async def callback(self, request: Request) -> Response:
        """Send the app's receiver one event, and say what it answered."""
        refusal, app, _ = await self._app(request)
        if refusal is not None or app is None:
            return refusal or Response(status_code=404)
        try:
            ok, detail = await (await self._nodes.any()).test_callback(app.id)
        except NodeAway as error:
            ok, detail = False, error.message
        return JSONResponse({"ok": ok, "detail": detail})

    async def share(self, request: Request) -> Response:
        """A pass for the share page: ``roomId``, ``streamId``, ``seconds``."""
        refusal, app, body = await self._app(request)
        if refusal is not None or app is None:
            return refusal or Response(status_code=404)
        room, stream, seconds = body.get("roomId"), body.get("streamId"), body.get("seconds")
        if not isinstance(room, str) or not isinstance(stream, str) or type(seconds) is not int:
            return JSONResponse({"error": "roomId, streamId and seconds are needed"}, 422)
        try:
            made = self._passes.make(app, room, stream, seconds)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 422)
        say(request.scope, app=app.id)
        return JSONResponse({"pass": made}, headers={"Cache-Control": "no-store"})


def _shown(f: Figures) -> dict[str, float | int | None]:
    return {
        "render_ms": f.render_ms,
        "encode_ms": f.encode_ms,
        "first_audio_ms": f.first_audio_ms,
        "interrupt_ms": f.interrupt_ms,
        "av_offset_ms": f.av_offset_ms,
        "frames_late": f.frames_late,
        "watchers": f.watchers,
    }
