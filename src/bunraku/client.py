"""A typed client of the API, sync and async; it works against any compatible host.

```python
with Client("http://127.0.0.1:8080", app_id, secret) as api:
    task = api.create(human_id, room_id="r", stream_id="s")
    api.speak(task, "Good morning.", timbre_id="en-us-ava")
```

Only reading calls are retried, and only when the connection failed: a write that got no answer
may have been done. Failures raise the exception class of their code (``bunraku.core.errors``).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import websockets

from bunraku.core import errors
from bunraku.core.call_signature import query
from bunraku.core.callback_signature import verify as _verify_callback
from bunraku.core.own_human import kind_of_name
from bunraku.perform import PerformanceHandle

SAFE = frozenset(
    (
        "GetDigitalHumanList",
        "GetDigitalHumanInfo",
        "GetTimbreList",
        "GetDigitalHumanStreamTaskStatus",
        "QueryDigitalHumanStreamTasks",
        "GetDriveStatus",
        "GetDigitalHumanRenderInfo",
    )
)
RETRIES = 2
TIMEOUT = 15.0
UPLOAD = 900.0  # s for a file

_BY_CODE: dict[int, type[errors.ApiError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ApiError) and kind is not errors.SystemFault
}


class BadAnswer(Exception):
    """The host answered with something that is not the API's envelope."""


def unwrap(response: httpx.Response) -> dict[str, Any]:
    """``Data`` of a successful envelope, ``{}`` when it has none; raises the code's exception."""
    try:
        envelope = response.json()
        code, message = envelope["Code"], envelope["Message"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadAnswer(f"HTTP {response.status_code}, no envelope") from error
    if code == 0:
        return envelope.get("Data") or {}
    kind = _BY_CODE.get(code, errors.ApiError)
    raised = kind()
    raised.message = message
    raised.args = (message,)
    if kind is errors.ApiError:
        raised.code = code
    raise raised


def callback_is_genuine(body: Mapping[str, Any], callback_secret: str) -> bool:
    """Whether a received callback was signed with the app's callback secret."""
    fields = [body.get(k) for k in ("Timestamp", "Nonce", "Signature")]
    if not all(isinstance(f, str) for f in fields):
        return False
    timestamp, nonce, signature = (str(f) for f in fields)
    return _verify_callback(callback_secret, timestamp, nonce, signature)


def _commission(
    digital_human_id: str, room_id: str, stream_id: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    human: dict[str, Any] = {"DigitalHumanId": digital_human_id}
    body: dict[str, Any] = {
        "DigitalHumanConfig": human,
        "RTCConfig": {"RoomId": room_id, "StreamId": stream_id},
    }
    if options.get("background"):
        human["BackgroundColor"] = options["background"]
    extra = {
        wire: options[name]
        for name, wire in (
            ("transparent", "Transparent"),
            ("emotion", "Emotion"),
            ("background_url", "BackgroundUrl"),
        )
        if options.get(name) is not None
    }
    if options.get("barge_in"):
        extra["BargeIn"] = {"UserStreamId": options["barge_in"]}
    if extra:
        body["ExtraConfig"] = extra
    if options.get("size"):
        width, height = options["size"]
        body["VideoConfig"] = {"Width": width, "Height": height}
    for name, wire in (("ttl", "TTL"), ("max_idle_time", "MaxIdleTime")):
        if options.get(name) is not None:
            body[wire] = options[name]
    return body


def _speech(
    task_id: str,
    text: str,
    timbre_id: str,
    interrupt: bool,
    speech_rate: int,
    pitch_rate: int,
    volume: int,
) -> dict[str, Any]:
    return {
        "TaskId": task_id,
        "Text": text,
        "InterruptMode": int(interrupt),
        "TTSConfig": {
            "TimbreId": timbre_id,
            "SpeechRate": speech_rate,
            "PitchRate": pitch_rate,
            "Volume": volume,
        },
    }


def _recording(task_id: str, url: str, interrupt: bool, voice_channel: int) -> dict[str, Any]:
    return {
        "TaskId": task_id,
        "AudioUrl": url,
        "InterruptMode": int(interrupt),
        "VoiceChannel": voice_channel,
    }


def _person(name: str, kind: str, consent: bool, timbre_id: str | None) -> dict[str, Any]:
    voice = {} if timbre_id is None else {"TimbreId": timbre_id}
    return {"Name": name, "Consent": consent, "Source": {"Type": kind}} | voice


def _form(fields: dict[str, Any]) -> dict[str, str]:
    """Strings as they are, the rest as JSON."""
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in fields.items()}


class Client:
    """Blocking client. Thread-safe as far as ``httpx.Client`` is."""

    def __init__(self, base_url: str, app_id: int, secret: str, *, verify: Any = True) -> None:
        self._app_id, self._secret = app_id, secret
        self._http = httpx.Client(base_url=base_url, timeout=TIMEOUT, verify=verify, trust_env=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def http(self) -> httpx.Client:
        """The connection below, for calls that no method makes."""
        return self._http

    @property
    def credentials(self) -> tuple[int, str]:
        """AppId and ServerSecret."""
        return self._app_id, self._secret

    def call(self, action: str, **body: Any) -> dict[str, Any]:
        """Any action by name; ``Data`` or an exception."""
        for attempt in range(RETRIES + 1):
            try:
                return unwrap(
                    self._http.post("/", params=query(action, self._app_id, self._secret), json=body)
                )
            except httpx.TransportError:
                if action not in SAFE or attempt == RETRIES:
                    raise
                time.sleep(0.2 * 2**attempt)
        raise AssertionError

    def digital_humans(self) -> list[dict[str, Any]]:
        return self._all("GetDigitalHumanList", "DigitalHumans")

    def digital_human(self, digital_human_id: str) -> dict[str, Any]:
        """What there is to know of one; of one's own also ``State``, ``Progress``, ``Warnings``."""
        return self.call("GetDigitalHumanInfo", DigitalHumanId=digital_human_id)

    def make_digital_human(
        self,
        name: str,
        source: Path | str,
        *,
        consent: bool,
        kind: str | None = None,
        timbre_id: str | None = None,
    ) -> str:
        """Begin to make one of one's own; its id. ``source`` is a file's path, or its URL. ``consent``:
        the person pictured agreed. ``kind`` is ``photo``, ``video`` or ``pack``; None: as the name of
        ``source`` ends."""
        fields = _person(name, kind or kind_of_name(str(source)), consent, timbre_id)
        if isinstance(source, str):
            fields["Source"]["Url"] = source
            return self.call("CreateDigitalHuman", **fields)["DigitalHumanId"]
        signed = query("CreateDigitalHuman", self._app_id, self._secret)
        with source.open("rb") as file:
            answer = self._http.post(
                "/", params=signed, data=_form(fields), files={"File": (source.name, file)}, timeout=UPLOAD
            )
        return unwrap(answer)["DigitalHumanId"]

    def delete_digital_human(self, digital_human_id: str) -> None:
        self.call("DeleteDigitalHuman", DigitalHumanId=digital_human_id)

    def timbres(self) -> list[dict[str, Any]]:
        return self._all("GetTimbreList", "Timbres")

    def _all(self, action: str, key: str) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        while True:
            page = self.call(action, Offset=len(out), Limit=20)
            out.extend(page[key])
            if len(out) >= page["Total"] or not page[key]:
                return out

    def create(self, digital_human_id: str, *, room_id: str, stream_id: str, **options: Any) -> str:
        """A new stream task's id. Options: background, size, ttl, max_idle_time,
        transparent, emotion, background_url, barge_in (the stream of a user who may cut it short)."""
        body = _commission(digital_human_id, room_id, stream_id, options)
        return self.call("CreateDigitalHumanStreamTask", **body)["TaskId"]

    def speak(
        self,
        task_id: str,
        text: str,
        *,
        timbre_id: str,
        interrupt: bool = False,
        speech_rate: int = 0,
        pitch_rate: int = 0,
        volume: int = 50,
    ) -> str:
        """The drive's id."""
        body = _speech(task_id, text, timbre_id, interrupt, speech_rate, pitch_rate, volume)
        return self.call("DriveByText", **body)["DriveId"]

    def play(self, task_id: str, url: str, *, interrupt: bool = False, voice_channel: int = 0) -> str:
        """Drive by an audio file; the drive's id."""
        return self.call("DriveByAudio", **_recording(task_id, url, interrupt, voice_channel))["DriveId"]

    def interrupt(self, task_id: str) -> None:
        self.call("InterruptDriveTask", TaskId=task_id)

    def stop(self, task_id: str) -> None:
        self.call("StopDigitalHumanStreamTask", TaskId=task_id)

    def gesture(self, task_id: str, name: str) -> None:
        self.call("DoAction", TaskId=task_id, Action=name)

    def running(self) -> list[dict[str, Any]]:
        return self.call("QueryDigitalHumanStreamTasks")["TaskList"]

    def status(self, task_id: str) -> dict[str, Any]:
        return self.call("GetDigitalHumanStreamTaskStatus", TaskId=task_id)

    def drives(self, task_id: str) -> list[dict[str, Any]]:
        return self.call("GetDriveStatus", TaskId=task_id)["DriveList"]


class AsyncClient:
    """The same for asyncio, and a stream of PCM besides."""

    def __init__(self, base_url: str, app_id: int, secret: str, *, verify: Any = True) -> None:
        self._app_id, self._secret = app_id, secret
        self._http = httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT, verify=verify, trust_env=False)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    @property
    def http(self) -> httpx.AsyncClient:
        """The connection below, for calls that no method makes."""
        return self._http

    @property
    def credentials(self) -> tuple[int, str]:
        """AppId and ServerSecret."""
        return self._app_id, self._secret

    async def call(self, action: str, **body: Any) -> dict[str, Any]:
        """Any action by name; ``Data`` or an exception."""
        for attempt in range(RETRIES + 1):
            try:
                return unwrap(
                    await self._http.post("/", params=query(action, self._app_id, self._secret), json=body)
                )
            except httpx.TransportError:
                if action not in SAFE or attempt == RETRIES:
                    raise
                await asyncio.sleep(0.2 * 2**attempt)
        raise AssertionError

    async def digital_humans(self) -> list[dict[str, Any]]:
        return await self._all("GetDigitalHumanList", "DigitalHumans")

    async def digital_human(self, digital_human_id: str) -> dict[str, Any]:
        """What there is to know of one; of one's own also ``State``, ``Progress``, ``Warnings``."""
        return await self.call("GetDigitalHumanInfo", DigitalHumanId=digital_human_id)

    async def make_digital_human(
        self,
        name: str,
        source: Path | str,
        *,
        consent: bool,
        kind: str | None = None,
        timbre_id: str | None = None,
    ) -> str:
        """Begin to make one of one's own; its id. ``source`` is a file's path, or its URL. ``consent``:
        the person pictured agreed. ``kind`` is ``photo``, ``video`` or ``pack``; None: as the name of
        ``source`` ends."""
        fields = _person(name, kind or kind_of_name(str(source)), consent, timbre_id)
        if isinstance(source, str):
            fields["Source"]["Url"] = source
            return (await self.call("CreateDigitalHuman", **fields))["DigitalHumanId"]
        signed = query("CreateDigitalHuman", self._app_id, self._secret)
        with await asyncio.to_thread(source.open, "rb") as file:  # read in pieces as it is sent
            answer = await self._http.post(
                "/", params=signed, data=_form(fields), files={"File": (source.name, file)}, timeout=UPLOAD
            )
        return unwrap(answer)["DigitalHumanId"]

    async def delete_digital_human(self, digital_human_id: str) -> None:
        await self.call("DeleteDigitalHuman", DigitalHumanId=digital_human_id)

    async def timbres(self) -> list[dict[str, Any]]:
        return await self._all("GetTimbreList", "Timbres")

    async def _all(self, action: str, key: str) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        while True:
            page = await self.call(action, Offset=len(out), Limit=20)
            out.extend(page[key])
            if len(out) >= page["Total"] or not page[key]:
                return out

    async def create(self, digital_human_id: str, *, room_id: str, stream_id: str, **options: Any) -> str:
        """A new stream task's id. Options: background, size, ttl, max_idle_time,
        transparent, emotion, background_url, barge_in (the stream of a user who may cut it short)."""
        body = _commission(digital_human_id, room_id, stream_id, options)
        return (await self.call("CreateDigitalHumanStreamTask", **body))["TaskId"]

    async def speak(
        self,
        task_id: str,
        text: str,
        *,
        timbre_id: str,
        interrupt: bool = False,
        speech_rate: int = 0,
        pitch_rate: int = 0,
        volume: int = 50,
    ) -> str:
        """The drive's id."""
        body = _speech(task_id, text, timbre_id, interrupt, speech_rate, pitch_rate, volume)
        return (await self.call("DriveByText", **body))["DriveId"]

    async def play(self, task_id: str, url: str, *, interrupt: bool = False, voice_channel: int = 0) -> str:
        """Drive by an audio file; the drive's id."""
        return (await self.call("DriveByAudio", **_recording(task_id, url, interrupt, voice_channel)))[
            "DriveId"
        ]

    async def interrupt(self, task_id: str) -> None:
        await self.call("InterruptDriveTask", TaskId=task_id)

    async def stop(self, task_id: str) -> None:
        await self.call("StopDigitalHumanStreamTask", TaskId=task_id)

    async def gesture(self, task_id: str, name: str) -> None:
        await self.call("DoAction", TaskId=task_id, Action=name)

    async def running(self) -> list[dict[str, Any]]:
        return (await self.call("QueryDigitalHumanStreamTasks"))["TaskList"]

    async def status(self, task_id: str) -> dict[str, Any]:
        return await self.call("GetDigitalHumanStreamTaskStatus", TaskId=task_id)

    async def drives(self, task_id: str) -> list[dict[str, Any]]:
        return (await self.call("GetDriveStatus", TaskId=task_id))["DriveList"]

    def perform(
        self, digital_human_id: str, *, room_id: str, stream_id: str, timbre_id: str, **options: Any
    ) -> PerformanceHandle:
        """A digital human for the length of an ``async with``; the options are those of ``create``."""
        where = {"room_id": room_id, "stream_id": stream_id}
        return PerformanceHandle(self, digital_human_id, timbre_id, {**where, **options})

    async def stream_pcm(
        self, task_id: str, pcm: AsyncIterable[bytes], *, sample_rate: int = 16000, channels: int = 1
    ) -> str:
        """Drive by PCM (int16, little-endian) over the WebSocket, as it comes; the drive's id."""
        data = await self.call("DriveByWsStream", TaskId=task_id)
        drive_id = data["DriveId"]
        payload = {"DriveId": drive_id, "SampleRate": sample_rate, "Channel": channels}
        async with websockets.connect(data["WssAddress"], proxy=None) as socket:
            await socket.send(json.dumps({"Action": "Start", "Payload": payload}))
            async for piece in pcm:
                await socket.send(piece)
            await socket.send(json.dumps({"Action": "Stop", "Payload": {"DriveId": drive_id}}))
        return drive_id
