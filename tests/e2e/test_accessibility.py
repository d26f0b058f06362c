"""The pages as axe-core judges them, light and dark: nothing serious, contrast included."""

from __future__ import annotations

import os
import tarfile
import time
from pathlib import Path

import httpx
import pytest

from bunraku.testing.server import APP_ID, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.waiting import wait_for
from .conftest import until

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "build" / "axe-core-4.14.1.tgz"  # scripts/install-test-tools.sh
LOUD = ("serious", "critical")
JUDGE = """async () => {
  const found = await axe.run(document, { resultTypes: ['violations'] });
  return found.violations.map((v) => [v.impact, v.id, v.nodes.length, v.nodes.slice(0, 3).map((n) =>
    n.target.join(' ') + ': ' + n.failureSummary.split('\\n').slice(1).join(' '))]);
}"""


@pytest.fixture(scope="module")
def axe():
    if not AXE.exists():
        assert not os.environ.get("TESTS_REQUIRE_CHROMIUM"), "scripts/install-test-tools.sh fetches it"
        pytest.skip("no axe-core: scripts/install-test-tools.sh fetches it")
    with tarfile.open(AXE) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@pytest.fixture(scope="module")
def desk():
    with RunningServer(providers=[ToneVoices()]) as running:
        yield running


@pytest.fixture(params=["light", "dark"])
async def judged(request, axe, page):
    """What is wrong with what the page shows now."""
    await page.emulate_media(color_scheme=request.param, reduced_motion="reduce")

    async def judge():
        await page.evaluate(axe)
        return [f for f in await page.evaluate(JUDGE) if f[0] in LOUD]

    return judge


async def test_it_would_find_something(judged, page):
    await page.set_content("<title>x</title><p style='color:#999;background:#fff'>faint<img src=x><input>")
    assert {rule for _, rule, *_ in await judged()} >= {"color-contrast", "image-alt", "label"}


async def test_the_console_at_work(judged, page, desk):
    await page.goto(desk.base_url)
    await until(page, "document.querySelectorAll('.card img').length >= 2")
    assert await judged() == []
    await page.click("details summary")
    await page.select_option("#size", "512x512")
    await page.click("#create")
    await until(page, "document.querySelector('video')?.videoWidth === 512")
    await page.fill("#text", "Good evening to all of you out there.")
    await page.click("#speak")
    await until(page, "document.getElementById('timeline').innerText.includes('speaking')")
    for tab in await page.evaluate("[...document.querySelectorAll('#task-tabs button')].map((b) => b.id)"):
        await page.click(f"#{tab}")
        if tab == "tab-outputs":
            await page.click("#outputs-add")
            await until(page, "document.querySelector('[data-output]')")
        assert await judged() == []
    await page.click("#stop")
    await until(page, "document.getElementById('frame').dataset.state === 'empty'")


async def test_the_settings(judged, page, desk):
    await page.goto(desk.base_url)
    await until(page, "document.querySelectorAll('.card img').length >= 2")
    await page.click("#settings")
    for tab in await page.evaluate("[...document.querySelectorAll('#office-tabs button')].map((b) => b.id)"):
        await page.click(f"#{tab}")
        assert await judged() == []


async def test_the_login(judged, page):
    with RunningServer(providers=[], console={"password": "open sesame"}) as running:
        await page.goto(running.base_url)
        await until(page, "document.getElementById('login').open")
        await page.fill("#password", "no")
        await page.keyboard.press("Enter")
        await until(page, "document.getElementById('login-error').textContent !== ''")
        assert await judged() == []


async def test_the_api_page(judged, page, desk):
    await page.goto(f"{desk.base_url}/console/api")
    await until(page, "document.querySelectorAll('nav *, aside *, li').length > 10")
    assert await judged() == []


async def test_the_share_page(judged, page, desk):
    await page.goto(f"{desk.base_url}/share#pass=none")
    await until(page, "document.getElementById('notice')?.textContent !== ''")
    assert await judged() == []
    with desk.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        stamp = time.monotonic_ns()
        task = api.create(human, room_id=f"r{stamp}", stream_id=f"s{stamp}", size=(256, 256))
        wait_for(lambda: api.status(task)["Status"] == 3)
        asked = {"appId": APP_ID, "roomId": f"r{stamp}", "streamId": f"s{stamp}", "seconds": 600}
        given = httpx.post(f"{desk.base_url}/console/share", json=asked).json()["pass"]
        await page.goto("about:blank")
        await page.goto(f"{desk.base_url}/share?controls=1#pass={given}")
        await until(
            page, "document.querySelector('bunraku-player')?.shadowRoot?.querySelector('video')?.videoWidth"
        )
        assert await judged() == []
        api.stop(task)
