"""A signed call creates a person, a browser sees and hears them: checked on decoded media."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from ..support.ear import watchers
from .conftest import BUILD, RECORDER, inner_mouth, record, until

pytestmark = [pytest.mark.browser, pytest.mark.voices]

TEXT = (
    "Good morning, and welcome to our small theatre. Mark my words: a puppet may bow, wave, and speak. "
    "Five fine voices move the room."
)


@pytest.mark.embedded("lips are compared with a real voice")
async def test_first_light(live, page):
    with live.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="light", stream_id="first", size=(512, 512), background="#dfe5ee")
        await page.goto(live.base_url)
        await until(page, "document.querySelector('#running [data-task]')")
        await page.click("#running button")
        await until(page, "document.querySelector('video')?.videoWidth === 512")
        await page.evaluate(RECORDER, inner_mouth(live))

        quiet = await record(page, 2.5)
        assert quiet[:, 3].max() < 0.003, "sound without speech"
        rate = len(quiet) / (quiet[-1, 0] - quiet[0, 0]) * 1000
        assert 20 < rate < 28, f"{rate} pictures a second"

        api.speak(task, TEXT, timbre_id="en-us-evan")
        spoken = await record(page, 6.0)
        await page.screenshot(path=BUILD / "first-light.png")
        assert spoken[:, 3].max() > 0.05
        dark, level = spoken[:, 1], spoken[:, 3]
        # The mouth is darkest when open; syllables last about 200 ms: compare at that scale.
        smooth = np.ones(5) / 5
        opened = np.convolve(dark, smooth, "valid")
        loud = np.convolve(level, smooth, "valid")
        both = np.concatenate([np.stack([opened, loud]), np.stack([quiet[:, 1], quiet[:, 3]])], 1)
        correlation = float(np.corrcoef(both)[0, 1])
        (BUILD / "first-light.txt").write_text(
            f"correlation of mouth darkness with sound level: {correlation:.3f}\n"
            f"darkness at rest {quiet[:, 1].mean():.4f} +- {quiet[:, 1].std():.4f}, "
            f"speaking {dark.mean():.4f} +- {dark.std():.4f}\npictures a second at rest: {rate:.2f}\n"
        )
        assert correlation > 0.45
        assert dark.std() > 4 * quiet[:, 1].std(), "the mouth hardly moves"

        api.interrupt(task)
        await asyncio.sleep(0.4)
        after = await record(page, 1.2)
        assert after[:, 3].max() < 0.003, "speech goes on after the interrupt"
        assert after[-10:, 1].std() < 0.2 * dark.std(), "the mouth goes on after the interrupt"

        api.stop(task)
        await until(page, "document.getElementById('frame').dataset.state === 'empty'")
        assert api.running() == []


async def test_the_console_does_it_all(live, page, voice):
    await page.goto(live.base_url)
    await until(page, "document.querySelectorAll('button.card').length >= 2")
    await page.screenshot(path=BUILD / "console-start.png")
    await page.click("button.card:nth-child(2)")
    await page.select_option("#size", "512x512")
    await page.click("#create")
    # On a house just opened the portraits are made first, one by one.
    await until(page, "document.querySelector('video')?.videoWidth === 512", 45)
    await page.select_option("#timbre", voice)
    await page.fill("#text", "Good evening from the console.")
    await page.keyboard.press("Enter")
    await until(page, "!document.getElementById('caption').hidden")
    await page.screenshot(path=BUILD / "console-speaking.png")
    await until(page, "document.getElementById('log').innerText.includes('speaking')")
    await page.click("#gestures button:has-text('wave')")
    await page.keyboard.press("Escape")
    await until(page, "document.getElementById('log').innerText.includes('silent')")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.screenshot(path=BUILD / "console-phone.png", full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth <= 390")
    await page.click("#stop")
    await until(page, "document.querySelector('#running .none')")


async def test_a_watcher_that_vanishes_is_reaped(live, page):
    with live.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="gone", stream_id="gone", size=(256, 256))
        await page.goto(live.base_url)
        await until(page, "document.querySelector('#running [data-task]')")
        await page.click("#running button")
        await until(page, "document.querySelector('video')?.videoWidth === 256")
        assert watchers(live, task) == 1
        # No goodbye over HTTP: the page is gone with its socket and its connection.
        await page.evaluate("void (window.fetch = () => new Promise(() => {}))")
        await page.goto("about:blank")
        for _ in range(400):
            if not await asyncio.to_thread(watchers, live, task):
                break
            await asyncio.sleep(0.05)
        assert watchers(live, task) == 0
        api.stop(task)


async def test_the_console_asks_for_its_own_host_and_origin(live, page):
    import httpx

    def get(path, **headers):
        return httpx.get(live.base_url + path, headers=headers)

    assert get("/console/state").status_code == 200
    assert get("/console/state", Host="evil.example").status_code == 403
    assert get("/console/state", Origin="http://evil.example").status_code == 403
    assert get("/console/state", **{"X-Forwarded-For": "10.0.0.1"}).status_code == 401
    assert get("/", Host="evil.example").status_code == 403
    assert get("/console/static/../console.py").status_code == 404
    crossed = httpx.post(
        live.base_url + "/console/call/QueryDigitalHumanStreamTasks",
        json={"appId": 12345},
        headers={"Origin": "http://evil.example"},
    )
    assert crossed.status_code == 403
    text = " ".join(
        httpx.get(f"{live.base_url}/console/{p}").text for p in ("state", "static/main.js", "static/api.js")
    )
    assert "9193cc662a4c0ec135ec71fb57194b38" not in text
