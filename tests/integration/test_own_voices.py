"""Voices of single apps: made in the console, listed and used by their app alone, through real HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
from click.testing import CliRunner

from bunraku.cli import main
from bunraku.core.errors import ApiError
from bunraku.core.media import SpeechChunk
from bunraku.core.own_voice import OwnVoice
from bunraku.core.settings_speech import SpeechEndpoint
from bunraku.node.guarded_http import GuardedTransport
from bunraku.node.speech.base import Prosody
from bunraku.node.speech.own_voices import OwnVoices
from bunraku.testing.clock import VirtualClock
from bunraku.testing.server import APP_ID, OTHER_APP_ID, OTHER_SECRET, RunningServer
from bunraku.testing.voices import ToneVoices, tone

from ..support.piper import tiny_voice
from ..support.speech import say

KEY = "sk-of-the-first-app"


@pytest.fixture(scope="module")
def speech():
    """An OpenAI-shaped server: 0.4 s a request; with ``gate`` cleared, the second half waits."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.asked.append((self.headers["authorization"], body["voice"], body["input"]))
            self.send_response(200)
            self.end_headers()
            half = tone(440, 0.4)[::2].tobytes()
            self.wfile.write(half[: len(half) // 2])
            self.wfile.flush()
            server.gate.wait(20)
            self.wfile.write(half[len(half) // 2 :])

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.gate = [], threading.Event()
    server.gate.set()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield server
    server.gate.set()
    server.shutdown()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    data = tmp_path_factory.mktemp("own")
    with RunningServer(providers=[ToneVoices()], data_dir=data, fetch={"allow_private": True}) as server:
        yield server


@pytest.fixture(scope="module")
def people(served):
    return [h["DigitalHumanId"] for h in served.client().digital_humans()]


def run(server, *arguments):
    return CliRunner().invoke(main, ["voices", *arguments, "--base-url", server.base_url])


def console(server, path, **body):
    origin = {"Origin": server.base_url}
    return httpx.post(f"{server.base_url}/console/{path}", json=body, headers=origin, trust_env=False)


def listed(client, human):
    return [t["TimbreId"] for t in client.call("GetTimbreList", DigitalHumanId=human)["Timbres"]]


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def statuses(client, task):
    return [d["Status"] for d in client.call("GetDriveStatus", TaskId=task)["DriveList"]]


def test_a_voice_is_its_apps_alone_from_its_making_to_its_end(served, speech, people, caplog):
    made = run(
        served, "add", "ours", "--app", str(APP_ID), "--human", people[0], "--openai", speech.url,
        "--voice", "ada", "--voice", "bob", "--api-key", KEY,
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert made.output.split() == ["own-ours-ada", "own-ours-bob"]
    mine, other = served.client(), served.client(OTHER_APP_ID, OTHER_SECRET)
    with mine, other:
        assert listed(mine, people[0]) == ["own-ours-ada", "own-ours-bob"]
        assert listed(mine, people[1]) == listed(other, people[0]) == []
        for client in (mine, other):
            assert [t["TimbreId"] for t in client.timbres()] == ["tone-a", "tone-b"]
        # Its own digital human, another one, and another app.
        task = mine.create(people[0], room_id="r", stream_id="s", size=(128, 128))
        wrong = mine.create(people[1], room_id="r", stream_id="s2", size=(128, 128))
        foreign = other.create(people[0], room_id="r", stream_id="s", size=(128, 128))
        asked = len(speech.asked)
        mine.speak(task, "Good morning.", timbre_id="own-ours-ada")
        wait_until(lambda: statuses(mine, task) == [4])
        assert speech.asked[asked:] == [(f"Bearer {KEY}", "ada", "Good morning.")]
        with pytest.raises(ApiError, match="timbre") as refused:
            mine.speak(wrong, "No.", timbre_id="own-ours-ada")
        assert refused.value.code == 400000009
        with pytest.raises(ApiError) as refused:
            other.speak(foreign, "No.", timbre_id="own-ours-ada")
        assert refused.value.code == 400000004

        # The other app may use the same name for what is its own.
        theirs = console(
            served, f"voices/{OTHER_APP_ID}", name="ours", digitalHumanId=people[0], kind="openai",
            baseUrl=speech.url, voices=["ada"], apiKey="sk-theirs",
        )  # fmt: skip
        assert theirs.json()["timbres"] == ["own-ours-ada"]
        other.speak(foreign, "Hello.", timbre_id="own-ours-ada")
        wait_until(lambda: statuses(other, foreign) == [4])
        assert speech.asked[-1][0] == "Bearer sk-theirs"

        # Taken away while it speaks: it says that to the end, and nothing more.
        speech.gate.clear()
        before = len(speech.asked)
        mine.speak(task, "To the end.", timbre_id="own-ours-bob")
        wait_until(lambda: statuses(mine, task) == [4, 2] and len(speech.asked) > before)
        assert run(served, "remove", "ours", "--app", str(APP_ID)).exit_code == 0
        assert listed(mine, people[0]) == []
        with pytest.raises(ApiError) as refused:
            mine.speak(task, "No more.", timbre_id="own-ours-ada")
        assert refused.value.code == 400000004
        speech.gate.set()
        wait_until(lambda: statuses(mine, task) == [4, 4])
        assert listed(other, people[0]) == ["own-ours-ada"]
        for client, one in ((mine, task), (mine, wrong), (other, foreign)):
            client.stop(one)
    assert run(served, "remove", "ours", "--app", str(OTHER_APP_ID)).exit_code == 0
    again = run(served, "remove", "ours", "--app", str(APP_ID))
    assert again.exit_code == 1
    assert "no such voice" in again.output
    assert KEY not in caplog.text


def test_a_key_comes_in_and_never_out(served, speech, people):
    answer = console(
        served, f"voices/{APP_ID}", name="keyed", digitalHumanId=people[0], kind="openai",
        baseUrl=speech.url, voices=["ada"], apiKey=KEY,
    )  # fmt: skip
    shown = httpx.get(f"{served.base_url}/console/voices/{APP_ID}", trust_env=False)
    assert KEY not in answer.text + shown.text
    assert shown.json()["voices"][0]["hasKey"] is True
    bad = console(served, f"voices/{APP_ID}", name="x y", digitalHumanId="z", kind="openai", apiKey=KEY)
    assert bad.status_code == 422
    assert KEY not in bad.text
    page = run(served, "list", "--app", str(APP_ID))
    assert "keyed" in page.output
    assert KEY not in page.output
    assert run(served, "remove", "keyed", "--app", str(APP_ID)).exit_code == 0
    stored = (served.settings.data_dir / "bunraku.db").stat()
    assert stored.st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("change", "status", "names"),
    [
        ({"name": "A!"}, 422, "name"),
        ({"digitalHumanId": "nobody"}, 422, "digitalHumanId"),
        ({"baseUrl": "ftp://example.com"}, 422, "baseUrl"),
        ({"baseUrl": None}, 422, "baseUrl"),
        ({"voices": []}, 422, "voices"),
        ({"folder": "/srv"}, 422, "folder"),
        ({"kind": "piper"}, 422, "piper"),
        ({"kind": "piper", "folder": "relative", "baseUrl": None, "voices": []}, 422, "folder"),
        ({"sampleRate": 7999}, 422, "sampleRate"),
        ({"surplus": 1}, 422, "surplus"),
    ],
)
def test_a_mistake_is_named(served, people, change, status, names):
    good = {
        "name": "n", "digitalHumanId": people[0], "kind": "openai", "baseUrl": "https://example.com/v1",
        "voices": ["v"],
    }  # fmt: skip
    answer = console(served, f"voices/{APP_ID}", **(good | change))
    assert answer.status_code == status
    assert names in answer.json()["error"]
    assert console(served, "voices/99", **good).status_code == 404


def test_a_folder_of_piper_voices_is_a_tenants_too(served, people, tmp_path):
    tiny_voice(tmp_path)
    made = run(served, "add", "mine", "--app", str(APP_ID), "--human", people[1], "--piper", str(tmp_path))
    assert made.output.split() == ["own-mine-en_GB-tiny-low"]
    with served.client() as api:
        task = api.create(people[1], room_id="p", stream_id="p", size=(128, 128))
        api.speak(task, "Hello.", timbre_id="own-mine-en_GB-tiny-low")
        wait_until(lambda: statuses(api, task) == [4])
        api.stop(task)
    assert run(served, "remove", "mine", "--app", str(APP_ID)).exit_code == 0
    empty = run(served, "add", "mine", "--app", str(APP_ID), "--human", people[1], "--piper", "/nowhere")
    assert "no voices" in empty.output
    assert run(served, "remove", "mine", "--app", str(APP_ID)).exit_code == 0


def test_they_outlive_a_restart_and_private_addresses_are_refused_unless_the_operator_allows(
    speech, tmp_path, caplog
):
    with RunningServer(providers=[ToneVoices()], data_dir=tmp_path, fetch={"allow_private": True}) as server:
        human = server.client().digital_humans()[0]["DigitalHumanId"]
        body = {"digitalHumanId": human, "kind": "openai", "baseUrl": speech.url, "voices": ["ada"]}
        named = body | {"baseUrl": speech.url.replace("127.0.0.1", "localhost.")}
        assert console(server, f"voices/{APP_ID}", name="one", apiKey=KEY, **body).status_code == 200
        assert console(server, f"voices/{APP_ID}", name="one", **body).status_code == 409
        assert console(server, f"voices/{APP_ID}", name="two", **named).status_code == 200
    with RunningServer(providers=[ToneVoices()], data_dir=tmp_path) as server, server.client() as api:
        wait_until(lambda: listed(api, human) == ["own-one-ada", "own-two-ada"])
        for url in (speech.url, "http://localhost/v1"):
            answer = console(server, f"voices/{APP_ID}", name="three", **(body | {"baseUrl": url}))
            assert answer.status_code == 422
            assert "not public" in answer.json()["error"]
        # What was made when they were allowed: nobody is asked, also not by a name.
        asked = len(speech.asked)
        task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
        for timbre in ("own-one-ada", "own-two-ada"):
            api.speak(task, "Nobody hears this.", timbre_id=timbre)
        wait_until(lambda: statuses(api, task) == [3, 3])
        assert len(speech.asked) == asked
    assert KEY not in caplog.text


async def test_the_guard_asks_the_address_it_checked(monkeypatch, speech):
    """A name is looked up once, and the connection goes where the answer said."""
    port = int(speech.url.split(":")[2].split("/")[0])
    looked = []

    async def lookup(host, port, **_):
        looked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    monkeypatch.setattr("bunraku.node.guarded_http.is_public", lambda address: address == "127.0.0.1")
    async with httpx.AsyncClient(transport=GuardedTransport()) as client:
        body = {"voice": "v", "input": "i"}
        answer = await client.post(f"http://speech.example:{port}/v1/audio/speech", json=body)
    assert answer.status_code == 200
    assert looked[0] == "speech.example"
    assert set(looked[1:]) <= {"127.0.0.1"}
    assert np.frombuffer(answer.content, np.int16).size


async def test_one_apps_voice_that_does_not_start_is_named_once_and_in_nobodys_way(monkeypatch, caplog):
    endpoint = SpeechEndpoint(name="own-good", base_url="http://127.0.0.1:9/v1", voices=("ada",))
    bad, good = OwnVoice(1, "bad", "h", folder=Path("/")), OwnVoice(2, "good", "h", endpoint)

    async def read():
        return [bad, good]

    def make(self, voice, makes=OwnVoices._make):
        if voice is bad:
            raise RuntimeError("a secret")
        return makes(self, voice)

    monkeypatch.setattr(OwnVoices, "_make", make)
    voices = OwnVoices(read, VirtualClock())
    for _ in range(3):
        await voices.refresh()
    assert [t.id for t in voices.timbres(2, "h")] == ["own-good-ada"]
    assert voices.timbres(1, "h") == []
    assert caplog.text.count("a voice of app 1 is not there (RuntimeError)") == 1
    assert "a secret" not in caplog.text
    await voices.close()


async def test_a_voice_that_is_gone_before_its_turn_fails_its_drive():
    from bunraku.node.speech.base import SpeechFailed
    from bunraku.node.speech.voices import Voices

    with pytest.raises(SpeechFailed, match="no timbre"):
        await say(Voices([ToneVoices()]), "own-gone-ada", "x", Prosody())


def test_an_emotion_of_the_drive_or_the_task_sets_the_pace(served, speech, people, monkeypatch):
    said = []
    voices = served.parts.voices

    async def speak(timbre_id, text, prosody, *, tenant=0):
        said.append((text, round(prosody.speed, 3)))
        yield SpeechChunk(tone(300, 0.04))

    monkeypatch.setattr(voices, "speak", speak)
    with served.client() as api:
        extra = {"ExtraConfig": {"Emotion": "serious"}}
        place = {"RTCConfig": {"RoomId": "e", "StreamId": "e"}}
        human = {"DigitalHumanConfig": {"DigitalHumanId": people[0]}}
        task = api.call("CreateDigitalHumanStreamTask", **human, **place, **extra)["TaskId"]
        tts = {"TTSConfig": {"TimbreId": "tone-a"}}
        api.call("DriveByText", TaskId=task, Text="as the task", **tts)
        api.call("DriveByText", TaskId=task, Text="as it says", Emotion="happy", **tts)
        wait_until(lambda: statuses(api, task) == [4, 4])
        api.stop(task)
    assert said == [("as the task", 0.94), ("as it says", 1.05)]
