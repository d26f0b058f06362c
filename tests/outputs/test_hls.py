"""Live playlists: what their times say, and hls.js playing one in Chromium."""

from __future__ import annotations

import asyncio
import os
import re
import tarfile
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

from bunraku.core.media import FRAME_RATE, SAMPLE_RATE, TICK_SAMPLES, TICK_US, Picture
from bunraku.node.encode.aac import AacEncoder
from bunraku.node.encode.h264 import H264Encoder
from bunraku.node.outputs.hls.sink import HlsSink
from bunraku.testing.server import RunningServer
from bunraku.testing.voices import ToneVoices

from ..e2e.conftest import page, until
from ..support.waiting import wait_for

__all__ = ["page"]  # a fixture

HLS_JS = Path(__file__).parents[2] / "build" / "hls.js-1.7.4.tgz"  # scripts/install-test-tools.sh


class Deaf:
    def file(self, _: object) -> None: ...


@pytest.mark.parametrize("first", [0, 50], ids=["from the first picture", "in the midst"])
def test_what_is_heard_and_seen_keeps_its_time(tmp_path, first):
    """The encoder's priming is neither heard nor moves the pictures."""
    sink, video, aac = HlsSink(tmp_path, 2, Deaf()), H264Encoder(64, 64, 100_000), AacEncoder()
    onset = (first + 20) * TICK_SAMPLES + 100
    sound = np.zeros((first + 220) * TICK_SAMPLES, np.int16)
    sound[onset:] = np.sin(np.arange(sound.size - onset) * 2 * np.pi * 1000 / SAMPLE_RATE + 1) * 20000
    for tick in range(first + 220):
        time_us = tick * TICK_US
        if tick >= first and (unit := video.encode(Picture(64, 64), time_us, (tick - first) % 25 == 0)):
            sink.write(unit)
        for unit in aac.encode(sound[tick * TICK_SAMPLES : (tick + 1) * TICK_SAMPLES], time_us):
            sink.write(unit)
    sink.close()
    playlist = (tmp_path / "index.m3u8").read_text()
    assert re.findall(r"#EXTINF:([\d.]+)", playlist)[:3] == ["2.000000"] * 3
    with av.open(str(tmp_path / "index.m3u8")) as container:
        seen = [f.time for f in container.decode(video=0)]
    assert seen == pytest.approx(np.arange(len(seen)) / FRAME_RATE)
    with av.open(str(tmp_path / "index.m3u8")) as container:
        frames = list(container.decode(audio=0))
    heard = np.concatenate([f.to_ndarray().reshape(-1) for f in frames])
    begin = frames[0].time + float(np.nonzero(np.abs(heard) > 0.1)[0][0]) / SAMPLE_RATE
    assert begin == pytest.approx(onset / SAMPLE_RATE - first / FRAME_RATE, abs=0.002)


PLAY = """
async (url) => {
  const video = document.createElement('video');
  document.body.append(video);
  const context = new AudioContext(), meter = context.createAnalyser();
  meter.fftSize = 2048;
  context.createMediaElementSource(video).connect(meter);
  await context.resume();
  const samples = new Float32Array(meter.fftSize), paint = document.createElement('canvas').getContext('2d');
  window.seen = { errors: [], loud: [], frames: 0 };
  const hls = new Hls({ liveSyncDurationCount: 1 });
  hls.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) window.seen.errors.push(data.details); });
  hls.loadSource(url);
  hls.attachMedia(video);
  const look = () => {
    window.seen.frames += 1;
    meter.getFloatTimeDomainData(samples);
    window.seen.loud.push(Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length));
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  window.contrast = () => {
    [paint.canvas.width, paint.canvas.height] = [32, 32];
    paint.drawImage(video, 0, 0, 32, 32);
    const lights = paint.getImageData(0, 0, 32, 32).data.filter((_, i) => i % 4 === 1);
    return Math.max(...lights) - Math.min(...lights);
  };
  window.video = video;
  await video.play();
}
"""


@pytest.mark.browser
async def test_hls_js_plays_a_live_playlist_and_seeks_in_its_window(page):
    if not HLS_JS.exists():
        assert not os.environ.get("TESTS_REQUIRE_CHROMIUM"), "scripts/install-test-tools.sh fetches it"
        pytest.skip("no hls.js: scripts/install-test-tools.sh fetches it")
    with tarfile.open(HLS_JS) as packed:
        script = packed.extractfile("package/dist/hls.min.js").read().decode()
    with RunningServer(providers=[ToneVoices()]) as server, server.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = await asyncio.to_thread(api.create, human, room_id="r", stream_id="s", size=(256, 256))
        await asyncio.to_thread(wait_for, lambda: api.status(task)["Status"] == 3)
        api.call("AddStreamOutput", TaskId=task, Output={"Protocol": "hls", "SegmentSeconds": 1})
        api.speak(task, " ".join("abcdefgh") * 10, timbre_id="tone-a")  # for as long as it is played

        def live() -> str | None:
            (output,) = api.call("QueryStreamOutputs", TaskId=task)["Outputs"]
            url = output["Url"]
            return url if url and httpx.get(url).text.count(".m4s") >= 2 else None

        url = await asyncio.to_thread(wait_for, live, 20)
        await page.goto(f"{server.base_url}/healthz")
        await page.set_content("<body></body>")
        await page.evaluate(script)
        await page.evaluate(PLAY, url)
        await until(page, "video.videoWidth === 256 && video.currentTime > 0 && seen.frames > 20", 20)
        await until(page, "seen.loud.filter((power) => power > 0.01).length > 10", 20)
        assert await page.evaluate("contrast()") > 50, "a figure is seen"
        # Back into the window, and on from there.
        await page.evaluate("video.currentTime = video.seekable.start(0) + 0.5")
        await until(page, "!video.seeking && video.readyState >= 3", 10)
        here = await page.evaluate("[video.currentTime, seen.frames]")
        await until(page, f"video.currentTime > {here[0] + 1} && seen.frames > {here[1] + 20}", 15)
        assert await page.evaluate("seen.errors") == []
        await asyncio.to_thread(api.stop, task)
        await page.evaluate("video.currentTime = video.seekable.end(0) - 0.5")  # not to see all of it again
        await until(page, "video.ended", 30)  # the playlist says that it is over
