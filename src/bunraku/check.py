"""``bunraku check``: the contract's observable rules against any base URL.

Each check is a function whose docstring names its section and rule. It works as a caller's
server would, with the caller's own AppId and secret; it starts small stream tasks and stops
them again, and leaves alone whatever else runs.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from bunraku.client import Client, query
from bunraku.core import errors
from bunraku.core.call_signature import sign
from bunraku.core.stream_task import TaskStatus

PATIENCE = 20.0


class Fault(Exception):
    """What was seen instead of what the rule says."""


class Probe:
    """What checks share: the raw HTTP connection and a digital human and voice to use."""

    def __init__(self, api: Client) -> None:
        self.api = api
        self.app_id, self.secret = api.credentials
        self.http = api.http
        self._human = self._timbre = ""

    @property
    def human(self) -> str:
        if not self._human:
            self._human = self.api.digital_humans()[0]["DigitalHumanId"]
        return self._human

    @property
    def timbre(self) -> str:
        if not self._timbre:
            self._timbre = self.api.timbres()[0]["TimbreId"]
        return self._timbre

    def create(self) -> str:
        name = f"check-{secrets.token_hex(6)}"
        return self.api.create(self.human, room_id=name, stream_id=name, size=(256, 256))

    def send(
        self, changes: Mapping[str, str | None] | None = None, *, method: str = "POST", content: Any = b"{}"
    ) -> httpx.Response:
        params = query("QueryDigitalHumanStreamTasks", self.app_id, self.secret)
        for key, value in (changes or {}).items():
            if value is None:
                params.pop(key, None)
            else:
                params[key] = value
        return self.http.request(method, "/", params=params, content=content if method == "POST" else None)

    def expect(self, code: int, response: httpx.Response) -> dict[str, Any]:
        if response.status_code != 200:
            raise Fault(f"HTTP {response.status_code}")
        body = response.json()
        if body.get("Code") != code:
            raise Fault(f"Code {body.get('Code')} instead of {code}")
        if not isinstance(body.get("Message"), str) or uuid.UUID(body.get("RequestId", "")).version != 4:
            raise Fault("Message or RequestId is wrong")
        if "Data" in body and (body["Data"] is None or code != 0):
            raise Fault("Data is null, or present on failure")
        return body

    def raises(self, kind: type[errors.ApiError], call: Callable[[], Any]) -> None:
        try:
            call()
        except errors.ApiError as error:
            if error.code != kind.code:
                raise Fault(f"Code {error.code} instead of {kind.code}") from None
        else:
            raise Fault(f"Code 0 instead of {kind.code}")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise Fault(f"{what} within {PATIENCE:.0f} s")
            time.sleep(0.25)

    def drive(self, drive_id: str) -> int:
        return self.api.call("GetDriveStatus", DriveId=drive_id)["DriveList"][0]["Status"]


def envelope_on_success(s: Probe) -> None:
    """2.5 a success holds Code 0, Message success, a UUIDv4 and Data"""
    body = s.expect(0, s.send())
    if body["Message"] != "success" or not isinstance(body["Data"]["TaskList"], list):
        raise Fault("Message or TaskList is wrong")


def empty_bodies(s: Probe) -> None:
    """2.3 an empty body, blanks and null mean {}"""
    for content in (b"", b" \n", b"null"):
        s.expect(0, s.send(content=content))


def malformed_bodies(s: Probe) -> None:
    """2.3 malformed JSON and other values than objects are 400000001"""
    for content in (b"{", b"[]", b"3"):
        s.expect(errors.InvalidParams.code, s.send(content=content))


def get_form(s: Probe) -> None:
    """2.2 the GET form answers as POST does"""
    s.expect(0, s.send(method="GET"))


def gateway_codes(s: Probe) -> None:
    """3.6 each wrong common parameter has its code"""
    wrong: tuple[tuple[dict[str, str | None], type[errors.ApiError]], ...] = (
        ({"Action": None}, errors.ActionEmpty),
        ({"AppId": "abc"}, errors.AppIdFormat),
        ({"Timestamp": None}, errors.TimestampEmpty),
        ({"Timestamp": "soon"}, errors.TimestampFormat),
        ({"SignatureNonce": None}, errors.NonceEmpty),
        ({"Signature": None}, errors.SignatureEmpty),
        ({"SignatureVersion": None}, errors.SignatureVersionEmpty),
        ({"SignatureVersion": "1.0"}, errors.SignatureVersionUnsupported),
        ({"Timestamp": "1615186943"}, errors.SignatureExpired),
        ({"Signature": "0" * 32}, errors.SignatureMismatch),
        ({"Action": "DescribeDigitalHuman"}, errors.ActionUnsupported),
    )
    for changes, kind in wrong:
        s.expect(kind.code, s.send(changes))
        time.sleep(0.11)  # the limit is ten calls a second


def any_nonce(s: Probe) -> None:
    """3.4 nonces of any format, and signatures in upper case"""
    for nonce in ("15215528852396", "0.8412345", "k3f9x"):
        now = str(int(time.time()))
        signature = sign(s.app_id, nonce, s.secret, now).upper()
        s.expect(0, s.send({"SignatureNonce": nonce, "Timestamp": now, "Signature": signature}))


def lists(s: Probe) -> None:
    """5.1, 5.3 lists are paged, and Total is exact"""
    for action, key in (("GetDigitalHumanList", "DigitalHumans"), ("GetTimbreList", "Timbres")):
        total = s.api.call(action)["Total"]
        if s.api.call(action, Offset=total)[key] != []:
            raise Fault(f"{key} beyond Total")
        s.raises(errors.InvalidParams, lambda a=action: s.api.call(a, Limit=0))


def task_life(s: Probe) -> None:
    """5.4, 5.11, 5.13, 6.1 a task is created, listed, taken, stopped once, and its name freed"""
    name = f"check-{secrets.token_hex(6)}"
    make = lambda: s.api.create(s.human, room_id=name, stream_id=name, size=(256, 256))  # noqa: E731
    task = make()
    s.raises(errors.StreamIdExists, make)
    listed = [t for t in s.api.running() if t["TaskId"] == task]
    if not listed or set(listed[0]) != {"TaskId", "RoomId", "StreamId", "Status", "CreateTime"}:
        raise Fault("not listed with its five fields")
    s.until(lambda: s.api.status(task)["Status"] == TaskStatus.STREAMING, "status 3")
    s.api.stop(task)
    if any(t["TaskId"] == task for t in s.api.running()):
        raise Fault("a stopped task is listed")
    s.raises(errors.StreamAlreadyStopped, lambda: s.api.stop(task))
    again = make()
    s.api.stop(again)
    s.until(lambda: s.api.status(task)["Status"] == TaskStatus.STOPPED, "status 5")


def unknown_ids(s: Probe) -> None:
    """4.1 unknown ids have their codes"""
    nobody = str(uuid.uuid4())
    s.raises(errors.TaskNotFound, lambda: s.api.status(nobody))
    s.raises(errors.DigitalHumanNotFound, lambda: s.api.call("GetDigitalHumanInfo", DigitalHumanId=nobody))
    s.raises(errors.TaskNotFound, lambda: s.api.call("GetDriveStatus", DriveId=nobody))


def drive_at_once(s: Probe) -> None:
    """6.4 a drive right after Create is held until the stream starts"""
    task = s.create()
    try:
        drive = s.api.speak(task, "One.", timbre_id=s.timbre)
        s.until(lambda: s.drive(drive) == 4, "the drive ends")
    finally:
        s.api.stop(task)


def queue_and_modes(s: Probe) -> None:
    """6.5 mode 1 interrupts and keeps the queue; InterruptDriveTask empties it"""
    task = s.create()
    try:
        # How long a drive is held is the rule before this one.
        s.until(lambda: s.api.status(task)["Status"] == 3, "the stream starts")
        long = "This sentence takes a while to say, and it is said several times. " * 4
        first = s.api.speak(task, long, timbre_id=s.timbre)
        second = s.api.speak(task, long, timbre_id=s.timbre)
        s.until(lambda: s.drive(first) == 2, "the first drive speaks")
        now = s.api.speak(task, "Now.", timbre_id=s.timbre, interrupt=True)
        if s.drive(first) != 5 or s.drive(second) != 1:
            raise Fault("mode 1 did not interrupt, or did not keep the queue")
        s.until(lambda: s.drive(now) == 4 and s.drive(second) == 2, "the queue goes on")
        s.api.interrupt(task)
        if s.drive(second) != 5:
            raise Fault("InterruptDriveTask did not interrupt")
        s.api.interrupt(task)
    finally:
        s.api.stop(task)


def withdrawn_fields(s: Probe) -> None:
    """5.4 withdrawn fields and the older colour form are accepted"""
    name = f"check-{secrets.token_hex(6)}"
    task = s.api.call(
        "CreateDigitalHumanStreamTask",
        DigitalHumanConfig={
            "DigitalHumanId": s.human,
            "BackgroundColor": "#00000000",
            "Layout": {"top": 0, "left": 0, "width": 10, "height": 10, "layer": 2},
        },
        VideoConfig={"codec": "h264", "width": 256, "height": 256, "bitrate": 1},
        RTCConfig={"RoomId": name, "StreamId": name},
        ExtraConfig={"OutputMode": 2},
    )["TaskId"]
    s.api.stop(task)


def render_info(s: Probe) -> None:
    """5.15 GetDigitalHumanRenderInfo answers with Data"""
    data = s.api.call("GetDigitalHumanRenderInfo", DigitalHumanId=s.human)
    if "ClientInferencePackageUrl" not in data or "IsSupportSmallImageMode" not in data:
        raise Fault("fields are missing")


CHECKS: tuple[Callable[[Probe], None], ...] = (
    envelope_on_success,
    empty_bodies,
    malformed_bodies,
    get_form,
    gateway_codes,
    any_nonce,
    lists,
    unknown_ids,
    render_info,
    task_life,
    withdrawn_fields,
    drive_at_once,
    queue_and_modes,
)


def run(api: Client) -> Iterator[tuple[str, str | None]]:
    """Yields each rule and what was wrong with it, if anything."""
    stage = Probe(api)
    for check in CHECKS:
        fault: str | None = None
        try:
            check(stage)
        except (
            Fault,
            errors.ApiError,
            httpx.HTTPError,
            KeyError,
            IndexError,
            ValueError,
            TypeError,
        ) as error:
            fault = f"{type(error).__name__}: {error}" if not isinstance(error, Fault) else str(error)
        yield (check.__doc__ or check.__name__), fault
        time.sleep(0.5)  # the limit is ten calls a second and action
