"""A drawn stream, and the same as video, in a browser behind a bad network: ``python scripts/drawn_lossy.py``.

    python scripts/drawn_lossy.py [--loss 0.1] [--delay 0.1] [--seconds 30] [--pictures FOLDER] [--no-video] [--small]

A real server, headless Chromium with a software renderer, and between them a path that loses a share of all
datagrams, whatever they carry, and delays the others each way. Each picture drawn is compared with what the
server chose for its moment. ``--pictures``: pairs of what is seen, video left, drawn right. ``--small``: 256x256, which
a software renderer draws often enough.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from playwright.async_api import Route, async_playwright

from bunraku.client import AsyncClient
from bunraku.core.stream_task import TaskStatus
from bunraku.core.token import generate
from bunraku.node.avatars.pack import tracer
from bunraku.node.avatars.pack.chooser import Choice
from bunraku.node.rtc.port.watcher import PortWatcher
from bunraku.testing.network import LossyPath, Weather
from bunraku.testing.server import APP_ID, SECRET, RunningServer

RATE, TICK_US = 48, 40_000
TEXT = "Good morning, and welcome to the theatre. Please take your seats, and mind the step. " * 8
FLAGS = [
    "--headless=new", "--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--use-gl=angle",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
]  # fmt: skip
PLAY = """
async ([app, tokens, base, names, width, height]) => {
  document.body.style.margin = '0';
  document.body.innerHTML = names.map((n) =>
    `<div id="${n}" style="position:relative;display:inline-block;width:${width}px;height:${height}px"></div>`).join('');
  const { ZegoExpressEngine } = await import(`${base}/player/index.js`);
  window.seen = [];
  for (const name of names) {
    ZegoExpressEngine.setEngineOptions({ draw: name === 'drawn' ? 'always' : 'never' });
    const engine = new ZegoExpressEngine(app, base);
    await engine.loginRoom('lossy', tokens[name], { userID: name });
    const begun = performance.now();
    const media = await engine.startPlayingStream('lossy');
    engine.createRemoteStreamView(media).play(name, { muted: name !== 'drawn' });
    window[name] = { engine, took: performance.now() - begun };
  }
  let last = -1;
  const look = () => {
    requestAnimationFrame(look);
    const found = window.drawn.engine.drawing('lossy');
    if (!found || found.pictures === last || !found.state) return;
    last = found.pictures;
    const { plate, mouth, eyes } = found.state;
    window.seen.push([found.time, found.now, plate, mouth, eyes, found.bySound]);
  };
  look();
}
"""
FIGURES = """
() => ({ seen: window.seen.splice(0), took: window.drawn.took, ...window.drawn.engine.drawing('lossy'), state: 0 })
"""


class RoughWeather(Weather):
    """A share of all datagrams is lost; the others are late."""

    def __init__(self, share: float, seconds: float, seed: int) -> None:
        super().__init__()
        self._share, self._seconds, self._random = share, seconds, random.Random(seed)
        self.met = self.lost = 0

    def meet(self, datagram: bytes) -> list[tuple[float, bytes]]:
        self.met += 1
        if self._random.random() < self._share:
            self.lost += 1
            return []
        return [(self._seconds, datagram)]


def watch_choices() -> dict[int, Choice]:
    """What the server shows in each tick, by its program time, while somebody draws."""
    chosen: dict[int, Choice] = {}
    over = tracer.MomentTracer._over  # noqa: SLF001 - the script looks over its shoulder

    def noting(self: Any, first: tracer.Traced) -> None:
        chosen[first.moment.time_us] = first.choice
        over(self, first)

    tracer.MomentTracer._over = noting  # noqa: SLF001
    return chosen


def compare(seen: list[list[Any]], chosen: dict[int, Choice], offset: int) -> str:
    """How many pictures showed what was chosen for their moment, and the others by how much of a tick."""
    right = wrong = unknown = near = 0
    for at, _, _, mouth, eyes, _ in seen:
        time_us = ((int(at) - offset) & 0xFFFFFFFF) / RATE * 1000
        tick = int(time_us // TICK_US) * TICK_US
        choice = chosen.get(tick)
        if choice is None:
            unknown += 1
        elif (choice.mouth, choice.eyes) == (mouth, eyes):
            right += 1
        elif any(
            (c.mouth, c.eyes) == (mouth, eyes) for d in (-1, 1) if (c := chosen.get(tick + d * TICK_US))
        ):
            near += 1
        else:
            wrong += 1
    return f"{len(seen)} pictures: {right} right, {near} a tick off, {wrong} wrong, {unknown} unknown"


async def main(
    loss: float, delay: float, seconds: float, pictures: Path | None, names: list[str], small: bool
) -> None:
    size = (256, 256) if small else (720, 1280)
    width, height = size[0] // 2, size[1] // 2
    chosen = watch_choices()
    async with AsyncExitStack() as stack:
        live = stack.enter_context(RunningServer(speech={"kokoro_helpers": 0}))
        profile = stack.enter_context(tempfile.TemporaryDirectory())
        api = await stack.enter_async_context(AsyncClient(live.base_url, APP_ID, SECRET))
        p = await stack.enter_async_context(async_playwright())
        human = (await api.call("GetDigitalHumanList"))["DigitalHumans"][0]["DigitalHumanId"]
        task = await api.create(human, room_id="lossy", stream_id="lossy", size=size)
        context = await p.chromium.launch_persistent_context(
            profile, executable_path="/usr/bin/chromium", headless=True, args=FLAGS,
            viewport={"width": width * len(names), "height": height}, device_scale_factor=2,
        )  # fmt: skip
        stack.push_async_callback(context.close)
        page = await context.new_page()
        ways: dict[str, LossyPath] = {}

        async def answer(route: Route) -> None:
            if route.request.method != "POST":
                await route.continue_()
                return
            down, up = (RoughWeather(loss, delay, 7 + i) for i in range(2))
            path = await stack.enter_async_context(LossyPath(down=down, up=up))
            ways["drawn" if "draw=" in route.request.url else "video"] = path
            reply = await route.fetch()
            await route.fulfill(response=reply, body=path.answer(await reply.text()))

        await page.route("**/whep/**", answer)
        await page.goto(f"{live.base_url}/player/package.json")
        tokens = {name: generate(APP_ID, name, SECRET, time.time()) for name in names}
        while (await api.status(task))["Status"] != TaskStatus.STREAMING:
            await asyncio.sleep(0.05)
        await api.speak(task, TEXT, timbre_id="en-us-evan")
        await page.evaluate(PLAY, [APP_ID, tokens, live.base_url, names, width, height])
        await asyncio.sleep(2)
        before = await page.evaluate(FIGURES)
        stream = live.parts.rooms.stream(APP_ID, "lossy")
        assert stream is not None
        watcher = next(w for w in stream.drawers if isinstance(w, PortWatcher))
        assert watcher._channel is not None  # noqa: SLF001
        sctp = watcher._channel.sctp  # noqa: SLF001
        sent = sctp._tsn  # noqa: SLF001
        offset = next(t.offset for k, t in watcher.tracks.items() if k.value == "audio")
        for i in range(6):
            await asyncio.sleep(seconds / 6)
            if pictures:
                await page.screenshot(path=pictures / f"pair_{i}.png")
        found = await page.evaluate(FIGURES)
        for name, path in ways.items():
            sys.stdout.write(f"{name}: {path.down.lost} of {path.down.met} datagrams lost\n")  # type: ignore[attr-defined]
        told = found["messages"] - before["messages"]
        sent = sctp._tsn - sent & 0xFFFFFFFF  # noqa: SLF001
        span = (found["now"] - before["now"]) / 1000
        sys.stdout.write(
            f"first picture after {found['took']:.0f} ms {found['steps']}\n"
            f"{told} of {sent} messages,"
            f" {(found['pictures'] - before['pictures']) / span:.1f} pictures a second\n"
            f"by the sound's clock: {sum(one[5] for one in found['seen'])}\n"
            f"{compare(found['seen'], chosen, offset)}\n"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--loss", type=float, default=0.1)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--no-video", action="store_true")
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    shown = ["drawn"] if given.no_video else ["video", "drawn"]
    asyncio.run(main(given.loss, given.delay, given.seconds, given.pictures, shown, given.small))
