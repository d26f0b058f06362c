"""What the player module does when things happen in an unlucky order, in real Chromium.

The room's socket is played by a script here, because a real server cannot be made unlucky at will;
media is the real server's.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, SECRET

from ..support.waiting import wait_for
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
TOLD = "events.filter((e) => e[0] === 'roomStateChanged').map((e) => [e[2], e[3]])"
STREAM = {"streamID": "s", "user": {"userID": "dh_1", "userName": "digitalhuman"}, "extraInfo": ""}


@pytest.fixture(scope="module")
def live(request):
    return request.getfixturevalue(request.param)


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
    assert await scripted.evaluate(TOLD) == [["LOGINING", 0], ["LOGIN_FAILED", 1000002]]
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
    await until(scripted, f"{TOLD}.length === 4")
    assert await scripted.evaluate(TOLD) == [
        ["LOGINING", 0],
        ["LOGIN_FAILED", 1000002],
        ["LOGINING", 0],
        ["LOGINED", 0],
    ]


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


async def played_before_it_is_there(scripted):
    """The page has asked for stream ``s``; ``posts`` counts what it asks the server for, ``refused`` is why it gave up."""
    await scripted.clock.install()
    await scripted.evaluate(
        """async () => {
          window.posts = 0;
          window.fetch = async () => { posts += 1; return new Response('no such stream', { status: 404 }); };
          const login = zg.loginRoom('r', '04token', { userID: 'u' });
          await Promise.resolve();
          enter(sockets[0]);
          await login;
          zg.startPlayingStream('s').catch((error) => { window.refused = error.code; });
        }"""
    )


async def test_a_stream_is_asked_for_once_it_is_known_to_be_there(scripted):
    await played_before_it_is_there(scripted)
    finds = "sockets[0].sent.filter((type) => type === 'find').length"
    answer = "sockets[0].say({ event: 'found', streamID: 's', live: %s })"
    for asked in range(1, 10):
        assert await scripted.evaluate(finds) == asked
        await scripted.evaluate(answer % "false")
        await scripted.clock.run_for(1_010)
    assert await scripted.evaluate("posts") == 0
    await scripted.evaluate(answer % "true")
    await until(scripted, "posts === 1")
    await scripted.clock.run_for(1_010)
    # The network goes: what is not known is not asked for.
    await scripted.evaluate("sockets[0].break()")
    await scripted.clock.run_for(250)
    assert await scripted.evaluate("posts") == 1
    await scripted.clock.run_for(60_000)
    assert await scripted.evaluate("[posts, refused]") == [1, 1004002]


async def test_a_server_that_does_not_say_is_asked_for_the_stream_itself(scripted):
    """One of before the question: pages bundle the player and come with it to any server."""
    await played_before_it_is_there(scripted)
    await scripted.clock.run_for(2_900)
    assert await scripted.evaluate("posts") == 0
    await scripted.clock.run_for(200)
    await until(scripted, "posts === 1")


STATES = "events.filter((e) => e[0] === 'playerStateUpdate').map((e) => [e[1].state, e[1].errorCode])"
MISHAPS = """
window.pcs = [];
const Real = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(...given) { super(...given); window.pcs.push(this); }
};
window.broken = (pc) => {
  Object.defineProperty(pc, 'connectionState', { value: 'failed' });
  pc.onconnectionstatechange();
};
const ask = window.fetch;
window.fetch = async (url, options) => {
  const { method } = options ?? {};
  if (method === 'DELETE' && window.deaf) return new Promise(() => {});
  if (method === 'POST' && window.severed) return new Response('no such stream', { status: 404 });
  const held = method === 'POST' && window.held;
  const answer = await ask(url, options);
  if (held) await held;
  return answer;
};
"""


async def play(page, live):
    """Play stream "s" in the page; returns its task and what makes the next one of that name."""
    api = live.client()
    human = api.digital_humans()[0]["DigitalHumanId"]

    def create():
        task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
        wait_for(lambda: api.status(task)["Status"] == 3)
        return task

    task = await asyncio.to_thread(create)
    await page.add_init_script(MISHAPS)
    await page.goto(live.base_url + "/player/README.md")
    await page.evaluate(ENGINE)
    await page.evaluate(
        """async (token) => {
          await zg.loginRoom('r', token, { userID: 'u' });
          window.media = await zg.startPlayingStream('s');
        }""",
        generate(APP_ID, "u", SECRET, time.time()),
    )
    return api, task, create


async def test_a_stream_that_ends_after_its_connection_broke_is_told_at_once_and_plays_again(page, live):
    """Also while the server cannot be told that we left the broken connection."""
    api, task, create = await play(page, live)
    with api:
        await page.evaluate("severed = true, deaf = true, broken(pcs[0])")
        assert await page.evaluate(STATES) == [["PLAY_REQUESTING", 0], ["PLAYING", 0], ["PLAY_REQUESTING", 0]]
        await asyncio.to_thread(api.stop, task)
        await until(page, f"{STATES}.length === 4", 5)
        assert await page.evaluate(f"{STATES}.at(-1)") == ["NO_PLAY", 1104039]
        assert await page.evaluate("media.getTracks().length") == 0
        await page.evaluate("severed = false")
        task = await asyncio.to_thread(create)
        await until(page, f"{STATES}.length === 6")
        assert await page.evaluate(f"{STATES}.at(-1)") == ["PLAYING", 0]
        assert await page.evaluate("media.getTracks().length") == 2
        await asyncio.to_thread(api.stop, task)


async def test_an_attempt_that_comes_too_late_changes_nothing_of_what_plays(page, live):
    """Its answer comes when the stream has ended and plays again."""
    api, task, create = await play(page, live)
    with api:
        await page.evaluate("held = new Promise((resolve) => { window.release = resolve; }), broken(pcs[0])")
        await until(page, "pcs.length === 2 && pcs[1].localDescription")
        await page.evaluate("held = null")
        await asyncio.to_thread(api.stop, task)
        await until(page, f"{STATES}.at(-1)[0] === 'NO_PLAY'")
        task = await asyncio.to_thread(create)
        await until(page, f"{STATES}.at(-1)[0] === 'PLAYING'")
        mine = "pcs.at(-1).getReceivers().map((r) => r.track.id).sort().join()"
        shown = "media.getTracks().map((t) => t.id).sort().join()"
        assert await page.evaluate(f"pcs.length === 3 && {mine} === {shown}")
        await page.evaluate("release()")
        await until(page, "pcs[1].signalingState === 'closed'")
        assert await page.evaluate(f"{mine} === {shown}")
        await asyncio.to_thread(api.stop, task)


async def test_an_ended_stream_can_be_asked_for_again_and_keeps_its_media_stream(page, live):
    """Pages that play on ADD need not have stopped on DELETE."""
    api, task, create = await play(page, live)
    with api:
        await asyncio.to_thread(api.stop, task)
        await until(page, f"{STATES}.at(-1)[0] === 'NO_PLAY'")
        await page.evaluate("void (again = zg.startPlayingStream('s').then((m) => m === media))")
        assert await page.evaluate(f"{STATES}.at(-1)") == ["PLAY_REQUESTING", 0]
        twice = "zg.startPlayingStream('s').catch((error) => error.code)"
        assert await page.evaluate(twice) == 1104032
        task = await asyncio.to_thread(create)
        assert await page.evaluate("again")
        assert await page.evaluate("media.getTracks().length") == 2
        await asyncio.to_thread(api.stop, task)


async def test_an_ended_stream_is_forgotten_after_a_minute(page, live):
    api, task, create = await play(page, live)
    with api:
        await page.clock.install()
        await asyncio.to_thread(api.stop, task)
        await until(page, f"{STATES}.at(-1)[0] === 'NO_PLAY'")
        await page.clock.run_for(61_000)
        task = await asyncio.to_thread(create)
        await until(page, "events.filter((e) => e[0] === 'roomStreamUpdate' && e[2] === 'ADD').length === 2")
        assert await page.evaluate(f"{STATES}.at(-1)[0]") == "NO_PLAY"
        assert await page.evaluate("zg.startPlayingStream('s').then((m) => m !== media)")
        await asyncio.to_thread(api.stop, task)


async def test_a_login_whose_socket_cannot_be_made_fails_as_any_other(scripted):
    """As a plain socket on a secure page."""
    found = await scripted.evaluate(
        """async () => {
          window.WebSocket = class { constructor() { throw new DOMException('mixed content', 'SecurityError'); } };
          return zg.loginRoom('r', '04token', { userID: 'u' }).catch((e) => [e.code, e.errorCode, Boolean(e.msg)]);
        }"""
    )
    assert found == [1002031, 1002031, True]
    assert await scripted.evaluate(TOLD) == [["LOGINING", 0], ["LOGIN_FAILED", 1002031]]


async def test_people_who_came_and_went_during_an_outage_are_told(scripted):
    people = (
        "events.filter((e) => e[0] === 'roomUserUpdate').map((e) => [e[2], e[3].map((u) => u.userID).join()])"
    )
    counts = "events.filter((e) => e[0] === 'roomOnlineUserCountUpdate').map((e) => e[2])"
    await scripted.evaluate(
        """async () => {
          window.here = (socket, names) => socket.say({ event: 'login', streams: [], count: names.length + 1,
            users: names.map((userID) => ({ userID, userName: userID })), iceServers: [] });
          zg.on('roomUserUpdate', (...rest) => window.events.push(['roomUserUpdate', ...rest]));
          const login = zg.loginRoom('r', '04token', { userID: 'u' }, { userUpdate: true });
          await Promise.resolve();
          here(sockets[0], ['ann', 'bob']);
          await login;
        }"""
    )
    await until(scripted, f"{counts}.length === 1")
    await scripted.evaluate("sockets[0].break()")
    await until(scripted, "sockets.length === 2")
    await scripted.evaluate("here(sockets[1], ['bob', 'cid', 'dan'])")
    assert await scripted.evaluate(people) == [["ADD", "ann,bob"], ["DELETE", "ann"], ["ADD", "cid,dan"]]
    assert await scripted.evaluate(counts) == [3, 4]


async def test_a_view_is_heard_or_not_as_each_play_asks(scripted):
    """Also without a picture; and what is no URL is no server."""
    found = await scripted.evaluate(
        """async () => {
          const { ZegoExpressEngine } = await import('/player/index.js');
          const { findServer } = await import('/player/src/server.js');
          const made = [];
          const create = document.createElement.bind(document);
          document.createElement = (name) => { const e = create(name); made.push(e); return e; };
          const box = create('div');
          document.body.append(box);
          const view = new ZegoExpressEngine(1, '').createRemoteStreamView(new MediaStream());
          const heard = [];
          for (const options of [{ muted: true }, null, { muted: false }]) {
            view.play(box, options);
            heard.push(box.querySelector('video').muted);
          }
          view.stop();
          view.playAudio();
          const audio = made.filter((e) => e.localName === 'audio');
          const { RTCRtpReceiver: kept } = window;
          delete window.RTCRtpReceiver;
          const requirements = await new ZegoExpressEngine(1, '').checkSystemRequirements();
          window.RTCRtpReceiver = kept;
          return { heard, audio: audio.map((e) => [e.autoplay, e.muted]), h264: requirements.videoCodec.H264,
            servers: ['undefined', 'webliveroom-test.zego.im', 'wss://dh.example.com/ws'].map(findServer) };
        }"""
    )
    origin = await scripted.evaluate("window.location.origin")
    assert found == {
        "heard": [True, True, False],
        "audio": [[True, False]],
        "h264": False,
        "servers": [origin, origin, "https://dh.example.com"],
    }


VIEW_ON_EVENT = """async (token) => {
  window.order = [];
  let view;
  zg.on('remoteCameraStatusUpdate', (streamID, status) => {
    order.push(`camera ${status}`);
    if (status === 'OPEN' && view) view.playVideo('stage');
  });
  zg.on('remoteMicStatusUpdate', (streamID, status) => order.push(`mic ${status}`));
  zg.on('playerStateUpdate', ({ state }) => order.push(state));
  const stage = document.createElement('div');
  stage.id = 'stage';
  document.body.replaceChildren(stage);
  await zg.loginRoom('r', token, { userID: 'u' });
  const media = await zg.startPlayingStream('s');
  order.push('resolved');
  view = zg.createRemoteStreamView(media);
  ATTACH
}"""


@pytest.mark.parametrize(
    "attach", ["view.playAudio();", "view.play('stage');"], ids=["on the event", "at once"]
)
async def test_a_view_can_be_attached_when_the_camera_opens_or_when_playing_began(page, live, attach):
    """As pages of the vendor's do: sound at once, the picture when its event comes; or both at once."""
    with live.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = await asyncio.to_thread(api.create, human, room_id="r", stream_id="s", size=(128, 128))
        await page.goto(live.base_url + "/player/README.md")
        await page.evaluate(ENGINE)
        token = generate(APP_ID, "u", SECRET, time.time())
        await page.evaluate(VIEW_ON_EVENT.replace("ATTACH", attach), token)
        await until(page, "document.querySelector('#stage video')?.videoWidth === 128")
        assert await page.evaluate("document.querySelectorAll('video').length") == 1
        told = ["PLAY_REQUESTING", "PLAYING", "resolved", "camera OPEN", "mic OPEN"]
        assert await page.evaluate("order") == told
        await asyncio.to_thread(api.stop, task)


async def test_a_camera_is_not_told_to_be_open_when_playing_has_been_stopped(page, live):
    api, task, _ = await play(page, live)
    with api:
        await page.evaluate(
            """async () => {
              window.opened = 0;
              zg.on('remoteCameraStatusUpdate', () => { window.opened += 1; });
              zg.stopPlayingStream('s');
              const again = zg.startPlayingStream('s');
              zg.on('playerStateUpdate', ({ state }) => state === 'PLAYING' && zg.stopPlayingStream('s'));
              await again.catch(() => {});
              await new Promise((done) => setTimeout(done, 50));
            }"""
        )
        assert await page.evaluate("opened") == 0
        await asyncio.to_thread(api.stop, task)
