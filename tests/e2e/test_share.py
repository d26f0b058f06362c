"""The share page in real Chromium: one link on several screens, and what its parameters show."""

from __future__ import annotations

import asyncio
import io
import time

import av
import httpx
import pytest

from bunraku.testing.server import APP_ID

from ..support.ear import watchers
from ..support.waiting import wait_for
from .conftest import until

pytestmark = pytest.mark.browser
INSIDE = "document.querySelector('bunraku-player')?.shadowRoot"
PLAYING = (
    f"{INSIDE}.querySelector('video')?.videoWidth > 0 && {INSIDE}.querySelector('video').currentTime > 0"
)


@pytest.fixture
def shared(theatre):
    """Makes a task, and the link that shows it."""
    api, tasks = theatre.client(), []

    def make(**extra):
        human = api.digital_humans()[0]["DigitalHumanId"]
        names = {"RoomId": f"room-{time.monotonic_ns()}", "StreamId": f"stream-{time.monotonic_ns()}"}
        task = api.call(
            "CreateDigitalHumanStreamTask",
            DigitalHumanConfig={"DigitalHumanId": human},
            RTCConfig=names,
            VideoConfig={"Width": 256, "Height": 256},
            ExtraConfig=extra,
        )["TaskId"]
        tasks.append(task)
        wait_for(lambda: api.status(task)["Status"] == 3)
        body = {"appId": APP_ID, "roomId": names["RoomId"], "streamId": names["StreamId"], "seconds": 600}
        answer = httpx.post(f"{theatre.base_url}/console/share", json=body)
        assert answer.status_code == 200, answer.text
        return task, lambda query="": f"{theatre.base_url}/share{query}#pass={answer.json()['pass']}"

    make.api = api
    yield make
    for task in tasks:
        api.stop(task)
    api.close()


async def test_two_screens_with_one_link_watch_at_once_and_only_one_wants_captions(page, theatre, shared):
    task, link = await asyncio.to_thread(shared)
    other = await page.context.new_page()
    await page.goto(link("?captions=1"))
    await other.goto(link("?captions=0"))
    users = set()
    for tab in (page, other):
        await until(tab, PLAYING)
        users.add(await tab.evaluate("document.querySelector('bunraku-player').getAttribute('user')"))
        await tab.evaluate(
            "document.querySelector('bunraku-player').addEventListener('caption', () => { window.told = true; })"
        )
    assert (watchers(theatre, task), len(users)) == (2, 2)
    await asyncio.to_thread(shared.api.speak, task, "One two three four five six.", timbre_id="en-us-evan")
    await until(page, f"{INSIDE}.getElementById('caption').textContent.length > 3")
    await until(other, "window.told")
    assert await other.evaluate(f"{INSIDE}.getElementById('caption').textContent") == ""
    for tab in (page, other):
        then = await tab.evaluate(f"{INSIDE}.querySelector('video').currentTime")
        await until(tab, f"{INSIDE}.querySelector('video').currentTime > {then} + 0.3")
        assert await tab.evaluate(f"{INSIDE}.getElementById('state').textContent") == ""
    assert watchers(theatre, task) == 2


async def test_only_the_person_covers_what_lies_under_a_transparent_page(page, shared):
    _, link = await asyncio.to_thread(shared, Transparent=True)
    await page.set_viewport_size({"width": 400, "height": 400})
    await page.goto(link("?transparent=1&controls=0&captions=0"))
    await until(page, f"{INSIDE}.querySelector('canvas')?.width === 256")

    async def seen():
        with av.open(io.BytesIO(await page.screenshot(omit_background=True))) as png:
            return next(png.decode(video=0)).to_ndarray(format="rgba")

    for _ in range(40):
        picture = await seen()
        if picture[200, 200, 3] == 255:
            break
        await asyncio.sleep(0.1)
    assert (picture[3, 3, 3], picture[200, 200, 3]) == (0, 255)
    await page.goto("about:blank")
    await page.goto(link("?background=rgb(0,177,64)&controls=0"))
    await until(page, f"{INSIDE}.querySelector('canvas')?.width === 256")
    assert (await seen())[3, 3].tolist() == [0, 177, 64, 255]
    await page.goto("about:blank")
    await page.goto(link("?transparent=1&background=notacolour"))
    await until(page, "document.querySelector('bunraku-player') !== null")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"


async def test_a_screen_that_was_turned_away_comes_back_as_another(page, theatre, shared):
    """Such as by a server that was away for too long: the page takes a new place, not the old one."""
    _, link = await asyncio.to_thread(shared)
    await page.goto(link())
    await until(page, PLAYING)
    user = await page.evaluate("document.querySelector('bunraku-player').getAttribute('user')")
    await page.evaluate(
        "document.querySelector('bunraku-player').failed({ code: 1002050, msg: 'kicked out' })"
    )
    await until(page, f"document.querySelector('bunraku-player').getAttribute('user') !== '{user}'")
    await until(page, PLAYING)


async def test_a_link_that_is_not_good_says_so(page, theatre):
    await page.goto(f"{theatre.base_url}/share#pass=nonsense")
    await until(page, "document.getElementById('notice').textContent === 'this link is not good'")


async def test_the_console_makes_a_link_that_a_stranger_can_watch_by(page, theatre):
    await page.add_init_script("navigator.clipboard.writeText = async (text) => { window.copied = text; };")
    await page.goto(theatre.base_url)
    await until(page, "document.querySelectorAll('button.card').length >= 2")
    await page.click("#create")
    await until(page, "document.querySelector('video')?.videoWidth > 0")
    await page.click("#share")
    link = await until(page, "window.copied")
    assert "#pass=" in link
    assert "token" not in link
    screen = await page.context.new_page()
    await screen.goto(link)
    await until(screen, PLAYING)
    await page.click("#stop")
