"""A pack's own gesture, from its manifest to the picture that a watcher sees."""

from __future__ import annotations

import asyncio
import json
import shutil
import time

import numpy as np
import pytest

from bunraku.bench.receiver import Receiver
from bunraku.core.errors import InvalidParams
from bunraku.core.token import generate
from bunraku.node.avatars.catalog import BUILT_IN
from bunraku.testing.server import APP_ID, SECRET, RunningServer


@pytest.fixture
def saluting(tmp_path):
    """Anna, who salutes where others wave."""
    folder = tmp_path / "saluting"
    shutil.copytree(BUILT_IN / "anna", folder)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (arm,) = (limb for limb in manifest["limbs"] if limb["gesture"] == "wave")
    arm |= {"gesture": "salute"}
    manifest |= {"id": "saluting", "name": "Saluting"}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


class Watcher(Receiver):
    async def picture(self):
        track = next(r.track for r in self.connection.getReceivers() if r.track.kind == "video")
        return (await asyncio.wait_for(track.recv(), 5)).to_ndarray(format="gray").astype(int)


async def test_an_own_gesture_is_listed_performed_and_seen(saluting):
    with RunningServer(providers=[], packs=(saluting,)) as served, served.client() as api:
        (human,) = (h for h in api.digital_humans() if h["DigitalHumanId"] == "saluting")
        info = api.call("GetDigitalHumanInfo", DigitalHumanId="saluting")
        assert "salute" in json.dumps(info)
        assert "wave" not in json.dumps(info)
        task = api.create(human["DigitalHumanId"], room_id="r", stream_id="s", size=(256, 256))
        deadline = time.monotonic() + 10
        while api.status(task)["Status"] != 3:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        watcher = Watcher()
        await watcher.play(f"{served.base_url}/whep/{APP_ID}/s", generate(APP_ID, "u", SECRET, time.time()))
        for _ in range(20):
            quiet = await watcher.picture()
        api.gesture(task, "salute")
        corner = (slice(150, 256), slice(0, 60))  # where only an arm ever comes
        covered = []
        for _ in range(110):
            shown = await watcher.picture()
            covered.append(int((np.abs(shown - quiet)[corner] > 24).sum()))
        # A raised arm covers 3500 px of it, the shoulder of a body that sways at most 500.
        assert max(covered) > 2000
        assert covered[-1] < 1000
        assert api.status(task)["Status"] == 3
        with pytest.raises(InvalidParams):
            api.gesture(task, "wave")
        await watcher.close()
