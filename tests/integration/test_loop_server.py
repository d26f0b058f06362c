"""A digital human of footage on a real server: watched, driven, and asked for what it cannot do."""

from __future__ import annotations

import asyncio
import json
import time

import numpy as np
import pytest

from bunraku.bench.receiver import Receiver
from bunraku.core.errors import InvalidParams
from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, SECRET, RunningServer

from ..support.footage import SIDE, box_of_mouth, loop_pack


class Watcher(Receiver):
    async def picture(self):
        track = next(r.track for r in self.connection.getReceivers() if r.track.kind == "video")
        return (await asyncio.wait_for(track.recv(), 5)).to_ndarray(format="gray").astype(int)


async def test_footage_is_streamed_and_speaks_and_has_no_gestures(tmp_path):
    pack = loop_pack(tmp_path / "loop", frames=2)
    with RunningServer(packs=(pack,)) as served, served.client() as api:
        (human,) = (h for h in api.digital_humans() if h["DigitalHumanId"] == "anna-filmed")
        info = api.call("GetDigitalHumanInfo", DigitalHumanId=human["DigitalHumanId"])
        assert "nod" not in json.dumps(info)
        api.call("GetDigitalHumanRenderInfo", DigitalHumanId="anna-filmed")  # raises when it is refused
        task = api.create(human["DigitalHumanId"], room_id="r", stream_id="s", size=(SIDE, SIDE))
        deadline = time.monotonic() + 10
        while api.status(task)["Status"] != 3:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        watcher = Watcher()
        await watcher.play(f"{served.base_url}/whep/{APP_ID}/s", generate(APP_ID, "u", SECRET, time.time()))
        quiet = [await watcher.picture() for _ in range(10)][4:]
        with pytest.raises(InvalidParams) as refused:
            api.gesture(task, "nod")
        assert "no gestures" in refused.value.message
        api.speak(task, "Oh, how are all of you today?", timbre_id="en-us-evan")
        x, y, w, h = box_of_mouth()
        mouth = slice(y - 16, y - 16 + h), slice(x - 16, x - 16 + w)
        spoken = [await watcher.picture() for _ in range(60)]
        # Of the film's two pictures the nearer one.
        moved = [min(np.abs(now - still)[mouth].mean() for still in quiet) for now in spoken]
        assert min(moved) < 1.0
        assert max(moved) > 3.0
        await watcher.close()
