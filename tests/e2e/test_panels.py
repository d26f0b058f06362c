"""The console's panels in real Chromium: outputs and the audit."""

from __future__ import annotations

import json

import av
import pytest

from bunraku.testing.server import APP_ID, RunningServer
from bunraku.testing.voices import ToneVoices

from .conftest import until

pytestmark = pytest.mark.browser

SECRETS = ("Zx7-path", "Zx7-query", "Zx7-user", "Zx7-password", "Zx7-bearer", "Zx7-key")


@pytest.fixture(scope="module")
def desk():
    outputs = {"private_targets": ["127.0.0.1"], "patience": 30.0}
    with RunningServer(providers=[ToneVoices()], outputs=outputs) as running:
        yield running


async def begin(page, desk):
    await page.goto(desk.base_url)
    await until(page, "document.querySelectorAll('.card img').length >= 2")
    await page.select_option("#size", "512x512")
    await page.click("#create")
    await until(page, "document.querySelector('video')?.videoWidth === 512")


async def say(page, text):
    await page.fill("#text", text)
    await page.press("#text", "Enter")
    await until(page, "document.getElementById('text').value === ''")


async def test_a_recording_is_added_watched_stopped_and_downloaded(desk, page, tmp_path):
    await begin(page, desk)
    await page.click("#tab-outputs")
    await page.fill("#outputs-name", "evening")
    await page.click("#outputs-add")
    row = "document.querySelector('[data-output]')"
    await until(page, f"{row}?.dataset.status === 'ACTIVE'")
    assert "evening" in await page.inner_text("[data-output]")
    written = f"{row}.querySelector('.bytes').textContent"
    first = await until(page, f"{written} !== '0 B' && {written}")
    await say(page, "Good evening to all of you out there.")
    await until(page, f"{written} !== '{first}'")
    await page.click("[data-output] > button")
    await until(page, f"{row}.dataset.status === 'COMPLETE'")
    assert not await page.is_visible("[data-output] > button")
    link = page.locator("[data-output] a[download$='.mp4']")
    async with page.expect_download() as arriving:
        await link.click()
    await (await arriving.value).save_as(tmp_path / "evening.mp4")
    with av.open(str(tmp_path / "evening.mp4")) as film:
        (video,), (audio,) = film.streams.video, film.streams.audio
        sizes, sound = set(), 0
        for frame in film.decode(video, audio):
            if isinstance(frame, av.VideoFrame):
                sizes.add((frame.width, frame.height))
            else:
                sound = max(sound, float(abs(frame.to_ndarray()).max()))
    assert sizes == {(512, 512)}
    assert sound > 0.01, "nothing is heard"

    # Keys of targets are in no place of the page: no row, no form, no log, no call shown as a program.
    path, query, user, password, bearer, key = SECRETS
    for protocol, url in (
        ("whip", f"http://{user}:{password}@127.0.0.1:1/{path}?t={query}"),
        ("whip", f"http://127.0.0.1:1/{path}?t={query}"),
        ("rtmp", f"rtmp://127.0.0.1:1/live/{key}"),
        ("rtmp", f"rtmp://{user}:{password}@127.0.0.1:1/live/{key}"),
    ):
        before = await page.locator("[data-output]").count()
        await page.select_option("#outputs-protocol", protocol)
        await page.fill("#outputs-url", url)
        if protocol == "whip":
            await page.fill("#outputs-token", bearer)
        await page.click("#outputs-add")
        await until(
            page,
            f"document.querySelectorAll('[data-output]').length > {before}"
            " || document.getElementById('outputs-error').textContent !== ''",
        )
        if await page.locator("[data-output]").count() == before:
            await page.fill("#outputs-url", "")  # what was refused may be mended: it stays in the form
            if protocol == "whip":
                await page.fill("#outputs-token", "")
    await until(page, "document.querySelectorAll('[data-status=RETRYING] .reason').length >= 2")
    for tab in ("code", "timeline", "log", "outputs"):
        await page.click(f"#tab-{tab}")
    shown = await page.content() + json.dumps(
        await page.evaluate("[...document.querySelectorAll('input, textarea')].map((e) => e.value)")
    )
    assert [secret for secret in SECRETS if secret in shown] == []
    assert "127.0.0.1:1/" in shown
    await page.click("#stop")


async def test_the_audit_tells_who_did_what_and_never_what_was_said(desk, page):
    await begin(page, desk)
    await say(page, "Xylophone orchard")
    await page.click("#tab-outputs")
    await page.select_option("#outputs-protocol", "images")
    await page.click("#outputs-add")
    await until(page, "document.querySelectorAll('[data-output]').length === 1")
    task = await page.evaluate("window.bunraku.stage.task.TaskId")
    await page.click("#settings")
    await page.click("#tab-audit")
    rows = (
        "[...document.querySelectorAll('#audit-rows tr')].map((r) => [...r.cells].map((c) => c.textContent))"
    )
    of_task = f"{rows}.map((r) => r.slice(1)).filter((r) => r[3] === '{task[:8]}')"
    await until(page, f"{of_task}.length >= 3")
    newest = await page.evaluate(of_task)
    assert newest == [
        ["operator", action, str(APP_ID), task[:8], "0"]
        for action in ("AddStreamOutput", "DriveByText", "CreateDigitalHumanStreamTask")
    ]
    await page.fill("#audit-action", "drivebyt")
    await until(page, f"{rows}.length > 0 && {rows}.every((r) => r[2] === 'DriveByText')")
    await page.fill("#audit-action", "nothing of the kind")
    await until(page, "document.getElementById('audit-told').textContent === 'Nothing was done.'")
    assert await page.evaluate(f"{rows}.length") == 0
    await page.fill("#audit-action", "")
    await until(page, f"{rows}.length >= 3")
    assert "Xylophone" not in await page.inner_html("#audit")
    await page.keyboard.press("Escape")
    await page.click("#stop")
