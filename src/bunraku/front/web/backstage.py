"""What the console shows beside the calls: pictures of running tasks, figures, callbacks, programs."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol
from urllib.parse import urlencode

import cv2
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from bunraku.client import query
from bunraku.core.apps import App, Apps
from bunraku.core.errors import ApiError
from bunraku.front.http import read_json
from bunraku.node.callbacks.delivery import Delivery
from bunraku.node.tasks.manager import TaskManager

THUMBNAIL = 96  # px, the longer side
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


class Guard(Protocol):
    def refusal(self, request: Request) -> Response | None:
        """The answer to a request that may not come in; None for the operator."""
        ...

    def base_url(self, request: Request) -> str: ...


class Backstage:
    """Routes ``/console/snapshot|figures|code|callback``; the guard decides who comes in."""

    def __init__(self, guard: Guard, apps: Apps, manager: TaskManager, delivery: Delivery) -> None:
        self._guard, self._apps, self._manager, self._delivery = guard, apps, manager, delivery

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/console/snapshot/{app_id}/{task_id}", self.snapshot, methods=["GET"])
        router.add_api_route("/console/figures", self.figures, methods=["POST"])
        router.add_api_route("/console/code", self.code, methods=["POST"])
        router.add_api_route("/console/callback", self.callback, methods=["POST"])
        return router

    async def _app(self, request: Request) -> tuple[Response | None, App | None, dict[str, Any]]:
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal, None, {}
        body = await read_json(request)
        app = self._apps.get(body["appId"]) if isinstance(body.get("appId"), int) else None
        return (None if app else JSONResponse({"error": "no such app"}, 404)), app, body

    async def snapshot(self, request: Request, app_id: int, task_id: str) -> Response:
        """A small JPEG of what the task shows; of its first picture while nobody watches."""
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        try:
            live = self._manager.get_live(app_id, task_id)
        except ApiError:
            live = None
        if live is None or live.performance is None:
            return Response("not found", 404, media_type="text/plain")
        picture = live.performance.pictures.picture
        # The buffer may change while it is copied: a torn thumbnail is no harm.
        jpeg = await asyncio.to_thread(_thumbnail, picture.buffer.copy(), live.record.framing.width)
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def figures(self, request: Request) -> Response:
        refusal, app, body = await self._app(request)
        if refusal is not None or app is None:
            return refusal or Response(status_code=404)
        found: dict[str, Any] | None = None
        try:
            live = self._manager.get_live(app.id, str(body.get("taskId", "")))
        except ApiError:
            live = None
        if live is not None and live.performance is not None:
            m = live.performance.meter
            found = {
                "render_ms": m.render_ms.median(),
                "encode_ms": m.encode_ms.median(),
                "first_audio_ms": m.first_audio_ms.median(),
                "interrupt_ms": m.interrupt_ms.median(),
                "av_offset_ms": m.av_offset_ms.median(),
                "frames_late": m.frames_late,
                "watchers": len(live.stream.watchers),
            }
        callbacks = [o.describe() for o in self._delivery.outcomes if o.app_id == app.id]
        human = None if live is None else live.record.digital_human_id
        return JSONResponse({"human": human, "figures": found, "callbacks": callbacks})

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
        ok, detail = await self._delivery.test(app)
        return JSONResponse({"ok": ok, "detail": detail})


def _thumbnail(i420: Any, width: int) -> bytes:
    bgr = cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420)[:, :width]
    height = bgr.shape[0]
    # The upper part: that is where the face is.
    square = bgr[: min(width, height), :width]
    small = cv2.resize(square, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return jpeg.tobytes()
