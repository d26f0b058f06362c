"""What each action does, through real HTTP: contract sections 5 and 6."""

from __future__ import annotations

import json
import shutil
import time
import uuid

import pytest

from bunraku.core import errors
from bunraku.node.avatars.catalog import BUILT_IN
from bunraku.testing.server import APP_ID, RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.inside import performance
from ..support.waiting import drive_status, wait_for

TTS = {"TimbreId": "tone-a"}


# --- lists


def test_section_5_1_lists_digital_humans(api, server):
    data = api.call("GetDigitalHumanList")
    assert data["Total"] == len(data["DigitalHumans"]) >= 2
    for human in data["DigitalHumans"]:
        assert set(human) == {"DigitalHumanId", "Name", "AvatarUrl", "IsPublic", "Actions"}
        assert uuid.UUID(human["DigitalHumanId"])
        assert human["AvatarUrl"].startswith(server.base_url)
        assert {
            "nod",
            "shake_head",
            "bow",
            "wave",
            "thumbs_up",
            "open_palms",
            "idle_action",
            "mute_action",
        } <= {a["Action"] for a in human["Actions"]}


def test_section_5_1_pages_and_modes(api):
    total = api.call("GetDigitalHumanList")["Total"]
    assert len(api.call("GetDigitalHumanList", Offset=1, Limit=1)["DigitalHumans"]) == 1
    assert api.call("GetDigitalHumanList", Offset=total)["DigitalHumans"] == []
    assert api.call("GetDigitalHumanList", FetchMode=3) == {"Total": 0, "DigitalHumans": []}
    assert api.call("GetDigitalHumanList", FetchMode=0)["Total"] == total
    assert api.call("GetDigitalHumanList", InferenceMode="anything")["Total"] == total


@pytest.mark.parametrize(
    "bad",
    [{"FetchMode": 4}, {"Offset": -1}, {"Offset": 1000001}, {"Limit": 0}, {"Limit": 21}, {"Limit": True}],
)
@pytest.mark.parametrize("action", ["GetDigitalHumanList", "GetTimbreList"])
def test_section_5_1_and_5_3_bad_paging_names_the_field(api, action, bad):
    if action == "GetTimbreList" and "FetchMode" in bad:
        return
    with pytest.raises(errors.InvalidParams, match=next(iter(bad))):
        api.call(action, **bad)


def test_section_5_2_info_and_unknown(api, human_id):
    assert api.call("GetDigitalHumanInfo", DigitalHumanId=human_id)["DigitalHumanId"] == human_id
    with pytest.raises(errors.DigitalHumanNotFound):
        api.call("GetDigitalHumanInfo", DigitalHumanId="nobody")
    with pytest.raises(errors.InvalidParams, match="DigitalHumanId"):
        api.call("GetDigitalHumanInfo", DigitalHumanId="")


def test_section_5_2_assets_are_real_pictures_and_clips(api, human_id):
    import av
    import cv2
    import httpx
    import numpy as np

    info = api.call("GetDigitalHumanInfo", DigitalHumanId=human_id)
    png = httpx.get(info["AvatarUrl"], timeout=30)
    image = cv2.imdecode(np.frombuffer(png.content, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[0] >= 256
    assert image.std() > 20
    import io

    nod = next(a for a in info["Actions"] if a["Action"] == "nod")
    with av.open(io.BytesIO(httpx.get(nod["PreviewUrl"], timeout=30).content)) as clip:
        assert sum(1 for _ in clip.decode(video=0)) >= 40
    assert httpx.get(info["AvatarUrl"].replace("avatar", "nothing")).status_code == 404


def test_section_5_3_timbres(api, human_id):
    data = api.call("GetTimbreList", Offset=0, Limit=20)
    assert [t["TimbreId"] for t in data["Timbres"]] == ["tone-a", "tone-b"]
    assert api.call("GetTimbreList", DigitalHumanId=human_id) == {"Total": 0, "Timbres": []}
    with pytest.raises(errors.DigitalHumanNotFound):
        api.call("GetTimbreList", DigitalHumanId="nobody")


def test_section_5_15_render_info(api, human_id):
    data = api.call("GetDigitalHumanRenderInfo", DigitalHumanId=human_id)
    assert data == {"ClientInferencePackageUrl": "", "IsSupportSmallImageMode": False}
    with pytest.raises(errors.DigitalHumanNotFound):
        api.call("GetDigitalHumanRenderInfo", DigitalHumanId="x")


# --- create, query, stop


def body(human_id, **changes):
    base = {
        "DigitalHumanConfig": {"DigitalHumanId": human_id},
        "RTCConfig": {"RoomId": "room-7", "StreamId": "s"},
        "VideoConfig": {"Width": 256, "Height": 256},
    }
    for path, value in changes.items():
        node = base
        *parents, leaf = path.split("__")
        for name in parents:
            node = node.setdefault(name, {})
        if value is ...:
            node.pop(leaf, None)
        else:
            node[leaf] = value
    return base


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"DigitalHumanConfig": ...}, "DigitalHumanConfig"),
        ({"DigitalHumanConfig": []}, "DigitalHumanConfig"),
        ({"DigitalHumanConfig__DigitalHumanId": ""}, "DigitalHumanConfig.DigitalHumanId"),
        ({"DigitalHumanConfig__DigitalHumanId": 7}, "DigitalHumanConfig.DigitalHumanId"),
        ({"DigitalHumanConfig__BackgroundColor": "red"}, "BackgroundColor"),
        ({"DigitalHumanConfig__BackgroundColor": "#12345"}, "BackgroundColor"),
        ({"RTCConfig": ...}, "RTCConfig"),
        ({"RTCConfig__RoomId": ...}, "RTCConfig.RoomId"),
        ({"RTCConfig__RoomId": "é" * 65}, "RTCConfig.RoomId"),
        ({"RTCConfig__RoomId": "a\nb"}, "RTCConfig.RoomId"),
        ({"RTCConfig__StreamId": None}, "RTCConfig.StreamId"),
        ({"RTCConfig__StreamId": "a b"}, "RTCConfig.StreamId"),
        ({"RTCConfig__StreamId": "x" * 129}, "RTCConfig.StreamId"),
        ({"TTL": 9}, "TTL"),
        ({"TTL": 86401}, "TTL"),
        ({"TTL": "900"}, "TTL"),
        ({"TTL": True}, "TTL"),
        ({"TTL": 10.5}, "TTL"),
        ({"MaxIdleTime": 29}, "MaxIdleTime"),
        ({"ExtraConfig__Emotion": "furious"}, "ExtraConfig.Emotion"),
    ],
)
def test_section_5_4_bad_fields_are_named_and_nothing_is_created(api, human_id, changes, field):
    with pytest.raises(errors.InvalidParams, match=field):
        api.call("CreateDigitalHumanStreamTask", **body(human_id, **changes))
    assert api.running() == []


@pytest.mark.parametrize(
    "extra",
    [
        {"ExtraConfig": {"OutputMode": 2}},
        {"ExtraConfig": {"OutputMode": "?"}},
        {"DigitalHumanConfig__BackgroundColor": "#00000000"},
        {"DigitalHumanConfig__BackgroundColor": "#1e1e2e"},
        {"DigitalHumanConfig__Layout": {"Top": 0, "Left": 0, "Width": 1080, "Height": 1920, "Layer": 2}},
        {"VideoConfig": {"codec": "h264", "width": 300, "height": 400, "bitrate": 9}},
        {"VideoConfig": {"Width": 99999, "Height": -1, "Bitrate": "x"}},
        {"VideoConfig": "nonsense"},
        {"VideoConfig": {"Width": 0.5, "Height": 0.5}},
        {"ExtraConfig": ""},
        {"ExtraConfig": []},
        {"Assets": [{"AssetType": 1, "AssetUrl": "x", "Layout": 3}]},
        {"TTL": 0, "MaxIdleTime": 0},
        {"ExtraConfig": {"Transparent": True, "Emotion": "warm"}},
    ],
)
def test_section_5_4_withdrawn_fields_are_accepted(api, human_id, extra):
    task = api.call("CreateDigitalHumanStreamTask", **body(human_id, **extra))["TaskId"]
    assert wait_for(lambda: api.status(task)["Status"] == 3)


def test_section_5_4_create_answers_at_once_and_streams(api, create):
    begin = time.time()
    task = create(room_id="room ü", stream_id="at-once")
    state = api.status(task)
    assert state["RoomId"] == "room ü"
    assert state["StreamId"] == "at-once"
    assert abs(state["CreateTime"] - begin) <= 2
    assert "FailReason" not in state
    assert wait_for(lambda: api.status(task)["Status"] == 3)


def test_section_5_4_unknown_digital_human(api):
    with pytest.raises(errors.DigitalHumanNotFound):
        api.call("CreateDigitalHumanStreamTask", **body("nobody"))


def test_section_5_4_stream_id_is_taken_and_freed_by_stop(api, create):
    task = create(stream_id="one")
    with pytest.raises(errors.StreamIdExists):
        create(stream_id="one")
    api.stop(task)
    assert create(stream_id="one") != task


def test_section_5_4_stream_ids_of_other_apps_do_not_clash(api, other_api, create, human_id):
    create(stream_id="same")
    assert other_api.create(human_id, room_id="r", stream_id="same", size=(128, 128))


def test_section_4_1_concurrency_limit():
    with RunningServer(providers=[], apps=test_apps(max_tasks=2)) as s, s.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        first = api.create(human, room_id="r", stream_id="a", size=(128, 128))
        api.create(human, room_id="r", stream_id="b", size=(128, 128))
        with pytest.raises(errors.StreamConcurrencyLimit):
            api.create(human, room_id="r", stream_id="c", size=(128, 128))
        assert len(api.running()) == 2
        api.stop(first)
        wait_for(lambda: api.status(first)["Status"] == 5)
        api.create(human, room_id="r", stream_id="c", size=(128, 128))


def test_section_5_13_query_is_true_ordered_and_only_mine(api, other_api, create, human_id):
    theirs = other_api.create(human_id, room_id="r", stream_id="theirs", size=(128, 128))
    made = [create() for _ in range(3)]
    listed = api.running()
    assert sorted(t["TaskId"] for t in listed) == sorted(made)
    assert theirs not in [t["TaskId"] for t in listed]
    keys = [(t["CreateTime"], t["TaskId"]) for t in listed]
    assert keys == sorted(keys)
    for task in listed:
        assert set(task) == {"TaskId", "RoomId", "StreamId", "Status", "CreateTime"}
        assert task["Status"] in (1, 3)
    api.stop(made[1])
    assert sorted(t["TaskId"] for t in api.running()) == sorted((made[0], made[2]))


def test_section_5_11_stop_twice(api, create):
    task = create()
    api.stop(task)
    assert task not in [t["TaskId"] for t in api.running()]
    assert api.status(task)["Status"] in (4, 5)
    with pytest.raises(errors.StreamAlreadyStopped):
        api.stop(task)
    assert wait_for(lambda: api.status(task)["Status"] == 5)


TASK_CALLS = [
    ("DriveByText", {"Text": "x", "TTSConfig": TTS}),
    ("DriveByAudio", {"AudioUrl": "https://cdn.example.com/a.wav"}),
    ("DriveByWsStream", {}),
    ("DriveByRTCStream", {"RTCConfig": {"RoomId": "r", "StreamId": "mic"}}),
    ("DoAction", {"Action": "nod"}),
    ("InterruptDriveTask", {}),
    ("StopDigitalHumanStreamTask", {}),
]


@pytest.mark.parametrize(("action", "extra"), [*TASK_CALLS, ("GetDigitalHumanStreamTaskStatus", {})])
def test_section_5_task_id_errors(api, other_api, create, action, extra):
    for bad in ({}, {"TaskId": ""}, {"TaskId": 5}):
        with pytest.raises(errors.InvalidParams, match="TaskId"):
            api.call(action, **(extra | bad))
    with pytest.raises(errors.TaskNotFound):
        api.call(action, TaskId=str(uuid.uuid4()), **extra)
    with pytest.raises(errors.TaskNotFound):
        other_api.call(action, TaskId=create(), **extra)


@pytest.mark.parametrize(("action", "extra"), TASK_CALLS)
def test_section_6_4_stopped_tasks(api, create, action, extra):
    task = create()
    api.stop(task)
    with pytest.raises(errors.StreamAlreadyStopped):
        api.call(action, TaskId=task, **extra)


# --- drives


def test_section_5_5_text_is_spoken(api, create):
    drive = api.speak(create(), "one two", timbre_id="tone-a")
    assert uuid.UUID(drive).version == 4
    wait_for(lambda: drive_status(api, drive) == 2)
    wait_for(lambda: drive_status(api, drive) == 4)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"Text": ""}, "Text"),
        ({"Text": "  \n"}, "Text"),
        ({"Text": "x" * 1801}, "Text"),
        ({"Text": None}, "Text"),
        ({"InterruptMode": 2}, "InterruptMode"),
        ({"TTSConfig": None}, "TTSConfig"),
        ({"TTSConfig": {}}, "TTSConfig.TimbreId"),
        ({"TTSConfig": TTS | {"SpeechRate": 501}}, "TTSConfig.SpeechRate"),
        ({"TTSConfig": TTS | {"PitchRate": -501}}, "TTSConfig.PitchRate"),
        ({"TTSConfig": TTS | {"Volume": 101}}, "TTSConfig.Volume"),
        ({"TTSConfig": TTS | {"Volume": -1}}, "TTSConfig.Volume"),
        ({"Emotion": "odd"}, "Emotion"),
    ],
)
def test_section_5_5_bad_fields(api, create, changes, field):
    task = create()
    with pytest.raises(errors.InvalidParams, match=field):
        api.call("DriveByText", **({"TaskId": task, "Text": "x", "TTSConfig": TTS} | changes))
    assert api.drives(task) == []


def test_section_5_5_characters_are_code_points(api, create):
    assert api.speak(create(), "好" * 1800, timbre_id="tone-a")


def test_section_5_5_unknown_timbre(api, create):
    with pytest.raises(errors.TimbreNotFound):
        api.speak(create(), "x", timbre_id="nobody")


def test_section_5_5_a_timbre_bound_to_another_digital_human():
    voices = ToneVoices(names=("free", "private"))
    with RunningServer(providers=[voices]) as s, s.client() as api:
        a, b = (h["DigitalHumanId"] for h in api.digital_humans()[:2])
        voices.bind("private", b)
        task = api.create(a, room_id="r", stream_id="s", size=(128, 128))
        with pytest.raises(errors.TimbreNotSupported):
            api.speak(task, "x", timbre_id="private")
        own = api.create(b, room_id="r", stream_id="t", size=(128, 128))
        assert api.speak(own, "x", timbre_id="private")
        assert api.call("GetTimbreList", DigitalHumanId=b)["Total"] == 1


def test_section_6_3_failed_synthesis_fails_its_drive_and_the_queue_goes_on(api, create):
    task = create()
    bad, good = (api.speak(task, t, timbre_id="tone-a") for t in ("FAIL", "fine"))
    wait_for(lambda: drive_status(api, good) == 4)
    assert drive_status(api, bad) == 3


def test_section_6_5_modes_queue_and_interrupt(api, create):
    task = create()
    first = api.speak(task, "a b c d e f g h i j", timbre_id="tone-a")
    second = api.speak(task, "k", timbre_id="tone-a")
    wait_for(lambda: drive_status(api, first) == 2)
    now = api.speak(task, "now", timbre_id="tone-b", interrupt=True)
    assert drive_status(api, first) == 5
    wait_for(lambda: drive_status(api, second) == 4)
    assert drive_status(api, now) == 4
    assert [d["DriveId"] for d in api.drives(task)] == [first, second, now]


def test_section_5_10_interrupt_empties_everything(api, create):
    task = create()
    drives = [api.speak(task, "a b c d e f", timbre_id="tone-a") for _ in range(3)]
    wait_for(lambda: drive_status(api, drives[0]) == 2)
    assert api.call("InterruptDriveTask", TaskId=task) == {}
    assert [d["Status"] for d in api.drives(task)] == [5, 5, 5]
    api.interrupt(task)  # nothing to interrupt: Code 0


def test_section_5_11_stop_ends_drives_as_interrupted(api, create):
    task = create()
    drives = [api.speak(task, "a b c d e f", timbre_id="tone-a") for _ in range(2)]
    api.stop(task)
    assert [d["Status"] for d in api.drives(task)] == [5, 5]
    assert drive_status(api, drives[0]) == 5


@pytest.mark.parametrize("delay", [0.0, 0.5])
def test_section_6_4_drive_right_after_create(api, create, delay):
    task = create(size=(300, 300))
    time.sleep(delay)
    assert api.speak(task, "at once", timbre_id="tone-a")
    assert api.status(task)["Status"] == 3


def test_section_6_4_interrupt_on_a_starting_task_is_refused_at_once(api, create):
    task = create(size=(332, 332))  # a size nobody decoded yet: the start takes a while
    begin = time.monotonic()
    try:
        api.interrupt(task)
    except errors.StreamNotStarted:
        assert time.monotonic() - begin < 4, "a drive waits for the start, up to five seconds; this does not"
    else:
        assert api.status(task)["Status"] == 3, "it had started"


def test_section_5_14_drive_status_errors(api, create):
    with pytest.raises(errors.InvalidParams):
        api.call("GetDriveStatus")
    with pytest.raises(errors.TaskNotFound):
        api.call("GetDriveStatus", DriveId=str(uuid.uuid4()))
    one, two = create(), create()
    drive = api.speak(one, "x", timbre_id="tone-a")
    with pytest.raises(errors.TaskNotFound):
        api.call("GetDriveStatus", TaskId=two, DriveId=drive)
    assert len(api.call("GetDriveStatus", TaskId=one, DriveId=drive)["DriveList"]) == 1


def test_section_13_1_what_was_heard_of_a_drive(api, create):
    task = create()
    drive = api.speak(task, "one two three four five six seven eight", timbre_id="tone-a")

    def state():
        return api.call("GetDriveStatus", DriveId=drive)["DriveList"][0]

    wait_for(lambda: state()["PlayedMs"] > 400)
    now = state()
    assert now["Status"] == 2
    assert now["SpokenText"].startswith("one")
    api.interrupt(task)
    over = state()
    assert over["Status"] == 5
    assert now["PlayedMs"] <= over["PlayedMs"] < 10_000
    assert "one two three four five six seven eight".startswith(over["SpokenText"])
    assert len(over["SpokenText"]) >= len(now["SpokenText"]) > 2
    assert state() == over
    whole = api.speak(task, "nine ten", timbre_id="tone-a")
    wait_for(lambda: drive_status(api, whole) == 4)
    last = api.call("GetDriveStatus", TaskId=task)["DriveList"][1]
    assert last["SpokenText"] == "nine ten"
    assert last["PlayedMs"] > 100


def test_section_5_9_gestures(api, create):
    task = create()
    for name in ("wave", "nod", "idle_action"):
        assert api.call("DoAction", TaskId=task, Action=name) == {}
    with pytest.raises(errors.InvalidParams, match="Action"):
        api.gesture(task, "moonwalk")


def test_section_5_13_stop_everything_that_query_lists(api, create):
    for _ in range(4):
        create()
    for task in api.running():
        api.stop(task["TaskId"])
    assert api.running() == []


def test_section_5_2_aliases_let_foreign_ids_run():
    foreign = "c4b56d5c-db98-4d91-86d4-5a97b507da97"
    with RunningServer(providers=[ToneVoices()]) as plain, plain.client() as api:
        local = api.digital_humans()[0]["DigitalHumanId"]
    aliases = {foreign: local, "their-voice": "tone-a"}
    with RunningServer(providers=[ToneVoices()], aliases=aliases) as s, s.client() as api:
        assert api.call("GetDigitalHumanInfo", DigitalHumanId=foreign)["DigitalHumanId"] == local
        task = api.create(foreign, room_id="r", stream_id="s", size=(128, 128))
        assert api.speak(task, "x", timbre_id="their-voice")


@pytest.mark.embedded("the lateness of a performance is set from within")
def test_section_4_1_overload_refuses_new_tasks_and_spares_running_ones(server, api, create):
    task = create()
    drive = api.speak(task, "one two three", timbre_id="tone-a")
    performance(server, task).meter.lateness = 1.0
    with pytest.raises(errors.SystemBusy):
        create()
    wait_for(lambda: drive_status(api, drive) == 4)
    wait_for(lambda: server.parts.manager.lateness < 0.02)
    assert create()


def test_section_4_1_a_full_drive_queue_is_busy():
    with RunningServer(providers=[ToneVoices()], limits={"drive_queue": 2}) as s, s.client() as api:
        task = api.create(
            api.digital_humans()[0]["DigitalHumanId"], room_id="r", stream_id="s", size=(128, 128)
        )
        accepted = [api.speak(task, "a b c d e f", timbre_id="tone-a") for _ in range(3)]
        with pytest.raises(errors.SystemBusy):
            api.speak(task, "one too many", timbre_id="tone-a")
        assert [d["DriveId"] for d in api.drives(task)] == accepted


def test_section_4_1_a_broken_pack_has_its_code(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{}")
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "manifest.json").write_text('{"format": 2, "id": "of-tomorrow"}')
    packs = (tmp_path / "broken", tmp_path / "newer")
    with RunningServer(providers=[], packs=packs) as s, s.client() as api:
        with pytest.raises(errors.DigitalHumanVersion):
            api.create("broken", room_id="r", stream_id="s")
        with pytest.raises(errors.DigitalHumanVersion):
            api.create("of-tomorrow", room_id="r", stream_id="s")
        assert api.running() == []


def test_section_13_the_emotion_at_rest_is_the_digital_humans_own(tmp_path):
    def pack(name, emotion):
        shutil.copytree(BUILT_IN / "anna", tmp_path / name)
        manifest = json.loads((BUILT_IN / "anna" / "manifest.json").read_text("utf-8"))
        manifest |= {"id": name, "emotion": emotion}
        (tmp_path / name / "manifest.json").write_text(json.dumps(manifest))
        return tmp_path / name

    packs = (pack("sunny", "happy"), pack("odd", "furious"))
    with RunningServer(providers=[], packs=packs) as s, s.client() as api:
        rtc = {"RoomId": "r"}

        def emotion(stream, human, **extra):
            task = api.call(
                "CreateDigitalHumanStreamTask",
                DigitalHumanConfig={"DigitalHumanId": human},
                RTCConfig=rtc | {"StreamId": stream},
                VideoConfig={"Width": 128, "Height": 128},
                ExtraConfig=extra,
            )["TaskId"]
            return s.call(lambda: s.parts.manager.record(APP_ID, task).emotion)

        assert emotion("a", "sunny") == "happy"
        assert emotion("b", "sunny", Emotion="serious") == "serious"
        assert emotion("c", api.digital_humans()[0]["DigitalHumanId"]) == "neutral"
        with pytest.raises(errors.DigitalHumanBroken):
            emotion("d", "odd")


def test_section_4_1_no_room_for_one_more_performance():
    with RunningServer(providers=[], limits={"tasks": 1}) as s, s.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        api.create(human, room_id="r", stream_id="a", size=(128, 128))
        with pytest.raises(errors.NoResources):
            api.create(human, room_id="r", stream_id="b", size=(128, 128))


@pytest.mark.embedded("a pack is broken from within")
def test_section_6_1_a_failed_start_has_its_reason_and_frees_its_name(server, api, human_id, monkeypatch):
    pack = server.parts.catalog.get(human_id)

    def broken(framing):
        raise errors.DigitalHumanBroken("scripted")

    monkeypatch.setattr(pack, "stage", broken)
    task = api.create(human_id, room_id="r", stream_id="fails", size=(128, 128))
    wait_for(lambda: api.status(task)["Status"] == 2)
    state = api.status(task)
    assert "DigitalHumanBroken" in state["FailReason"]
    assert task not in [t["TaskId"] for t in api.running()]
    with pytest.raises(errors.StreamNotStarted):
        api.speak(task, "x", timbre_id="tone-a")
    with pytest.raises(errors.StreamAlreadyStopped):
        api.stop(task)
    monkeypatch.undo()
    assert api.create(human_id, room_id="r", stream_id="fails", size=(128, 128))
