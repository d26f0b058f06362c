"""What an operator sees of a call: its ids on every line of the log, in one process and in a cluster."""

from __future__ import annotations

import json
import signal
import time

import httpx
import pytest

from bunraku.core.call_signature import query
from bunraku.testing.server import APP_ID, SECRET

from ..support.process import Process
from ..support.services import free_port

TONE = "en-us-ava"


def ask(port, action, **body):
    """The whole envelope."""
    answer = httpx.post(f"http://127.0.0.1:{port}/", params=query(action, APP_ID, SECRET), json=body)
    return answer.json()


def until(holds, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lines(path):
    """Every line is an object."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.voices
def test_every_line_of_a_drive_carries_its_ids(tmp_path, monkeypatch):
    monkeypatch.setenv("BUNRAKU_LOG_FORMAT", "json")
    monkeypatch.setenv("BUNRAKU_FETCH__ALLOW_PRIVATE", "true")
    nobody = f'callback_url = "http://127.0.0.1:{free_port()}/"'
    process = Process(tmp_path, free_port(), nobody)
    port = process.port
    human = ask(port, "GetDigitalHumanList")["Data"]["DigitalHumans"][0]["DigitalHumanId"]
    place = {"RoomId": "r", "StreamId": "s"}
    created = ask(
        port,
        "CreateDigitalHumanStreamTask",
        DigitalHumanConfig={"DigitalHumanId": human},
        RTCConfig=place,
        VideoConfig={"Width": 128, "Height": 128},
    )
    task = created["Data"]["TaskId"]
    said = ask(port, "DriveByText", TaskId=task, Text="One.", TTSConfig={"TimbreId": TONE})
    broken = ask(port, "DriveByAudio", TaskId=task, AudioUrl=f"http://127.0.0.1:{free_port()}/none.wav")
    long = ask(port, "DriveByText", TaskId=task, Text="Many words. " * 40, TTSConfig={"TimbreId": TONE})

    def status(answer):
        drives = ask(port, "GetDriveStatus", DriveId=answer["Data"]["DriveId"])["Data"]["DriveList"]
        return drives[0]["Status"]

    until(lambda: status(long) == 2)
    interrupt = ask(port, "InterruptDriveTask", TaskId=task)
    stop = ask(port, "StopDigitalHumanStreamTask", TaskId=task)
    until(lambda: ask(port, "GetDigitalHumanStreamTaskStatus", TaskId=task)["Data"]["Status"] == 5)
    process.end(signal.SIGTERM)

    log = lines(tmp_path / "log.txt")
    node = (tmp_path / "data" / "node").read_text().strip()
    for answer, messages in (
        (said, {"call", "drive queued", "drive driving", "drive ended"}),
        (broken, {"call", "drive queued", "drive failed"}),
        (long, {"call", "drive queued", "drive driving", "drive interrupted"}),
    ):
        drive = answer["Data"]["DriveId"]
        by_request = [x for x in log if x.get("request_id") == answer["RequestId"]]
        by_drive = [x for x in log if x.get("drive_id") == drive and x.get("action") != "GetDriveStatus"]
        assert by_request == by_drive
        assert messages <= {x["message"] for x in by_request}
        assert {(x["task_id"], x["node"]) for x in by_request} == {(task, node)}
    for answer, messages in (
        (created, {"call", "stream task streaming"}),
        (interrupt, {"call"}),
        (stop, {"call", "stream task stopping", "stream task stopped"}),
    ):
        mine = [x for x in log if x.get("request_id") == answer["RequestId"]]
        assert {x["message"] for x in mine} == messages
        assert {(x["task_id"], x["node"]) for x in mine} == {(task, node)}


def test_the_ids_cross_the_hall(cluster, capfd):
    """What nodes log comes out of the process that started them, as they wrote it."""
    port = cluster.fronts[0].port
    human = ask(port, "GetDigitalHumanList")["Data"]["DigitalHumans"][0]["DigitalHumanId"]
    created = ask(
        port,
        "CreateDigitalHumanStreamTask",
        DigitalHumanConfig={"DigitalHumanId": human},
        RTCConfig={"RoomId": "seeing", "StreamId": "seeing"},
        VideoConfig={"Width": 128, "Height": 128},
    )
    task = created["Data"]["TaskId"]
    said = ask(port, "DriveByText", TaskId=task, Text="One.", TTSConfig={"TimbreId": "tone-a"})
    drive = said["Data"]["DriveId"]
    heard: list[dict] = []
    rest = ""

    def ended():
        nonlocal rest
        *whole, rest = (rest + capfd.readouterr().err).split("\n")
        heard.extend(json.loads(x) for x in whole if x.startswith("{"))
        return any(x.get("drive_id") == drive and x["message"] == "drive ended" for x in heard)

    until(ended)
    ask(port, "StopDigitalHumanStreamTask", TaskId=task)
    mine = [x for x in heard if x.get("drive_id") == drive or x.get("request_id") == said["RequestId"]]
    assert [x["message"] for x in mine] == ["drive queued", "drive driving", "drive ended"]
    (call,) = (x for x in lines(cluster.fronts[0].log) if x.get("request_id") == said["RequestId"])
    assert call["message"] == "call"
    ids = {(x["request_id"], x["task_id"], x["drive_id"], x["node"]) for x in [*mine, call]}
    assert ids == {(said["RequestId"], task, drive, call["node"])}
    assert call["node"] in cluster.node_ids
