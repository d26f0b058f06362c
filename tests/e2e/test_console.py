"""The console's daily work in real Chromium: files, code, timeline, languages, and who may come in."""

from __future__ import annotations

import asyncio
import http.server
import json
import subprocess
import sys
import threading
import time

import httpx
import pytest

from bunraku.core.settings import AppSettings
from bunraku.node.tasks.stagehand import Stagehand
from bunraku.testing.server import APP_ID, SECRET, RunningServer

from ..support.piper import tiny_voice
from .conftest import until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def receiver():
    heard = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", heard
    server.shutdown()


@pytest.fixture(scope="module")
def desk(receiver):
    app = AppSettings(app_id=APP_ID, server_secret=SECRET, max_tasks=20, callback_url=receiver[0])
    with RunningServer(apps=(app,)) as running:
        yield running


async def begin(page, desk):
    await page.goto(desk.base_url)
    await until(page, "document.querySelectorAll('button.card').length >= 2")
    await page.select_option("#size", "512x512")
    await page.click("#create")
    await until(page, "document.querySelector('video')?.videoWidth === 512")


async def test_timeline_figures_and_thumbnail_tell_what_happened(desk, page, receiver):
    await begin(page, desk)
    await page.fill("#text", "Good evening.")
    await page.keyboard.press("Enter")
    timeline = "document.getElementById('timeline').innerText"
    await until(page, f"{timeline}.includes('speaking') && {timeline}.includes('ended')")
    await until(page, f"{timeline}.includes('drive → 4: delivered')")
    await until(page, "document.getElementById('strip').innerText.includes('fps')")
    await until(page, "document.getElementById('strip').innerText.includes('first sound')")
    await until(page, "document.querySelector('#running img')?.naturalWidth === 96")
    # What was said comes back with the arrow.
    await page.focus("#text")
    await page.keyboard.press("ArrowUp")
    assert await page.input_value("#text") == "Good evening."
    await page.click("#settings")
    await page.click("#callback")
    await until(page, "document.getElementById('apps-tested').innerText.includes('HTTP 200')")
    await page.keyboard.press("Escape")
    assert any(e["Detail"].get("RoomId") == "callback-test" for e in receiver[1])
    await page.click("#stop")


async def test_the_signed_call_works_as_it_is_shown(desk, page):
    await begin(page, desk)
    await page.click("#gestures button:has-text('nod')")
    await page.click("#tab-code")
    await until(page, "document.getElementById('code').textContent.includes('Action=DoAction')")
    shown = await page.inner_text("#code")
    done = subprocess.run(
        ["bash", "-c", shown.replace("curl ", "curl -s ", 1)], capture_output=True, text=True
    )
    assert json.loads(done.stdout)["Code"] == 0
    assert SECRET not in shown
    for name, command in (
        ("python", [sys.executable, "-c"]),
        ("node", ["node", "--input-type=module", "-e"]),
    ):
        await page.click(f"#code-tabs button:has-text('{name}')")
        await until(page, "!document.getElementById('code').textContent.startsWith('curl')")
        text = await page.inner_text("#code")
        assert SECRET not in text
        done = subprocess.run(
            [*command, text], capture_output=True, text=True, env={"SERVER_SECRET": SECRET, "PATH": "/usr/bin:/usr/local/bin:/bin"}
        )  # fmt: skip
        assert "success" in done.stdout, done.stderr
        await page.click("#code-tabs button:has-text('curl')")
        await until(page, "document.getElementById('code').textContent.startsWith('curl')")
    await page.click("#stop")


async def test_an_audio_file_is_spoken_and_options_are_sent(desk, page, tmp_path):
    import wave

    from bunraku.testing.voices import tone

    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        file.writeframes(tone(440, 1.5).tobytes())
    await page.goto(desk.base_url)
    await until(page, "document.querySelectorAll('button.card').length >= 2")
    await page.click("summary")
    await page.fill("#room", "a-room-of-one's-own")
    await page.check("#transparent")
    await page.select_option("#mood", "happy")
    await page.fill("#ttl", "600")
    await page.select_option("#size", "512x512")
    await page.click("#create")
    await until(page, "document.querySelector('canvas')?.width === 512")
    task = next(t for t in desk.client().running() if t["RoomId"] == "a-room-of-one's-own")
    live = desk.parts.manager.get(APP_ID, task["TaskId"])
    assert (live.record.ttl, live.record.emotion, live.record.framing.transparent) == (600, "happy", True)
    await page.set_input_files("#file", str(path))
    await until(page, "document.getElementById('log').innerText.includes('speaking')")
    begin = time.monotonic()
    await until(page, "document.getElementById('log').innerText.includes('silent')")
    assert time.monotonic() - begin > 0.8
    await asyncio.sleep(0.1)
    await page.click("#stop")


async def test_every_text_of_the_page_has_a_translation(desk, page):
    await page.goto(desk.base_url)
    await until(page, "document.querySelectorAll('#gestures button').length >= 2")
    await page.select_option("#language", "zh")
    # Each beside its own English: what runs comes and goes meanwhile.
    said = await page.evaluate(
        "[...document.querySelectorAll('[data-t]')].map((e) => [e.dataset.en, e.textContent])"
    )
    assert len(said) > 30
    assert [english for english, shown in said if english == shown] == []
    assert await page.evaluate("document.documentElement.lang") == "zh-CN"
    unlabelled = await page.evaluate(
        """[...document.querySelectorAll('button, input, select, textarea')].filter((e) =>
             !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim() && !e.hidden
             && !e.getAttribute('aria-hidden')).map((e) => e.id)"""
    )
    assert unlabelled == []


async def test_an_app_is_made_changed_and_its_secret_rotated(desk, page, receiver):
    """All in the page: the new app is called with the secrets it was shown, old and new."""
    await page.goto(desk.base_url)
    await until(page, "document.querySelectorAll('button.card').length >= 2")
    await page.click("#settings")
    assert await page.is_disabled("#apps-name")  # named by the file
    await page.fill("#apps-new-name", "Night desk")
    await page.click("#apps-new button")
    await until(page, "!document.getElementById('apps-secret').hidden")
    first, callback_secret = await page.locator("#apps-secrets code").all_inner_texts()
    await until(page, "document.getElementById('apps-name').value === 'Night desk'")
    app_id = int(await page.inner_text("#apps-id"))
    assert desk.client(app_id, first).running() == []
    # A private address set here is refused when it is used: only the operator's file is exempt.
    await page.fill("#apps-callback", receiver[0])
    await page.click("#apps-fields button[type=submit]")
    await until(page, "document.getElementById('apps-tested').innerText === 'Saved'")
    await page.click("#callback")
    await until(page, "document.getElementById('apps-tested').innerText.includes('not public')")
    await page.fill("#apps-callback", "ftp://example.com/")
    await page.click("#apps-fields button[type=submit]")
    await until(page, "document.getElementById('apps-error').innerText.includes('callbackUrl')")
    await page.click("#apps-rotate-server")
    await until(page, f"!document.getElementById('apps-secrets').innerText.includes('{first}')")
    second = await page.inner_text("#apps-secrets code")
    for secret in (first, second):
        assert desk.client(app_id, secret).running() == []
    await page.keyboard.press("Escape")
    await page.click("#settings")
    assert not await page.is_visible("#apps-secret")  # seen once
    assert first not in await page.content()
    assert second not in await page.content()
    # It is the chosen app now, and it can do what apps do.
    await page.keyboard.press("Escape")
    await page.select_option("#size", "512x512")
    await page.click("#create")
    await until(page, "document.querySelector('video')?.videoWidth === 512")
    assert len(desk.client(app_id, second).running()) == 1
    await page.click("#stop")
    assert len(callback_secret) == 32
    assert callback_secret not in (first, second)


async def test_an_app_gets_voices_of_its_own_and_who_has_them_is_given_one(desk, page, tmp_path):
    tiny_voice(tmp_path)
    await page.goto(desk.base_url)
    await page.locator("#timbre option").first.wait_for(state="attached")
    before = await page.locator("#timbre option").count()
    await page.click("#settings")
    await page.click("#tab-voices")
    await page.fill("#voices-name", "mine")
    await page.select_option("#voices-kind", "piper")
    await page.fill("#voices-folder", str(tmp_path))
    await page.click("#voices-new button[type=submit]")
    await page.locator("[data-voice=mine]").wait_for()
    await until(page, "document.getElementById('timbre').value === 'own-mine-en_GB-tiny-low'")
    assert await page.locator("#timbre option").count() == before + 1
    await page.click("[data-voice=mine] button")
    await page.locator("[data-voice=mine]").wait_for(state="detached")
    await until(page, f"document.querySelectorAll('#timbre option').length === {before}")
    # A mistake is told, and the key does not stay on the page.
    await page.select_option("#voices-kind", "openai")
    await page.fill("#voices-name", "cloud")
    await page.fill("#voices-url", "http://127.0.0.1:1/v1")
    await page.fill("#voices-names", "ada, bob")
    await page.fill("#voices-key", "sk-secret")
    await page.click("#voices-new button[type=submit]")
    await until(page, "document.getElementById('voices-error').textContent !== ''")


def test_strangers_see_no_backstage(desk):
    base = desk.base_url
    evil = {"Origin": "http://evil.example"}
    for path in ("figures", "code", "callback", "share", "apps", f"apps/{APP_ID}", f"apps/{APP_ID}/rotate"):
        answer = httpx.post(f"{base}/console/{path}", json={"appId": APP_ID}, headers=evil)
        assert answer.status_code == 403
    for path in ("figures", "code", "callback", "share"):
        assert httpx.post(f"{base}/console/{path}", json={"appId": 1}).status_code == 404
    assert httpx.get(f"{base}/console/snapshot/{APP_ID}/nobody").status_code == 204
    assert (
        httpx.get(f"{base}/console/snapshot/{APP_ID}/x", headers={"Host": "evil.example"}).status_code == 403
    )
    with RunningServer(providers=[], console={"password": "long enough"}) as locked:
        for path in (
            "figures",
            "code",
            "callback",
            "share",
            "apps",
            f"apps/{APP_ID}",
            f"apps/{APP_ID}/rotate",
        ):
            assert httpx.post(f"{locked.base_url}/console/{path}", json={"appId": APP_ID}).status_code == 401
        assert httpx.get(f"{locked.base_url}/console/snapshot/1/x").status_code == 401


async def test_who_must_log_in_first_is_asked_and_nothing_is_logged_as_an_error(page):
    with RunningServer(providers=[], console={"password": "long enough"}) as locked:
        missing, complaints = [], []
        page.on("response", lambda r: r.status >= 400 and missing.append(r.url))
        page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
        await page.goto(locked.base_url)
        await until(page, "document.getElementById('login').open")
        await page.fill("#login-form input[type=password]", "long enough")
        await page.keyboard.press("Enter")
        await until(page, "bunraku.human !== null")
        await page.goto(f"{locked.base_url}/console/api")
        await until(page, "document.querySelectorAll('#actions button').length > 5")
        await page.context.clear_cookies()
        await page.reload()
        await until(page, "document.getElementById('answer').textContent.startsWith('Log in')")
        assert (missing, complaints) == ([], [])


DAILY = ("cast", "create", "running", "gestures", "timbre", "text", "instead", "interrupt", "stop", "frame")


async def test_a_visit_to_who_takes_long_to_appear_asks_for_nothing_that_is_missing(desk, page, monkeypatch):
    """Load, create, speak, stop; the player waits for the stream, and does not ask whether it is there."""
    bring = Stagehand.bring

    async def slowly(self, *given):
        await asyncio.sleep(5)
        return await bring(self, *given)

    monkeypatch.setattr(Stagehand, "bring", slowly)
    answers, complaints = [], []
    page.on(
        "response", lambda r: answers.append((r.request.method, r.url.removeprefix(desk.base_url), r.status))
    )
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    await begin(page, desk)
    await page.fill("#text", "Good evening.")
    await page.keyboard.press("Enter")
    timeline = "document.getElementById('timeline').innerText"
    await until(page, f"{timeline}.includes('speaking') && {timeline}.includes('ended')")
    await until(page, "document.querySelector('#running img')?.naturalWidth === 96")
    await page.click("#stop")
    await until(page, "document.getElementById('frame').dataset.state === 'empty'")
    await until(page, "document.querySelectorAll('#running [data-task]').length === 0")
    assert [a for a in answers if a[2] >= 400] == []
    assert complaints == []
    assert [a[2] for a in answers if a[1].startswith("/whep/") and a[0] != "OPTIONS"] == [201, 200]


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1440, 900)])
async def test_the_daily_path_is_on_one_screen_and_nothing_is_missing(desk, page, width, height):
    missing, complaints = [], []
    page.on("response", lambda r: r.status >= 400 and missing.append(r.url))
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    await page.set_viewport_size({"width": width, "height": height})
    await begin(page, desk)
    await until(page, "document.querySelectorAll('#running li img[src]').length >= 1")
    edges = await page.evaluate(
        """(ids) => ids.map((id) => document.getElementById(id).getBoundingClientRect())
                       .map((r) => [r.top >= 0, r.left >= 0, r.right <= innerWidth, r.bottom <= innerHeight])""",
        list(DAILY),
    )
    assert all(all(edge) for edge in edges), dict(zip(DAILY, edges, strict=True))
    assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    names = await page.evaluate(
        "[...document.querySelectorAll('#gestures button')].map((b) => b.textContent)"
    )
    assert "Shake head" in names
    assert all(n == n[0].upper() + n[1:].lower() for n in names)
    # The picture ends where its frame does: the figure's cut is at an edge that can be seen.
    shown = await page.evaluate(
        """() => { const r = document.getElementById('screen').getBoundingClientRect();
                   const ground = (id) => getComputedStyle(document.getElementById(id)).backgroundColor;
                   return [r.width / r.height, ground('frame') !== ground('screen')]; }"""
    )
    assert shown == [pytest.approx(1.0, abs=0.01), True]
    await page.fill("#text", "Good evening, and welcome to all of you. " * 20)
    await page.keyboard.press("Enter")
    timeline = "document.getElementById('timeline').innerText"
    await until(page, f"{timeline}.includes('speaking')")
    await page.click("#gestures button:has-text('Nod')")
    await page.click("#interrupt")
    await until(page, f"{timeline}.includes('ended')")  # by itself it would after a minute
    await page.click("#stop")
    await until(page, "document.getElementById('frame').dataset.state === 'empty'")
    assert (missing, complaints) == ([], [])


async def test_on_a_phone_no_control_is_cut_off(desk, page):
    await page.set_viewport_size({"width": 390, "height": 844})
    await begin(page, desk)
    cut = """() => [...document.querySelectorAll('.stage-head button, .talk button, .talk select')].filter((e) => {
      const r = e.getBoundingClientRect(), around = e.closest('.panel').getBoundingClientRect();
      return r.width && (r.right > around.right - 4 || r.left < around.left + 4);
    }).map((e) => e.id || e.textContent)"""
    assert await page.evaluate(cut) == []
    await page.click("#stop")


async def test_nobody_is_brought_to_life_before_the_cast_is_known(desk, page):
    asked, answer = asyncio.Event(), asyncio.Event()

    async def late(route):
        asked.set()
        await answer.wait()
        await route.continue_()

    await page.route("**/GetDigitalHumanList", late)
    await page.goto(desk.base_url)
    await asked.wait()
    assert await page.is_disabled("#create")
    answer.set()
    await until(page, "!document.getElementById('create').disabled")
    assert await page.evaluate("document.querySelectorAll('button.card[aria-checked=true]').length") == 1


async def test_the_cast_is_there_at_once_and_nothing_moves(desk, page):
    """Pictures are ready-made: none is rendered on the first visit."""
    await page.goto(desk.base_url)
    await until(page, "document.querySelectorAll('button.card').length >= 6")
    before = await page.evaluate("document.getElementById('cast').getBoundingClientRect().height")
    began = time.monotonic()
    await until(
        page,
        "[...document.querySelectorAll('.card img')].every((i) => i.complete && i.naturalWidth === 320)",
        5,
    )
    assert time.monotonic() - began < 1.5
    assert await page.evaluate("document.getElementById('cast').getBoundingClientRect().height") == before
    assert not list((desk.settings.data_dir / "assets").rglob("avatar*"))


async def test_nodes_are_shown_once_there_is_more_than_one(desk, page):
    """What the page makes of nodes; that they are told truthfully is tested where they live."""
    await page.goto(desk.base_url)
    await until(page, "document.querySelectorAll('button.card').length >= 2")
    assert len(httpx.get(f"{desk.base_url}/console/nodes").json()["nodes"]) == 1
    hidden = "document.getElementById('nodes').hidden"
    assert await page.evaluate(hidden)
    states = {"one": ("up", 1), "two": ("up", 1)}

    async def answer(route):
        load = {"tasks": 3, "capacity": 16, "rooms": 2, "lateness": 0.0042, "memory": 312_000_000}
        same = {"machine": "left", "version": "0.1.0", "started_at": 1.7e9, "load": load}
        nodes = [{"id": i, "state": s, "epoch": e, **same} for i, (s, e) in states.items()]
        await route.fulfill(json={"nodes": nodes})

    await page.route("**/console/nodes", answer)
    await until(page, f"!{hidden}")
    text = await page.inner_text("#nodes")
    for shown in ("one", "two", "up", "left", "0.1.0", "3/16", "4.2 ms", "312 MB"):
        assert shown in text
    states["two"] = ("lost", 2)
    await until(page, "document.querySelector('[data-node=two]').dataset.state === 'lost'")
    await until(page, "document.getElementById('log').innerText.includes('two: given up (life 2)')")
    states["two"] = ("up", 3)
    await until(page, "document.getElementById('log').innerText.includes('two: up (life 3)')")
