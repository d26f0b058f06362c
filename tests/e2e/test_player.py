"""Pages in the manner of the vendor's samples, built by Vite with only an alias, in real Chromium."""

from __future__ import annotations

import asyncio
import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest

from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, OTHER_APP_ID, OTHER_SECRET, SECRET, RunningServer

from ..support.ear import watchers
from ..support.members import Member
from ..support.process import Process
from ..support.services import free_port
from ..support.waiting import wait_for
from .conftest import BUILD, until

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
TEXT = "One two three four five six seven eight nine ten. " * 3


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Both pages, built, behind a web server of their own."""
    if shutil.which("npm") is None:
        assert not os.environ.get("TESTS_REQUIRE_CHROMIUM"), "npm is required here"
        pytest.skip("no npm")
    folder = tmp_path_factory.mktemp("pages")
    for name in ("react", "vue"):
        target = folder / "examples" / "pages" / name
        shutil.copytree(
            ROOT / "examples" / "pages" / name, target, ignore=shutil.ignore_patterns("node_modules", "dist")
        )
    shutil.copytree(ROOT / "web" / "player", folder / "web" / "player")
    for name in ("react", "vue"):
        target = folder / "examples" / "pages" / name
        for command in (
            ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"],
            ["npm", "run", "build"],
        ):
            done = subprocess.run(command, cwd=target, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stdout + done.stderr
    handler = functools.partial(Quiet, directory=str(folder / "examples" / "pages"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def scene(live, voice):
    class Scene:
        def __init__(self):
            self.room = f"room-{time.monotonic_ns()}"
            self.stream = f"stream-{time.monotonic_ns()}"
            self.server, self.voice = live, voice
            self.api = live.client()
            self.task = None

        def create(self, **extra):
            human = self.api.digital_humans()[0]["DigitalHumanId"]
            self.task = self.api.call(
                "CreateDigitalHumanStreamTask",
                DigitalHumanConfig={"DigitalHumanId": human, "BackgroundColor": "#2040e0"},
                RTCConfig={"RoomId": self.room, "StreamId": self.stream},
                VideoConfig={"Width": 256, "Height": 256},
                ExtraConfig=extra,
            )["TaskId"]
            wait_for(lambda: self.api.status(self.task)["Status"] == 3)

        def watchers(self):
            return watchers(live, self.task)

        def address(self, pages, kind, user="viewer", **changes):
            token = generate(APP_ID, user, SECRET, time.time())
            wanted = {"app": APP_ID, "room": self.room, "stream": self.stream, "token": token, "user": user}
            return f"{pages}/{kind}/dist/index.html?" + urlencode({**wanted, **changes})

        def stop(self):
            if self.task and any(t["TaskId"] == self.task for t in self.api.running()):
                self.api.stop(self.task)

    x = Scene()
    yield x
    x.stop()
    x.api.close()


async def open_page(page, scene, address):
    await page.add_init_script(f"window.ZEGO_DH_SERVER = '{scene.server.base_url}';")
    await page.goto(address)


async def state(page, wanted, timeout=20):
    await until(page, f"document.getElementById('state')?.textContent.startsWith('{wanted}')", timeout)


DECODED = """
async () => {
  const video = document.querySelector('video');
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const paint = canvas.getContext('2d');
  paint.drawImage(video, 0, 0);
  const corner = [...paint.getImageData(4, 4, 1, 1).data].slice(0, 3);
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  return { width: video.videoWidth, corner, frames, muted: video.muted };
}
"""
LOUDNESS = """
async () => {
  const context = new AudioContext();
  await context.resume();
  const meter = context.createAnalyser();
  meter.fftSize = 2048;
  context.createMediaStreamSource(document.querySelector('video').srcObject).connect(meter);
  const samples = new Float32Array(meter.fftSize);
  let most = 0;
  for (let i = 0; i < 60; i += 1) {
    await new Promise((done) => setTimeout(done, 25));
    meter.getFloatTimeDomainData(samples);
    most = Math.max(most, Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length));
  }
  await context.close();
  return most;
}
"""


async def seen_and_heard(page, scene):
    """The page decodes our picture and, while the figure speaks, our sound."""
    await until(page, "document.querySelector('video')?.videoWidth > 0")
    first = await page.evaluate(DECODED)
    assert first["width"] == 256
    assert all(abs(a - b) < 30 for a, b in zip(first["corner"], (0x20, 0x40, 0xE0), strict=True)), first
    assert await page.evaluate(LOUDNESS) < 0.01
    await asyncio.to_thread(scene.api.speak, scene.task, TEXT, timbre_id=scene.voice)
    await until(page, "document.getElementById('speaking').textContent === 'true'")
    assert await page.evaluate(LOUDNESS) > 0.03
    await until(page, "document.getElementById('said').textContent.includes('three')")
    later = await page.evaluate(DECODED)
    assert later["frames"] > first["frames"] + 20


@pytest.mark.parametrize("kind", ["react", "vue"])
async def test_a_page_that_comes_first_plays_when_the_task_begins(page, pages, scene, kind):
    await open_page(page, scene, scene.address(pages, kind))
    await state(page, "waiting")
    await asyncio.sleep(1.5)
    await asyncio.to_thread(scene.create)
    await state(page, "playing")
    await seen_and_heard(page, scene)
    events = await page.evaluate(
        "window.events.map((e) => e[0] + ' ' + (e[2]?.length ? e[2] : e[1]?.state || ''))"
    )
    order = [events.index(f"roomStateChanged {x}") for x in ("LOGINING", "LOGINED")]
    assert order == sorted(order)
    assert events.index("roomStreamUpdate ADD") > order[1]
    BUILD.mkdir(exist_ok=True)
    await page.screenshot(path=str(BUILD / f"page-{kind}.png"))


@pytest.mark.parametrize("kind", ["react", "vue"])
async def test_a_page_that_comes_later_plays_and_leaves_cleanly(page, pages, scene, kind):
    await asyncio.to_thread(scene.create)
    await open_page(page, scene, scene.address(pages, kind))
    await state(page, "playing")
    await seen_and_heard(page, scene)
    assert scene.watchers() == 1
    await page.click("#leave")
    await state(page, "left")
    deadline = time.monotonic() + 5
    while scene.watchers():  # DELETE, not a timeout
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    async with Member(scene.server, scene.room, "witness") as witness:
        assert witness.heard[0]["users"] == []


async def test_the_stream_ends_for_the_page_when_the_task_stops_and_returns_in_place(page, pages, scene):
    await asyncio.to_thread(scene.create)
    await open_page(page, scene, scene.address(pages, "react"))
    await state(page, "playing")
    await page.evaluate("window.first = document.querySelector('video').srcObject")
    await asyncio.to_thread(scene.stop)
    await until(page, "window.events.some((e) => e[0] === 'roomStreamUpdate' && e[2] === 'DELETE')")
    await until(page, "window.events.some((e) => e[0] === 'playerStateUpdate' && e[1].errorCode === 1104039)")
    await asyncio.to_thread(scene.create)
    await until(
        page,
        "window.events.filter((e) => e[0] === 'playerStateUpdate' && e[1].state === 'PLAYING').length === 2",
    )
    assert await page.evaluate("window.first === document.querySelector('video').srcObject")
    assert await page.evaluate("window.first.getTracks().length") == 2
    await until(page, "document.querySelector('video')?.videoWidth === 256")


async def test_a_second_login_of_the_same_user_kicks_the_first(page, pages, scene):
    await asyncio.to_thread(scene.create)
    address = scene.address(pages, "react")
    await open_page(page, scene, address)
    await state(page, "playing")
    second = await page.context.new_page()
    await open_page(second, scene, address)
    await state(second, "playing")
    await until(
        page,
        "window.events.some((e) => e[0] === 'roomStateChanged' && e[2] === 'KICKOUT' && e[3] === 1002050)",
    )
    assert scene.watchers() == 1


async def test_bad_tokens_are_refused_with_their_codes(page, pages, scene):
    old = generate(APP_ID, "viewer", SECRET, time.time() - 7200, 60)
    for token, code in (("04nonsense", 1102016), (old, 1102018)):
        await open_page(page, scene, scene.address(pages, "vue", token=token))
        await state(page, f"failed {code}")
        assert await page.evaluate(
            f"window.events.some((e) => e[0] === 'roomStateChanged' && e[2] === 'LOGIN_FAILED' && e[3] === {code})"
        )


async def test_two_rooms_and_two_tenants_do_not_leak(page, pages, scene):
    """Nothing of a room is told elsewhere, and no other app's page plays the stream though it
    knows its name. (Within one app the name is the key, as with the vendor.)"""
    await asyncio.to_thread(scene.create)
    await open_page(page, scene, scene.address(pages, "vue", room="elsewhere"))
    await state(page, "waiting")
    other = await page.context.new_page()
    token = generate(OTHER_APP_ID, "viewer", OTHER_SECRET, time.time())
    await open_page(other, scene, scene.address(pages, "react", app=OTHER_APP_ID, token=token))
    await state(other, "waiting")
    await asyncio.to_thread(scene.api.speak, scene.task, TEXT, timbre_id=scene.voice)
    await asyncio.sleep(1.5)
    for tab in (page, other):
        assert not await tab.evaluate("window.events.some((e) => e[0] === 'roomStreamUpdate')")
        assert await tab.inner_text("#speaking") == "false"
        assert await tab.inner_text("#state") == "waiting"
    assert scene.watchers() == 0


async def test_the_global_of_the_script_tag_plays_from_a_bare_page(page, scene):
    """UMD, the element and the share page, from the server's own origin."""
    await asyncio.to_thread(scene.create)
    token = generate(APP_ID, "viewer", SECRET, time.time())
    base = scene.server.base_url
    await page.goto(base + "/player/README.md")  # any page of that origin: this one is a 404
    await page.add_script_tag(url=base + "/player/zego-express-engine.umd.cjs")
    found = await page.evaluate(
        """async ([app, room, stream, token]) => {
          const box = document.createElement('div');
          box.id = 'remote-video';
          document.body.append(box);
          const zg = new ZegoExpressEngine(app, '');
          const requirements = await zg.checkSystemRequirements();
          let early;
          try { await zg.startPlayingStream(stream); } catch (error) { early = error.code; }
          await zg.loginRoom(room, token, { userID: 'viewer', userName: 'viewer' });
          const media = await zg.startPlayingStream(stream);
          const view = zg.createRemoteStreamView(media);
          view.play('remote-video');
          let wrong;
          try { view.play('nowhere'); } catch (error) { wrong = error.msg; }
          let twice;
          try { await zg.startPlayingStream(stream); } catch (error) { twice = error.code; }
          window.zg = zg;
          return { early, wrong, twice, tracks: media.getTracks().length, web: requirements.webRTC,
            h264: requirements.videoCodec.H264, version: zg.getVersion(), keys: Object.keys(zg).includes('__v_skip') };
        }""",
        [APP_ID, scene.room, scene.stream, token],
    )
    assert found["early"] == 1000002
    assert found["twice"] == 1104032
    assert "nowhere" in found["wrong"]
    assert (found["tracks"], found["web"], found["h264"], found["keys"]) == (2, True, True, False)
    await until(page, "document.querySelector('video')?.videoWidth === 256")
    await page.evaluate("zg.destroyEngine()")
    wait_for(lambda: scene.watchers() == 0)


async def test_the_share_page_shows_nothing_but_the_person(page, scene):
    await asyncio.to_thread(scene.create)
    token = generate(APP_ID, "guest", SECRET, time.time())
    wanted = {"app": APP_ID, "room": scene.room, "stream": scene.stream, "token": token, "user": "guest"}
    await page.goto(f"{scene.server.base_url}/share#{urlencode(wanted)}")
    inside = "document.querySelector('bunraku-player')?.shadowRoot"
    await until(page, f"{inside}.querySelector('video')?.videoWidth === 256")
    await asyncio.to_thread(scene.api.speak, scene.task, TEXT, timbre_id=scene.voice)
    await until(page, f"{inside}.getElementById('caption').textContent.length > 3")
    BUILD.mkdir(exist_ok=True)
    await page.screenshot(path=str(BUILD / "share.png"))


async def test_a_transparent_stream_is_composited_over_the_page(page, pages, scene):
    await asyncio.to_thread(scene.create, Transparent=True)
    await page.add_init_script(
        "document.addEventListener('DOMContentLoaded', () => { document.body.style.background = '#00ff00'; });"
    )
    await open_page(page, scene, scene.address(pages, "react"))
    await state(page, "playing")
    await until(page, "document.querySelector('canvas')?.width === 256")
    await asyncio.sleep(0.5)
    alpha = await page.evaluate(
        """() => {
          const canvas = document.querySelector('canvas');
          const copy = document.createElement('canvas');
          [copy.width, copy.height] = [canvas.width, canvas.height];
          const paint = copy.getContext('2d');
          paint.drawImage(canvas, 0, 0);
          const at = (x, y) => paint.getImageData(x, y, 1, 1).data[3];
          return { corner: at(6, 6), face: at(128, 128) };
        }"""
    )
    assert alpha["corner"] < 20
    assert alpha["face"] > 235
    await page.screenshot(path=str(BUILD / "transparent.png"))


MICROPHONE = [["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]]


@pytest.mark.parametrize("page", MICROPHONE, indirect=True)
async def test_a_page_publishes_its_microphone_and_the_figure_repeats_it(page, scene):
    await asyncio.to_thread(scene.create)
    token = generate(APP_ID, "speaker", SECRET, time.time())
    base = scene.server.base_url
    await page.goto(base + "/player/README.md")
    await page.add_script_tag(url=base + "/player/zego-express-engine.umd.cjs")
    await page.evaluate(
        """async ([app, room, token]) => {
          window.states = [];
          const zg = new ZegoExpressEngine(app, '');
          zg.on('publisherStateUpdate', (u) => states.push(u.state));
          await zg.loginRoom(room, token, { userID: 'speaker' });
          const local = await zg.createZegoStream({ camera: { audio: true, video: false } });
          window.zg = zg;
          window.local = local;
          return zg.startPublishingStream('microphone', local);
        }""",
        [APP_ID, scene.room, token],
    )
    await until(page, "states.includes('PUBLISHING')")
    drive = await asyncio.to_thread(
        scene.api.call,
        "DriveByRTCStream",
        TaskId=scene.task,
        RTCConfig={"RoomId": scene.room, "StreamId": "microphone"},
    )
    wait_for(
        lambda: scene.api.call("GetDriveStatus", DriveId=drive["DriveId"])["DriveList"][0]["Status"] == 2
    )
    await page.evaluate("zg.stopPublishingStream('microphone'); zg.destroyStream(local); zg.destroyEngine()")
    wait_for(
        lambda: scene.api.call("GetDriveStatus", DriveId=drive["DriveId"])["DriveList"][0]["Status"] in (3, 4)
    )


async def test_the_page_survives_a_restart_of_the_server(page, pages, tmp_path):
    """The socket comes back, streams that ended are told, and a stream of the same name plays on."""
    port = free_port()
    process = Process(tmp_path, port)
    token = generate(APP_ID, "viewer", SECRET, time.time())
    api = process.api()

    def create():
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="s", size=(256, 256))
        wait_for(lambda: api.status(task)["Status"] == 3)

    await asyncio.to_thread(create)
    await page.add_init_script(f"window.ZEGO_DH_SERVER = 'http://127.0.0.1:{port}';")
    wanted = {"app": APP_ID, "room": "r", "stream": "s", "token": token, "user": "viewer"}
    await page.goto(f"{pages}/react/dist/index.html?{urlencode(wanted)}")
    await state(page, "playing")
    import signal

    await asyncio.to_thread(process.end, signal.SIGKILL)
    await until(page, "window.events.some((e) => e[0] === 'roomStateChanged' && e[2] === 'RECONNECTING')")
    process = await asyncio.to_thread(Process, tmp_path, port)
    api = process.api()
    await until(page, "window.events.some((e) => e[0] === 'roomStateChanged' && e[2] === 'RECONNECTED')", 30)
    await asyncio.to_thread(create)
    await until(
        page,
        "window.events.filter((e) => e[0] === 'playerStateUpdate' && e[1].state === 'PLAYING').length === 2",
        30,
    )
    await asyncio.to_thread(process.end, signal.SIGTERM)


async def test_a_watcher_without_h264_gets_vp8(page, scene):
    await asyncio.to_thread(scene.create)
    token = generate(APP_ID, "viewer", SECRET, time.time())
    url = f"{scene.server.base_url}/whep/{APP_ID}/{scene.stream}"
    await page.goto(scene.server.base_url + "/share")
    got = await page.evaluate(
        """async ([url, token]) => {
          const pc = new RTCPeerConnection();
          const video = pc.addTransceiver('video', { direction: 'recvonly' });
          pc.addTransceiver('audio', { direction: 'recvonly' });
          const all = RTCRtpReceiver.getCapabilities('video').codecs;
          video.setCodecPreferences(all.filter((c) => c.mimeType === 'video/VP8'));
          await pc.setLocalDescription(await pc.createOffer());
          const answer = await fetch(url, { method: 'POST', body: pc.localDescription.sdp,
            headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` } });
          await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
          for (let i = 0; i < 200; i += 1) {
            await new Promise((done) => setTimeout(done, 50));
            for (const report of (await pc.getStats()).values()) {
              if (report.type === 'inbound-rtp' && report.kind === 'video' && report.framesDecoded > 25) {
                const codec = (await pc.getStats()).get(report.codecId).mimeType;
                pc.close();
                return { codec, width: report.frameWidth };
              }
            }
          }
          return null;
        }""",
        [url, token],
    )
    assert got == {"codec": "video/VP8", "width": 256}


def test_the_joined_script_is_fresh():
    sys.path.insert(0, str(ROOT / "scripts"))
    import build_player

    assert build_player.OUT.read_text("utf-8") == build_player.bundle(), "run scripts/build_player.py"


def test_the_npm_folder_is_whole():
    import json

    package = json.loads((ROOT / "web/player/package.json").read_text())
    for name in package["files"]:
        assert (ROOT / "web/player" / name).exists(), name
    assert isinstance(RunningServer, type)
