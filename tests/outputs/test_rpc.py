"""Outputs as callers meet them (contract section 13.2): over signed HTTP, with callbacks, to a running server."""

from __future__ import annotations

import io

import av
import httpx
import pytest

from bunraku.core import errors
from bunraku.core.errors import ApiError
from bunraku.testing.server import RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.listening import Receiver
from ..support.waiting import drive_status, wait_for


@pytest.fixture(scope="module")
def told():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(told):
    apps = test_apps(callback_url=told.url)
    with RunningServer(providers=[ToneVoices()], apps=apps) as server:
        yield server


@pytest.fixture
def api(served):
    with served.client() as client:
        yield client
        for task in client.running():
            client.stop(task["TaskId"])


@pytest.fixture
def human(api):
    return api.digital_humans()[0]["DigitalHumanId"]


def outputs(api, task):
    return api.call("QueryStreamOutputs", TaskId=task)["Outputs"]


def code(api, action, **body):
    with pytest.raises(ApiError) as caught:
        api.call(action, **body)
    return caught.value.code, str(caught.value)


def start(api, human, stream, *ordered):
    body = {
        "DigitalHumanConfig": {"DigitalHumanId": human},
        "RTCConfig": {"RoomId": "outputs", "StreamId": stream},
        "VideoConfig": {"Width": 128, "Height": 128},
    }
    if ordered:
        body["ExtraConfig"] = {"Outputs": list(ordered)}
    return api.call("CreateDigitalHumanStreamTask", **body)["TaskId"]


def test_outputs_given_at_create_survive_an_interrupt_and_are_complete_when_the_task_stops(api, human, told):
    task = start(
        api, human, "at-create", {"Protocol": "file", "Name": "show"}, {"Protocol": "hls"},
        {"Protocol": "images", "SegmentSeconds": 1},
    )  # fmt: skip
    wait_for(lambda: all(o["Status"] == "ACTIVE" and o["Bytes"] for o in outputs(api, task)), 20)
    before = api.status(task)
    assert before["Status"] == 3
    drive = api.speak(task, "a b c d e f g h i j k l", timbre_id="tone-a")
    wait_for(lambda: drive_status(api, drive) == 2)
    api.interrupt(task)
    wait_for(lambda: drive_status(api, drive) > 2)
    drive = api.speak(task, "o p q", timbre_id="tone-a")
    wait_for(lambda: drive_status(api, drive) > 2)
    grown = {o["OutputId"]: o["Bytes"] for o in outputs(api, task)}
    wait_for(lambda: all(o["Bytes"] > grown[o["OutputId"]] for o in outputs(api, task)), 10)
    assert {o["Status"] for o in outputs(api, task)} == {"ACTIVE"}
    live = {o["Protocol"]: o["Url"] for o in outputs(api, task)}
    wait_for(lambda: ".m4s" in httpx.get(live["hls"]).text)
    playlist = httpx.get(live["hls"]).text
    assert playlist.startswith("#EXTM3U")
    api.stop(task)
    wait_for(lambda: (3, 5) in [(e["EventType"], e["Detail"]["Status"]) for e in mine(told, task)])

    film, hls, images = outputs(api, task)
    assert [o["Protocol"] for o in (film, hls, images)] == ["file", "hls", "images"]
    assert (film["Name"], hls["Name"]) == ("show", "hls-1")
    for output in (film, hls, images):
        assert output["Status"] == "COMPLETE"
        assert "FailReason" not in output
        assert output["EndTime"] >= output["StartTime"] > 1_700_000_000
        story = [e["Detail"] for e in mine(told, task) if e["Detail"].get("OutputId") == output["OutputId"]]
        assert [d["Status"] for d in story] == ["STARTING", "ACTIVE", "ENDING", "COMPLETE"]
        assert {d["Protocol"] for d in story} == {output["Protocol"]}
        listed = [{k: f[k] for k in ("Name", "Bytes", "Seconds")} for f in output["Files"]]
        assert story[-1]["Files"] == listed
        assert all("Files" not in d for d in story[:-1])
    # The end of an output is told before the end of its task, and after that the task began to end.
    order = [(e["EventType"], e["Detail"]["Status"]) for e in mine(told, task)]
    assert order.index((3, 1)) < order.index((101, "STARTING"))
    assert order.index((3, 3)) < order.index((101, "ACTIVE"))
    ends = [i for i, o in enumerate(order) if o == (101, "COMPLETE")]
    assert order.index((3, 4)) < ends[0] < ends[-1] < order.index((3, 5)) == len(order) - 1

    videos = [f for f in film["Files"] if f["Name"].endswith(".mp4")]
    (video,) = videos
    answer = httpx.get(video["Url"])
    assert (answer.status_code, len(answer.content)) == (200, video["Bytes"])
    with av.open(io.BytesIO(answer.content)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times[-1] + 0.04 == pytest.approx(video["Seconds"], abs=0.05)
    captions = next(f for f in film["Files"] if f["Name"].endswith(".vtt"))
    assert httpx.get(captions["Url"]).text.startswith("WEBVTT")
    picture = httpx.get(images["Files"][0]["Url"])
    assert picture.content.startswith(b"\xff\xd8\xff")


def mine(told, task):
    return sorted((e for e in told.heard if e["TaskId"] == task), key=lambda e: e["EventTime"])


def test_add_query_remove(api, human):
    task = start(api, human, "added")
    assert outputs(api, task) == []
    wait_for(lambda: api.status(task)["Status"] == 3)
    first = api.call("AddStreamOutput", TaskId=task, Output={"Protocol": "file", "Name": "take"})
    assert set(first) == {"OutputId"}
    wait_for(lambda: outputs(api, task)[0]["Status"] == "ACTIVE", 20)
    # Nobody else watches: the recording keeps the stream awake.
    grown = outputs(api, task)[0]["Bytes"]
    wait_for(lambda: outputs(api, task)[0]["Bytes"] > grown)
    api.call("RemoveStreamOutput", TaskId=task, OutputId=first["OutputId"])
    wait_for(lambda: outputs(api, task)[0]["Status"] == "COMPLETE", 15)
    api.call("RemoveStreamOutput", TaskId=task, OutputId=first["OutputId"])  # again: nothing to do
    assert api.status(task)["Status"] == 3


def test_codes(api, human, served):
    task = start(api, human, "codes", {"Protocol": "file", "Name": "take"})
    film = {"Protocol": "file", "Name": "take"}
    for action, body in (
        ("AddStreamOutput", {"Output": {"Protocol": "file"}}),
        ("RemoveStreamOutput", {"OutputId": "o"}),
        ("QueryStreamOutputs", {}),
    ):
        assert code(api, action, TaskId="00000000-0000-4000-8000-000000000000", **body)[0] == 400000005
        with served.client(67890, "0123456789abcdef0123456789abcdef") as other:
            assert code(other, action, TaskId=task, **body)[0] == 400000005, "another tenant's"
    assert code(api, "AddStreamOutput", TaskId=task, Output=film)[0] == 400000015
    unknown = code(api, "RemoveStreamOutput", TaskId=task, OutputId="nobody")
    assert unknown[0] == 400000001
    assert "OutputId" in unknown[1]
    for output, field in (
        ({}, "Protocol"),
        ({"Protocol": "ftp"}, "Protocol"),
        ({"Protocol": "srt", "Url": "srt://media.example:9000"}, "Protocol"),
        ({"Protocol": "rtmp"}, "Output.Url"),
        ({"Protocol": "rtmp", "Url": "http://media.example/live/key"}, "Output.Url"),
        ({"Protocol": "rtmp", "Url": "rtmp://media.example/key"}, "Output.Url"),
        ({"Protocol": "rtmp", "Url": "rtmp://127.0.0.1/live/key"}, "Output.Url"),
        ({"Protocol": "whip", "Url": "http://10.0.0.8/whip"}, "Output.Url"),
        ({"Protocol": "whip", "Url": "https://media.example/whip", "BearerToken": "a b"}, "BearerToken"),
        ({"Protocol": "file", "Name": "../up"}, "Name"),
        ({"Protocol": "file", "SegmentSeconds": -1}, "SegmentSeconds"),
    ):
        got = code(api, "AddStreamOutput", TaskId=task, Output=output)
        assert got[0] == 400000001, (output, got)
        assert field in got[1], (output, got)
        assert "127.0.0.1" not in got[1]
        assert "10.0.0.8" not in got[1]
    twice = [film, film]
    with pytest.raises(errors.StreamIdExists):
        start(api, human, "twice", *twice)
    with pytest.raises(errors.InvalidParams):
        start(api, human, "many", *({"Protocol": "file"} for _ in range(9)))
    with pytest.raises(errors.InvalidParams):
        start(api, human, "bad", {"Protocol": "rtmp", "Url": "rtmp://127.0.0.1/live/key"})
    assert [t["TaskId"] for t in api.running()] == [task], "what was refused left nothing"
    api.stop(task)
    wait_for(lambda: api.status(task)["Status"] == 5)
    assert (
        code(api, "AddStreamOutput", TaskId=task, Output={"Protocol": "file"})[0]
        == errors.StreamAlreadyStopped().code
    )
    assert len(outputs(api, task)) == 1
