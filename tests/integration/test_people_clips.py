"""A digital human of a video, by the API: made, told of, on a stage, and gone."""

from __future__ import annotations

import shutil

import httpx
import pytest

from bunraku.testing.server import APP_ID, RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.clips import write_clip
from ..support.people import ended, info
from ..support.photographs import nets
from ..support.waiting import wait_for


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clips") / "imani.mp4")


def test_a_clip_becomes_one_that_speaks(tmp_path, clip, receivers):
    shutil.copytree(nets(), tmp_path / "people-nets")
    receiver = receivers()
    with (
        RunningServer(
            providers=[ToneVoices()],
            data_dir=tmp_path,
            apps=test_apps(callback_url=receiver.url),
            fetch={"allow_private": True},
        ) as served,
        served.client() as api,
    ):
        short = api.make_digital_human("Short", write_clip(tmp_path / "short.mp4", seconds=3.0), consent=True)
        human = api.make_digital_human("Imani", clip, consent=True)
        assert "20 seconds" in ended(api, short)["FailReason"]

        def shown():
            people = httpx.get(f"{served.base_url}/console/people/{APP_ID}").json()["people"]
            return next(p for p in people if p["id"] == human)

        wait_for(lambda: shown()["marks"], 60)
        marks = shown()["marks"]
        assert (marks["width"], marks["height"], len(marks["points"])) == (360, 480, 468)
        assert 0 <= marks["at"] < 20
        said = ended(api, human, 180)
        assert (said["State"], said["Progress"]) == ("ready", 100), said
        assert any("small" in w for w in said["Warnings"])
        task = api.create(human, room_id="r", stream_id="s", size=(360, 480))
        wait_for(lambda: api.status(task)["Status"] == 3)
        api.speak(task, "Good morning.", timbre_id=ToneVoices().timbres[0].id)
        assert httpx.get(info(api, human)["AvatarUrl"]).headers["content-type"] == "image/jpeg"
        assert httpx.get(served.base_url + shown()["film"], timeout=60).status_code == 200
        api.stop(task)
        wait_for(lambda: api.status(task)["Status"] == 5)
        api.delete_digital_human(human)
        states = {
            e["Detail"]["DigitalHumanId"]: e["Detail"]["State"]
            for e in receiver.heard
            if e["EventType"] == 102
        }
        assert states == {short: "failed", human: "ready"}
        assert not [p for p in tmp_path.rglob("*") if human in str(p) and p.is_file()]
