"""A real server with real voices, and headless Chromium."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bunraku.testing.server import RunningServer

from ..conftest import both
from ..support.cluster import RunningCluster

BUILD = Path(__file__).parents[2] / "build"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


IN_BOTH_HOUSES = ("test_first_light", "test_player", "test_player_races")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.rpartition(".")[2] in IN_BOTH_HOUSES:
        both(metafunc, "live", "module")


@pytest.fixture(scope="module")
def theatre() -> Iterator[RunningServer]:
    with RunningServer() as running:
        yield running


@pytest.fixture(scope="module")
def live(request: pytest.FixtureRequest) -> RunningServer | RunningCluster:
    """A server with real voices; the cluster, which has scripted ones, where ``both`` says so."""
    house = getattr(request, "param", "embedded")
    return request.getfixturevalue("cluster" if house == "cluster" else "theatre")


@pytest.fixture
def voice(live: RunningServer | RunningCluster) -> str:
    """A TimbreId."""
    return "tone-a" if isinstance(live, RunningCluster) else "en-us-evan"


@pytest.fixture
async def page(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    extra = getattr(request, "param", [])
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        async with async_playwright() as p:
            context = await p.chromium.launch_persistent_context(
                profile,
                executable_path="/usr/bin/chromium",
                headless=True,
                args=[*FLAGS, *extra],
                viewport={"width": 1440, "height": 900},
            )
            tab = await context.new_page()
            faults: list[str] = []
            tab.on("pageerror", lambda e: faults.append(str(e)))
            yield tab
            await context.close()
    assert not faults


async def until(tab: Any, expression: str, timeout: float = 15.0) -> Any:
    """Poll an expression: the console's content policy rightly forbids what wait_for_function does."""
    deadline = time.monotonic() + timeout
    while not (value := await tab.evaluate(expression)):
        assert time.monotonic() < deadline, f"never true: {expression}\n{await tab.inner_text('body')}"
        await asyncio.sleep(0.03)
    return value


RECORDER = """
async ([x, y, w, h]) => {
  const video = document.querySelector('video');
  const context = new AudioContext();
  await context.resume();
  const meter = context.createAnalyser();
  meter.fftSize = 2048;
  context.createMediaStreamSource(video.srcObject).connect(meter);
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [w, h];
  const paint = canvas.getContext('2d', { willReadFrequently: true });
  const samples = new Float32Array(meter.fftSize);
  window.recording = [];
  const onframe = (now, frame) => {
    paint.drawImage(video, x, y, w, h, 0, 0, w, h);
    const pixels = paint.getImageData(0, 0, w, h).data;
    let dark = 0, sum = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      const luma = 0.299 * pixels[i] + 0.587 * pixels[i + 1] + 0.114 * pixels[i + 2];
      dark += luma < 70;
      sum += luma;
    }
    meter.getFloatTimeDomainData(samples);
    let power = 0;
    for (const s of samples) power += s * s;
    window.recording.push([now, dark / (w * h), sum / (w * h), Math.sqrt(power / samples.length)]);
    video.requestVideoFrameCallback(onframe);
  };
  video.requestVideoFrameCallback(onframe);
}
"""


async def record(tab: Any, seconds: float) -> Any:
    """What ``RECORDER`` saw: rows of time (ms), share of dark px, mean luma, sound level."""
    await tab.evaluate("window.recording.length = 0")
    await asyncio.sleep(seconds)
    return np.array(await tab.evaluate("window.recording"))


def inner_mouth(server: RunningServer) -> list[int]:
    """Where an open mouth is darker than a closed one, in a 512 x 512 picture."""
    pack = server.parts.catalog.list()[0]
    mouths = pack.decoded(512, 512).plates[2].mouths
    widest = max(range(len(mouths)), key=lambda i: pack.manifest.mouths[i].get("open", 0.0))
    hole = mouths[0].y.astype(int) - mouths[widest].y > 50
    ys, xs = np.nonzero(hole.sum(1) > 6)[0], np.nonzero(hole.sum(0) > 3)[0]
    r = mouths[0].rect
    return [int(r.x + xs[0]), int(r.y + ys[0]), int(xs[-1] - xs[0]), int(ys[-1] - ys[0])]
