"""A real server under kill -9 while it records: what its next life makes of the recording and of its task."""

from __future__ import annotations

import io
import signal

import av
import httpx
import pytest
from click.testing import CliRunner

from bunraku.cli import main
from bunraku.node.outputs import salvage
from bunraku.node.provenance import credentials
from bunraku.testing.server import APP_ID, SECRET, RunningServer, test_apps

from ..support.listening import Receiver
from ..support.process import Process, statuses
from ..support.services import free_port
from ..support.waiting import wait_for

pytest.importorskip("c2pa", reason="bunraku[c2pa] is not installed")


@pytest.fixture
def told():
    made = Receiver()
    yield made
    made.close()


def outputs(told, task):
    return [e["Detail"]["Status"] for e in told.heard if (e["EventType"], e["TaskId"]) == (101, task)]


def test_a_recording_under_way_is_closed_signed_and_told_by_the_next_life(tmp_path, told, monkeypatch):
    keys = tmp_path / "keys"
    assert CliRunner().invoke(main, ["provenance", "make-certificate", str(keys)]).exit_code == 0
    signing = {"certificate": str(keys / "chain.pem"), "key": str(keys / "key.pem")}
    text = (
        f'[[apps]]\napp_id = {APP_ID}\nserver_secret = "{SECRET}"\ncallback_url = "{told.url}"\n'
        "[fetch]\nallow_private = true\n"
        f'[provenance]\ncertificate = "{signing["certificate"]}"\nkey = "{signing["key"]}"\n'
    )
    server = Process(tmp_path, free_port(), text=text)
    try:
        with server.api() as api:
            human = api.digital_humans()[0]["DigitalHumanId"]
            task = api.call(
                "CreateDigitalHumanStreamTask",
                DigitalHumanConfig={"DigitalHumanId": human},
                RTCConfig={"RoomId": "killed", "StreamId": "killed"},
                VideoConfig={"Width": 128, "Height": 128},
                ExtraConfig={"Outputs": [{"Protocol": "file", "Name": "take"}]},
            )["TaskId"]
            folder = tmp_path / "data" / "outputs" / str(APP_ID) / task / "take"
            wait_for(lambda: sum(p.stat().st_size for p in folder.glob("*.mp4")) > 100_000, 60)
    finally:
        server.end(signal.SIGKILL)
    (path,) = folder.glob("*.mp4")
    assert outputs(told, task) == ["STARTING", "ACTIVE"]
    monkeypatch.setattr(salvage, "UNTOUCHED", 0.2)
    with RunningServer(
        data_dir=tmp_path / "data",
        apps=test_apps(callback_url=told.url),
        fetch={"allow_private": True},
        provenance=signing,
    ) as again:
        wait_for(lambda: credentials(path) is not None, 60)
        wait_for(lambda: (3, 5) in statuses(told.heard, task), 30)
        with again.client() as api:
            (output,) = api.call("QueryStreamOutputs", TaskId=task)["Outputs"]
        (file,) = output["Files"]
        answer = httpx.get(file["Url"])
    assert outputs(told, task) == ["STARTING", "ACTIVE", "FAILED"]
    assert (output["Status"], output["FailReason"]) == ("FAILED", "the node was lost")
    assert (answer.status_code, answer.content) == (200, path.read_bytes())
    found = credentials(path, (keys / "root.pem").read_bytes())
    assert found is not None
    assert (found.state, found.faults, found.title) == ("Trusted", (), path.name)
    with av.open(io.BytesIO(answer.content)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 50
    with av.open(io.BytesIO(answer.content)) as container:
        assert sum(f.samples for f in container.decode(audio=0)) > 96_000
