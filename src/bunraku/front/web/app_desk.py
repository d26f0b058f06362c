"""Apps in the console: who they are, where their callbacks go, new secrets.

A secret leaves the server once, in the answer that made it; it is never shown again.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse, Response

from bunraku.core.apps import App, Apps
from bunraku.core.urls import check_url
from bunraku.front.http import read_json
from bunraku.front.web.app_removal import AppRemoval, StillNamed, StillRuns
from bunraku.front.web.audit import say
from bunraku.front.web.backstage import ConsoleGuard
from bunraku.nodes.base import NodeAway
from bunraku.store.app_store import AppStore, OverlapRunning

OVERLAP = 24 * 3600.0  # s an old server secret stays good, unless told otherwise
MAX_OVERLAP = 30 * 24 * 3600.0
OVERLAPPING = "overlap: the secret before is still good; wait until it ends, or choose to end it at once"
IN_FILE = "this app is set in the server's configuration file"
NAMED = (
    "the configuration file lets this app call: set enabled = false there, start again, then erase its data"
)
MAX_WAIT = 120.0  # s for callbacks to be taken; the last attempt is the sixth
NO_STORE = {"Cache-Control": "no-store"}

_Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$"),
]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class NewApp(_Form):
    name: _Name


class ChangeForm(_Form):
    name: _Name
    callback_url: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2048)] | None
    max_tasks: Annotated[int, Field(ge=1, le=10_000)]
    enabled: bool

    @field_validator("callback_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if not value:
            return None
        check_url(value, allow_private=True)  # private ones are refused when they are resolved
        return value


class Rotation(_Form):
    which: Annotated[str, Field(pattern="^(server|callback)$")]
    overlap: Annotated[float, Field(ge=0, le=MAX_OVERLAP, strict=False)] = OVERLAP


class Removal(_Form):
    data: bool = False
    wait: Annotated[float, Field(ge=0, le=MAX_WAIT, strict=False)] = 10.0


def describe(app: App, now: float) -> dict[str, Any]:
    """An app without its secrets."""
    return {
        "appId": app.id,
        "name": app.name,
        "enabled": app.enabled,
        "editable": app.editable,
        "callbackUrl": app.callback_url,
        "maxTasks": app.max_tasks,
        "previousUntil": app.previous_until if app.previous_until > now else None,
    }


class AppDesk:
    """Routes ``/console/apps*``; the guard decides who comes in."""

    def __init__(self, guard: ConsoleGuard, apps: Apps, store: AppStore, removal: AppRemoval) -> None:
        self._guard, self._apps, self._store, self._removal = guard, apps, store, removal

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/console/apps", self.create, methods=["POST"])
        router.add_api_route("/console/apps/{app_id}", self.change, methods=["POST"])
        router.add_api_route("/console/apps/{app_id}/rotate", self.rotate, methods=["POST"])
        router.add_api_route("/console/apps/{app_id}/delete", self.delete, methods=["POST"])
        return router

    async def create(self, request: Request) -> Response:
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        try:
            form = NewApp.model_validate(await read_json(request))
        except ValidationError as error:
            return invalid(error)
        app = await self._store.create(form.name)
        say(request.scope, app=app.id)
        shown = {"appId": app.id, "serverSecret": app.server_secret, "callbackSecret": app.callback_secret}
        return JSONResponse(shown, headers=NO_STORE)

    async def change(self, request: Request, app_id: int) -> Response:
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        try:
            form = ChangeForm.model_validate(await read_json(request))
        except ValidationError as error:
            return invalid(error)
        app = await self._store.change(
            app_id,
            name=form.name,
            callback_url=form.callback_url,
            max_tasks=form.max_tasks,
            enabled=form.enabled,
        )
        return self._unknown(app_id) if app is None else JSONResponse({"appId": app.id}, headers=NO_STORE)

    async def rotate(self, request: Request, app_id: int) -> Response:
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        try:
            form = Rotation.model_validate(await read_json(request))
        except ValidationError as error:
            return invalid(error)
        if form.which == "server":
            try:
                app = await self._store.rotate_server_secret(app_id, form.overlap)
            except OverlapRunning:
                return JSONResponse({"error": OVERLAPPING}, 409)
            shown = None if app is None else {"appId": app.id, "serverSecret": app.server_secret}
        else:
            app = await self._store.rotate_callback_secret(app_id)
            shown = None if app is None else {"appId": app.id, "callbackSecret": app.callback_secret}
        return self._unknown(app_id) if shown is None else JSONResponse(shown, headers=NO_STORE)

    async def delete(self, request: Request, app_id: int) -> Response:
        """End an app; with ``data`` also erase all that is stored of it, even when it is known no more."""
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        try:
            form = Removal.model_validate(await read_json(request))
        except ValidationError as error:
            return invalid(error)
        if self._apps.get(app_id) is None and not form.data:
            return self._unknown(app_id)
        try:
            removed = await self._removal.remove(app_id, data=form.data, wait=form.wait)
        except StillNamed:
            return JSONResponse({"error": NAMED if form.data else IN_FILE}, 409)
        except (StillRuns, NodeAway):
            return JSONResponse({"error": "not all of its tasks have ended: try again"}, 503)
        shown = {
            "appId": app_id,
            "undelivered": removed.undelivered,
            "rows": removed.rows,
            "files": removed.files,
            "filesLeft": removed.left,
        }
        return JSONResponse(shown, headers=NO_STORE)

    def _unknown(self, app_id: int) -> Response:
        if self._apps.get(app_id) is not None:
            return JSONResponse({"error": IN_FILE}, 409)
        return JSONResponse({"error": "no such app"}, 404)


def invalid(error: ValidationError) -> Response:
    """The answer to a form with a mistake: its first."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "body"
    return JSONResponse({"error": f"{field}: {first['msg'].removeprefix('Value error, ')}"}, 422)
