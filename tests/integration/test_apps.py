"""Apps made in the console: kept, changed and rotated while others run; never those of the file."""

from __future__ import annotations

import http.server
import json
import threading
import time

import httpx
import pytest

from bunraku.client import Client
from bunraku.core.callback_signature import sign
from bunraku.core.errors import ApiError
from bunraku.core.token import TokenError, generate
from bunraku.front.edge.login import Doorkeeper
from bunraku.testing.server import APP_ID, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.apps import made, post, values


def code(client: Client) -> int:
    try:
        client.running()
    except ApiError as failed:
        return failed.code
    return 0


def test_a_rotated_secret_stays_good_for_the_time_asked(server):
    app_id, first, _ = made(server)
    second = post(server, f"/{app_id}/rotate", which="server", overlap=3600).json()["serverSecret"]
    assert [code(server.client(app_id, s)) for s in (first, second)] == [0, 0]
    third = post(server, f"/{app_id}/rotate", which="server", overlap=0).json()["serverSecret"]
    assert [code(server.client(app_id, s)) for s in (first, second, third)] == [100000005, 100000005, 0]


def test_room_tokens_of_the_old_secret_open_until_it_ends(server):
    app_id, first, _ = made(server)
    second = post(server, f"/{app_id}/rotate", which="server", overlap=3600).json()["serverSecret"]

    class At:
        def __init__(self, now: float) -> None:
            self.now = now

        def wall(self) -> float:
            return self.now

    now = time.time()
    tokens = [generate(app_id, "viewer", s, now, 7200) for s in (first, second)]
    for moment, opened in ((now, (True, True)), (now + 3700, (False, True))):
        door = Doorkeeper(server.parts.apps, At(moment))  # type: ignore[arg-type]
        for token, good in zip(tokens, opened, strict=True):
            if good:
                assert door.check(app_id, token).user_id == "viewer"
            else:
                with pytest.raises(TokenError):
                    door.check(app_id, token)


def test_an_overlap_that_was_promised_is_kept(server):
    app_id, first, _ = made(server)
    post(server, f"/{app_id}/rotate", which="server", overlap=3600)
    refused = post(server, f"/{app_id}/rotate", which="server", overlap=60)
    assert refused.status_code == 409
    assert "overlap" in refused.json()["error"]
    assert server.client(app_id, first).running() == []
    assert post(server, f"/{app_id}/rotate", which="server", overlap=0).status_code == 200
    assert code(server.client(app_id, first)) != 0


def test_apps_of_the_file_stay_as_they_are_and_faults_name_the_field(server):
    assert post(server, f"/{APP_ID}", **values()).status_code == 409
    assert post(server, f"/{APP_ID}/rotate", which="server").status_code == 409
    assert post(server, "/4", **values()).status_code == 404
    app_id, _, _ = made(server)
    for changes, field in (
        ({"callbackUrl": "ftp://a.example/"}, "callbackUrl"),
        ({"callbackUrl": "http://:99999/"}, "callbackUrl"),
        ({"callbackUrl": "http://a b/"}, "callbackUrl"),
        ({"callbackUrl": "http://a\u0000.example/"}, "callbackUrl"),
        ({"name": "  "}, "name"),
        ({"name": "night\u0000desk"}, "name"),
        ({"maxTasks": 0}, "maxTasks"),
        ({"maxTasks": True}, "maxTasks"),
        ({"enabled": "yes"}, "enabled"),
        ({"serverSecret": "x"}, "serverSecret"),
    ):
        answer = post(server, f"/{app_id}", **values(**changes))
        assert answer.status_code == 422
        assert field in answer.json()["error"]
    assert "name" in post(server, "").json()["error"]
    assert "overlap" in post(server, f"/{app_id}/rotate", which="server", overlap=-1).json()["error"]
    state = httpx.get(f"{server.base_url}/console/state").text
    assert "ecret" not in state


def test_a_disabled_app_is_refused_and_limits_hold_at_once(server, human_id):
    app_id, secret, _ = made(server)
    client = server.client(app_id, secret)
    task = client.create(human_id, room_id="r", stream_id="one", size=(256, 256))
    assert post(server, f"/{app_id}", **values(maxTasks=1)).status_code == 200
    with pytest.raises(ApiError) as failed:
        client.create(human_id, room_id="r", stream_id="two", size=(256, 256))
    assert failed.value.code == 400000008
    client.stop(task)
    assert post(server, f"/{app_id}", **values(enabled=False)).status_code == 200
    assert code(client) == 400000002


def test_a_callback_url_set_later_hears_of_running_tasks(human_id):
    heard: list[dict] = []
    two = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if len(heard) == 2:
                two.set()

        def log_message(self, *_):
            pass

    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{receiver.server_port}/"
    with RunningServer(providers=[ToneVoices()], fetch={"allow_private": True}) as server:
        app_id, secret, _ = made(server)
        client = server.client(app_id, secret)
        task = client.create(human_id, room_id="r", stream_id="s", size=(256, 256))
        post(server, f"/{app_id}", **values(callbackUrl=url))
        newest = post(server, f"/{app_id}/rotate", which="callback").json()["callbackSecret"]
        client.stop(task)
        assert two.wait(10)
    receiver.shutdown()
    assert [e["Detail"]["Status"] for e in heard] == [4, 5]
    for event in heard:
        assert event["Signature"] == sign(newest, event["Timestamp"], event["Nonce"])


def test_apps_outlive_the_process_and_the_file_of_secrets_is_private(tmp_path):
    with RunningServer(data_dir=tmp_path, providers=[]) as server:
        app_id, first, _ = made(server, "Kept")
        second = post(server, f"/{app_id}/rotate", which="server").json()["serverSecret"]
    assert (tmp_path / "bunraku.db").stat().st_mode & 0o777 == 0o600
    with RunningServer(data_dir=tmp_path, providers=[]) as server:
        assert [code(server.client(app_id, s)) for s in (first, second)] == [0, 0]
        names = [a["name"] for a in httpx.get(f"{server.base_url}/console/state").json()["apps"]]
        assert "Kept" in names
