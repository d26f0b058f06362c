"""Digital humans of single apps in the console: how far they are, what they are called, who speaks for them.

Making and deleting are the API's own actions, run for the app.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse, Response

from bunraku.core.apps import Apps
from bunraku.core.errors import ApiError, BodyUnreadable, DigitalHumanNotFound, SystemBusy
from bunraku.core.own_human import LONGEST_NAME, OwnHuman, State
from bunraku.front.http import read_form, read_json
from bunraku.front.own_people import OwnPeople
from bunraku.front.rpc.actions import ACTIONS
from bunraku.front.rpc.envelope import failure, respond
from bunraku.front.rpc.parameters import from_form
from bunraku.front.rpc.server import Dispatcher
from bunraku.front.web.app_desk import NO_STORE, invalid
from bunraku.front.web.audit import say
from bunraku.front.web.backstage import ConsoleGuard, refusal_of_app

CREATE = next(a for a in ACTIONS if a.name == "CreateDigitalHuman")
Line = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")
]


class PersonForm(BaseModel):
    """What is given changes; ``timbreId`` null takes the voice away."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    name: Line | None = None
    timbre_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class PeopleDesk:
    """Routes ``/console/people/*``; the guard decides who comes in."""

    def __init__(
        self, guard: ConsoleGuard, apps: Apps, people: OwnPeople, dispatcher: Dispatcher, most_file: int
    ) -> None:
        self._guard, self._apps, self._people = guard, apps, people
        self._dispatcher, self._most_file = dispatcher, most_file

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/console/people/{app_id}", self.show, methods=["GET"])
        router.add_api_route("/console/people/{app_id}", self.make, methods=["POST"])
        router.add_api_route("/console/people/{app_id}/{human_id}", self.change, methods=["POST"])
        return router

    async def show(self, request: Request, app_id: int) -> Response:
        refusal = refusal_of_app(self._guard, self._apps, request, app_id)
        if refusal is not None:
            return refusal
        try:
            people = await self._people.store.of(app_id)
        except SystemBusy as error:
            return JSONResponse({"error": error.message}, 503)
        return JSONResponse({"people": [self._shown(h) for h in people]}, headers=NO_STORE)

    def _shown(self, human: OwnHuman) -> dict[str, Any]:
        root = self._people.links.root(human.app_id, human.id)
        ready = human.state is State.READY
        # What a figure does best is its first gesture; one of a video has none, and is seen at rest.
        film = (*human.made.gestures, "preview")[0]
        return {
            "id": human.id,
            "name": human.name,
            "source": human.source.value,
            "state": human.state.value,
            "progress": human.progress,
            "step": human.step,
            "marks": human.marks,
            "failReason": human.fail_reason,
            "warnings": human.made.warnings,
            "timbreId": human.timbre_id,
            "createdAt": human.created_at,
            "bytes": human.made.bytes,
            "picture": f"{root}/avatar.jpg" if ready else None,
            "film": f"{root}/{film}.mp4" if ready else None,
        }

    async def make(self, request: Request, app_id: int) -> Response:
        """CreateDigitalHuman with the same form; answers with its envelope."""
        refusal = refusal_of_app(self._guard, self._apps, request, app_id)
        if refusal is not None:
            return refusal
        try:
            async with AsyncExitStack() as held:
                held.enter_context(self._dispatcher.forms.of(app_id))
                form = await read_form(request, self._most_file)
                held.push_async_callback(form.close)
                values = from_form(form, CREATE.name)
                envelope = await self._dispatcher.act(CREATE, self._apps.get(app_id), values, request)
        except (BodyUnreadable, SystemBusy) as error:
            return respond(failure(error))
        made = (envelope.get("Data") or {}).get("DigitalHumanId", "")
        say(request.scope, app=app_id, target=made, result=envelope["Code"])
        return respond(envelope)

    async def change(self, request: Request, app_id: int, human_id: str) -> Response:
        refusal = refusal_of_app(self._guard, self._apps, request, app_id)
        if refusal is not None:
            return refusal
        try:
            form = PersonForm.model_validate(await read_json(request))
            news = form.model_dump(exclude_unset=True)
            if "name" in news and news["name"] is None:
                return JSONResponse({"error": "name: must be a string"}, 422)
            if form.timbre_id is not None:
                node = await self._people.nodes.any()
                there = {t.id for t in await node.timbres(app_id, None)}
                if form.timbre_id not in there | {t.id for t in await node.timbres(app_id, human_id)}:
                    return JSONResponse({"error": "timbreId: no such timbre"}, 422)
            if news:
                await self._people.store.change(app_id, human_id, **news)
            human = await self._people.store.get(app_id, human_id)
        except ValidationError as error:
            return invalid(error)
        except DigitalHumanNotFound:
            return JSONResponse({"error": "no such digital human"}, 404)
        except ApiError as error:
            return JSONResponse({"error": error.message}, 503)
        say(request.scope, app=app_id, target=human_id)
        return JSONResponse(self._shown(human), headers=NO_STORE)
