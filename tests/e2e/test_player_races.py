"""What the player module does when things happen in an unlucky order, in real Chromium.

The room's socket is played by a script here, because a real server cannot be made unlucky at will;
media is the real server's.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from bunraku.rtc.token import generate
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from ..conformance.test_actions import wait_for
from .conftest import until

pytestmark = pytest.mark.browser

SCRIPTED = """
window.sockets = [];
window.WebSocket = class {
  static OPEN = 1;
  constructor() {
    this.readyState = 1;
    this.sent = [];
    window.sockets.push(this);
    Promise.resolve().then(() => this.onopen?.());
  }
  send(text) { this.sent.push(JSON.parse(text).type); }
  say(message) { this.onmessage?.({ data: JSON.stringify(message) }); }
  close() { this.readyState = 3; this.closed = true; }
  break() { this.close(); this.onclose?.(); }
};
window.enter = (socket, streams = []) => socket.say({ event: 'login', streams, users: [], count: 1, iceServers: [] });
"""
ENGINE = """
async () => {
  const { ZegoExpressEngine } = await import('/player/index.js');
  window.zg = new ZegoExpressEngine(APP, '');
  window.events = [];
  for (const name of ['roomStateChanged', 'roomStreamUpdate', 'roomOnlineUserCountUpdate', 'playerStateUpdate']) {
    zg.on(name, (...rest) => window.events.push([name, ...rest]));
  }
}
""".replace("APP", str(APP_ID))
STREAM = {"streamID": "s", "user": {"userID": "dh_1", "userName": "digitalhuman"}, "extraInfo": ""}


@pytest.fixture(scope="module")
def live():
    with RunningServer(providers=[ToneVoices()]) as running:
        yield running


@pytest.fixture
async def scripted(page, live):
    await page.add_init_script(SCRIPTED)
    await page.goto(live.base_url + "/player/README.md")
    await page.evaluate(ENGINE)
    return page


async def test_news_that_come_with_the_login_are_told_after_its_list(scripted):
    await scripted.evaluate(
        """async (stream) => {
          const login = zg.loginRoom('r', '04token', { userID: 'u' });
          await Promise.resolve();
          enter(sockets[0], [stream]);
          sockets[0].say({ event: 'streams', update: 'DELETE', streams: [stream] });
          sockets[0].say({ event: 'users', update: 'ADD', users: [], count: 2 });
          await login;
        }""",
        STREAM,
    )
    await until(scripted, "events.length >= 6")
    told = await scripted.evaluate("events.map((e) => [e[0], e[2]])")
    assert told == [
        ["roomStateChanged", "LOGINING"],
        ["roomStateChanged", "LOGINED"],
        ["roomStreamUpdate", "ADD"],
        ["roomOnlineUserCountUpdate", 1],
        ["roomStreamUpdate", "DELETE"],
        ["roomOnlineUserCountUpdate", 2],
    ]


@pytest.mark.parametrize("call", ["zg.logoutRoom('r')", "zg.logoutRoom()", "zg.destroyEngine()"])
async def test_a_login_under_way_is_given_up_with_its_room(scripted, call):
    code = await scripted.evaluate(
        f"""async () => {{
          const login = zg.loginRoom('r', '04token', {{ userID: 'u' }});
          await Promise.resolve();
          {call};
          return login.catch((error) => error.code);
        }}"""
    )
    assert code == 1000002
    assert await scripted.evaluate("sockets.length === 1 && sockets[0].closed")


async def test_a_second_login_takes_the_place_of_one_under_way(scripted):
    codes = await scripted.evaluate(
        """async () => {
          const first = zg.loginRoom('r', '04token', { userID: 'u' }).catch((error) => error.code);
          const second = zg.loginRoom('r', '04token', { userID: 'u' });
          await Promise.resolve();
          enter(sockets[1]);
          return [await first, await second, sockets[0].closed, Boolean(sockets[1].closed)];
        }"""
    )
    assert codes == [1000002, True, True, False]


async def test_a_network_that_goes_deaf_twice_is_noticed_twice(scripted):
    """The wait for an answer to a ping must not outlive its connection."""
    lost = "events.filter((e) => e[2] === 'RECONNECTING').length"
    await scripted.clock.install()
    await scripted.evaluate("void zg.loginRoom('r', '04token', { userID: 'u' })")
    await scripted.evaluate("enter(sockets[0])")
    await scripted.clock.run_for(20_500)  # a ping is out, and its answer does not come
    assert await scripted.evaluate("sockets[0].sent") == ["login", "ping"]
    await scripted.evaluate("sockets[0].break()")
    await scripted.clock.run_for(2_000)
    await scripted.evaluate("enter(sockets[1])")
    assert await scripted.evaluate(lost) == 1
    await scripted.clock.run_for(36_000)
    assert await scripted.evaluate(lost) == 2


async def test_a_stream_that_ends_after_its_connection_broke_is_told_at_once_and_plays_again(page, live):
    with live.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]

        def create():
            task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
            wait_for(lambda: api.status(task)["Status"] == 3)
            return task

        task = await asyncio.to_thread(create)
        await page.add_init_script(
            """const Real = window.RTCPeerConnection;
            window.RTCPeerConnection = class extends Real {
              constructor(...given) { super(...given); window.pc = this; }
            };
            const ask = window.fetch;
            window.fetch = (url, ...rest) => (window.severed && String(url).includes('/whep/') && rest[0]?.method === 'POST'
              ? Promise.resolve(new Response('no such stream', { status: 404 })) : ask(url, ...rest));"""
        )
        await page.goto(live.base_url + "/player/README.md")
        await page.evaluate(ENGINE)
        await page.evaluate(
            """async (token) => {
              await zg.loginRoom('r', token, { userID: 'u' });
              window.media = await zg.startPlayingStream('s');
            }""",
            generate(APP_ID, "u", SECRET, time.time()),
        )
        states = "events.filter((e) => e[0] === 'playerStateUpdate').map((e) => [e[1].state, e[1].errorCode])"
        await page.evaluate(
            """() => {
              window.severed = true;
              Object.defineProperty(pc, 'connectionState', { value: 'failed' });
              pc.onconnectionstatechange();
            }"""
        )
        await until(page, f"{states}.length === 3")
        await asyncio.to_thread(api.stop, task)
        await until(page, f"{states}.length === 4", 5)
        assert await page.evaluate(states) == [
            ["PLAY_REQUESTING", 0],
            ["PLAYING", 0],
            ["PLAY_REQUESTING", 0],
            ["NO_PLAY", 1104039],
        ]
        assert await page.evaluate("media.getTracks().length") == 0
        await page.evaluate("window.severed = false")
        task = await asyncio.to_thread(create)
        await until(page, f"{states}.length === 6")
        assert await page.evaluate(f"{states}.at(-1)") == ["PLAYING", 0]
        assert await page.evaluate("media.getTracks().length") == 2
        await asyncio.to_thread(api.stop, task)
