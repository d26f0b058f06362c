"""How soon a browser shows the first picture of a stream that it draws: ``python scripts/drawn_first_picture.py``.

A real server and headless Chromium with a software renderer, on this machine. The art is in the browser's
cache from the second time on; what is printed are the steps of each time, ms since the page asked to play. ``took`` is
when the picture was handed to the graphics card, ``done`` when that had drawn it (a software renderer takes its time).
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time

from playwright.async_api import async_playwright

from bunraku.client import AsyncClient
from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, SECRET, RunningServer

FLAGS = [
    "--headless=new", "--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--use-gl=angle",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
]  # fmt: skip
PLAY = """
async ([app, token, base]) => {
  document.body.innerHTML = '<div id="stage" style="width:360px;height:640px"></div>';
  const { ZegoExpressEngine } = await import(`${base}/player/index.js`);
  ZegoExpressEngine.setEngineOptions({ draw: 'always' });
  const engine = new ZegoExpressEngine(app, base);
  await engine.loginRoom('first', token, { userID: 'viewer' });
  const begun = performance.now();
  const media = await engine.startPlayingStream('first');
  const took = performance.now() - begun;
  engine.createRemoteStreamView(media).play('stage');
  const gl = document.querySelector('#stage canvas').getContext('webgl2');
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  const done = performance.now() - begun;
  const { steps } = engine.drawing('first');
  await engine.stopPlayingStream('first');
  await engine.logoutRoom('first');
  return { took, done, ...steps };
}
"""


async def main(times: int) -> None:
    with RunningServer(speech={"kokoro_helpers": 0}) as live, tempfile.TemporaryDirectory() as profile:
        async with AsyncClient(live.base_url, APP_ID, SECRET) as api, async_playwright() as p:
            human = (await api.call("GetDigitalHumanList"))["DigitalHumans"][0]["DigitalHumanId"]
            await api.create(human, room_id="first", stream_id="first", size=(720, 1280))
            context = await p.chromium.launch_persistent_context(
                profile, executable_path="/usr/bin/chromium", headless=True, args=FLAGS
            )
            page = await context.new_page()
            found: list[dict[str, float]] = []
            for _ in range(times + 1):
                await asyncio.sleep(1)
                await page.goto(f"{live.base_url}/player/package.json")
                token = generate(APP_ID, "viewer", SECRET, time.time())
                found.append(await page.evaluate(PLAY, [APP_ID, token, live.base_url]))
                sys.stdout.write("  ".join(f"{k} {v:.0f}" for k, v in found[-1].items()) + "\n")
            await context.close()
            for name in ("took", "done"):
                each = sorted(one[name] for one in found[1:])
                sys.stdout.write(
                    f"cached, {name}: median {statistics.median(each):.0f}, {each[0]:.0f} to {each[-1]:.0f} ms\n"
                )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
