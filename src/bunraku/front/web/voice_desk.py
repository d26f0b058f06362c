"""Voices of single apps in the console. A key comes in once and is never shown again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse, Response

from bunraku.core.apps import Apps
from bunraku.core.errors import DigitalHumanNotFound
from bunraku.core.own_voice import PREFIX, OwnVoice
from bunraku.core.settings_speech import SpeechEndpoint
from bunraku.core.urls import FetchRefused, check_url
from bunraku.front.http import read_json
from bunraku.front.own_people import OwnPeople
from bunraku.front.web.app_desk import NO_STORE, invalid
from bunraku.front.web.backstage import ConsoleGuard, refusal_of_app
from bunraku.nodes.asking import of_all
from bunraku.nodes.base import NodeAway, Nodes
from bunraku.store.voice_store import MOST, TooManyVoices, VoiceNameTaken, VoiceStore

_Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$"),
]


class VoiceForm(BaseModel):
    """``openai``: ``baseUrl`` and ``voices``; ``piper``: ``folder``, a path on every node."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,24}$")]
    digital_human_id: _Line
    kind: Literal["openai", "piper"]
    folder: Annotated[str, StringConstraints(max_length=1024, pattern=r"^/[^\x00]*$")] | None = None
    base_url: Annotated[str, StringConstraints(max_length=2048)] | None = None
    api_key: Annotated[str, StringConstraints(max_length=1024, pattern=r"^[\x21-\x7e]+$")] | None = None
    model: _Line = "tts-1"
    voices: Annotated[list[_Line], Field(max_length=50)] = []
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{2,35}$")] = "en-US"
    sample_rate: Annotated[int, Field(ge=8000, le=48000)] = 24000

    @model_validator(mode="after")
    def _whole(self) -> VoiceForm:
        if self.kind == "piper" and (self.folder is None or self.base_url or self.api_key or self.voices):
            raise ValueError("piper needs folder, and neither baseUrl, apiKey nor voices")
        if self.kind == "openai" and (self.base_url is None or not self.voices or self.folder):
            raise ValueError("openai needs baseUrl and voices, and no folder")
        return self

    def voice(self, app_id: int, digital_human_id: str) -> OwnVoice:
        """Raises ``ValidationError`` for what is no URL."""
        if self.folder is not None:
            return OwnVoice(app_id, self.name, digital_human_id, folder=Path(self.folder))
        fields = self.model_dump(include={"base_url", "api_key", "model", "language", "sample_rate"})
        endpoint = SpeechEndpoint.model_validate(
            fields | {"name": f"{PREFIX}-{self.name}", "voices": tuple(self.voices)}
        )
        return OwnVoice(app_id, self.name, digital_human_id, endpoint)


class VoiceDesk:
    """Routes ``/console/voices/*``; the guard decides who comes in."""

    def __init__(
        self,
        guard: ConsoleGuard,
        apps: Apps,
        nodes: Nodes,
        store: VoiceStore,
        people: OwnPeople,
        *,
        allow_private: bool,
    ) -> None:
        """``allow_private``: endpoints may have private addresses."""
        self._guard, self._apps, self._nodes, self._store = guard, apps, nodes, store
        self._people, self._allow_private = people, allow_private

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/console/voices/{app_id}", self.show, methods=["GET"])
        router.add_api_route("/console/voices/{app_id}", self.add, methods=["POST"])
        router.add_api_route("/console/voices/{app_id}/{name}/delete", self.remove, methods=["POST"])
        return router

    async def show(self, request: Request, app_id: int) -> Response:
        refusal = refusal_of_app(self._guard, self._apps, request, app_id)
        if refusal is not None:
            return refusal
        voices = [voice.describe() for voice in await self._store.of(app_id)]
        return JSONResponse({"voices": voices}, headers=NO_STORE)

    async def add(self, request: Request, app_id: int) -> Response:
        """Answers with the timbres that the nodes made of it: none for a folder without voices."""
        refusal = refusal_of_app(self._guard, self._apps, request, app_id)
        if refusal is not None:
            return refusal
        try:
            form = VoiceForm.model_validate(await read_json(request))
            if form.base_url is not None:
                check_url(form.base_url, allow_private=self._allow_private)
            human = await self._people.human(app_id, form.digital_human_id)
            voice = form.voice(app_id, human.id)
            await self._store.add(voice)
        except ValidationError as error:
            return invalid(error)
        except (ValueError, FetchRefused) as error:
            return JSONResponse({"error": f"baseUrl: {error}"}, 422)
        except DigitalHumanNotFound:
            return JSONResponse({"error": "digitalHumanId: no such digital human"}, 422)
        except VoiceNameTaken:
            return JSONResponse({"error": "name: the app has a voice of that name"}, 409)
        except TooManyVoices:
            return JSONResponse({"error": f"an app may have {MOST} voices"}, 409)
        except NodeAway as error:
            return JSONResponse({"error": error.message}, 503)
        await self._spread()
        begins = f"{PREFIX}-{voice.name}-"
        listed = await of_all(self._nodes, lambda node: node.timbres(app_id, human.id))
        timbres = sorted({t.id for some in listed for t in some if t.id.startswith(begins)})
        return JSONResponse({"name": voice.name, "timbres": timbres}, headers=NO_STORE)

    async def remove(self, request: Request, app_id: int, name: str) -> Response:
        """What it is saying it says to the end."""
        refusal = refusal_of_app(self._guard, self._apps, request, app_id)
        if refusal is not None:
            return refusal
        if not await self._store.remove(app_id, name):
            return JSONResponse({"error": "no such voice"}, 404)
        await self._spread()
        return JSONResponse({"name": name}, headers=NO_STORE)

    async def _spread(self) -> None:
        """Nodes that are away learn of it when they look."""
        with suppress(NodeAway):
            await of_all(self._nodes, lambda node: node.refresh_voices())
