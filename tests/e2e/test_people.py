"""A digital human of one's own in real Chromium: a picture in, made before one's eyes, alive, gone."""

from __future__ import annotations

import shutil

import httpx
import pytest

from bunraku.testing.server import APP_ID, OTHER_APP_ID, RunningServer

from ..support.clips import write_clip
from ..support.people import small_pack, zipped
from ..support.photographs import GRACE, nets, photograph
from .conftest import RECORDER, record, until

pytestmark = pytest.mark.browser

VOICE = "en-us-evan"
SHOWN = "document.querySelector('#people-list .person')"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    shutil.copytree(nets(), data / "people-nets")
    with RunningServer(data_dir=data, rtc={"drawing": "never"}) as running:
        yield running


async def panel(page, served, app=APP_ID):
    await page.goto(served.base_url)
    await until(page, "document.querySelectorAll('#cast [role=radio]').length >= 2")
    await page.select_option("#app", str(app))
    await page.click("#settings")
    await page.click("#tab-people")


def lips(served, human):
    """x, y, width and height of the mouth in a 512 x 512 picture."""
    pack = served.parts.people.packs.find(APP_ID, human)
    r = pack.decoded(512, 512).plates[0].mouths[0].rect
    return [int(v) for v in (r.x + r.width / 4, r.y + r.height / 4, r.width / 2, r.height / 2)]


async def test_a_picture_is_made_comes_to_life_and_speaks(served, page):
    await panel(page, served)
    await page.click("#people-make")  # nothing is chosen, nobody has agreed
    assert await page.evaluate("document.querySelector('#people-new').checkValidity()") is False
    await page.set_input_files("#people-file", str(photograph(GRACE)))
    await until(page, "!document.querySelector('#people-picture').hidden")
    before = await page.evaluate("document.querySelector('#people-picture').toDataURL()")
    await page.fill("#people-name", "Grace")
    await page.select_option("#people-voice", VOICE)
    await page.check("#people-consent")
    await page.click("#people-make")
    await until(page, "document.querySelector('#people-steps [data-state=now]')", 60)
    # Her face is found: the points are drawn over the picture.
    await until(page, "document.querySelector('#people-steps [data-step=landmarks][data-state=done]')", 60)
    assert await page.evaluate("document.querySelector('#people-picture').toDataURL()") != before
    await until(page, f"{SHOWN}?.dataset.state === 'ready'", 90)
    human = await page.evaluate(f"{SHOWN}.dataset.person")
    assert await page.evaluate(f"{SHOWN}.querySelector('select').value") == VOICE
    await until(page, f"{SHOWN}.querySelector('img').naturalWidth > 0")
    await page.click("#people-list button:has-text('Preview')")
    await until(page, f"{SHOWN}.querySelector('video')?.videoWidth > 0", 60)

    await page.click("#office-close")
    await page.click("#cast .card:has-text('Grace')")
    await page.select_option("#size", "512x512")
    await until(page, f"document.querySelector('#timbre').value === '{VOICE}'")
    await page.click("#create")
    await until(page, "document.querySelector('video')?.videoWidth === 512", 30)
    await page.evaluate(RECORDER, lips(served, human))
    await until(page, "window.recording.length > 10", 30)
    quiet = await record(page, 1.5)
    await page.fill("#text", "Mother and father are always at home, far away from all of us.")
    await page.press("#text", "Enter")
    loud = await record(page, 4.0)
    assert loud[:, 3].max() > 0.05, "nothing is heard"
    speaking = loud[loud[:, 3] > 0.02]
    assert speaking[:, 2].std() > 2 * quiet[:, 2].std() + 0.2, "the mouth hardly moves"

    # Not from a stage; then for good.
    page.on("dialog", lambda dialog: dialog.accept())
    await page.click("#settings")
    await page.click("#tab-people")
    await page.click("#people-list button:has-text('Delete')")
    await until(page, "document.querySelector('#people-error').textContent.includes('stream task')")
    await page.click("#office-close")
    await page.click("#stop")
    with served.client() as api:
        while api.running():
            pass
    await page.click("#settings")
    await page.click("#people-list button:has-text('Delete')")
    await until(page, "!document.querySelector('#people-list .person')")
    await until(page, "![...document.querySelectorAll('#cast .card')].some((c) => c.textContent === 'Grace')")


async def test_a_video_is_shown_and_made_and_seen_at_rest(served, page, tmp_path):
    """Its first picture at once, then the one in which the points were found; the steps are a video's."""
    clip = write_clip(tmp_path / "imani.mp4")
    await panel(page, served)
    await page.set_input_files("#people-film", str(clip))
    await until(page, "!document.querySelector('#people-picture').hidden")
    picture = "document.querySelector('#people-picture')"
    assert await page.evaluate(f"[{picture}.width, {picture}.height]") == [360, 480]
    assert (await page.inner_text("#people-told")).startswith("20 s")
    assert await page.input_value("#people-name") == "imani"
    before = await page.evaluate(f"{picture}.toDataURL()")
    await page.check("#people-consent")
    await page.click("#people-make")
    steps = "[...document.querySelectorAll('#people-steps li')].map((li) => li.dataset.step).join()"
    await until(page, f"{steps} === 'clip,face,landmarks,loop,mouth,pack'", 60)
    await until(page, "document.querySelector('#people-steps [data-step=face][data-state=done]')", 60)
    assert await page.evaluate(f"{picture}.toDataURL()") != before
    await until(page, f"{SHOWN}?.dataset.state === 'ready'", 120)
    await until(page, f"{SHOWN}.querySelector('img').naturalWidth > 0")
    await page.click("#people-list button:has-text('Preview')")
    await until(page, f"{SHOWN}.querySelector('video')?.videoWidth > 0", 60)
    page.once("dialog", lambda dialog: dialog.accept())
    await page.click("#people-list button:has-text('Delete')")
    await until(page, f"!{SHOWN}")


async def test_names_voices_and_refusals_are_told_and_apps_are_apart(served, page, tmp_path):
    (tmp_path / "lucy.zip").write_bytes(zipped(small_pack(tmp_path / "lucy")))
    (tmp_path / "wall.png").write_bytes(b"no picture")
    await panel(page, served, OTHER_APP_ID)
    await page.check("#people-consent")
    await page.set_input_files("#people-file", str(tmp_path / "wall.png"))
    await page.click("#people-make")
    await until(page, f"{SHOWN}?.dataset.state === 'failed'", 60)
    assert "Bring a JPEG" in await page.inner_text("#people-told")
    await page.set_input_files("#people-file", str(tmp_path / "lucy.zip"))
    await page.fill("#people-name", "Lucy")
    await page.click("#people-make")
    await until(page, "document.querySelector('#people-list [data-state=ready]')", 60)
    page.once("dialog", lambda dialog: dialog.accept("Lucy Two"))
    await page.click("#people-list [data-state=ready] button:has-text('Rename')")
    await until(
        page, "document.querySelector('#people-list [data-state=ready] b').textContent === 'Lucy Two'"
    )
    await page.select_option("#people-list [data-state=ready] select", VOICE)
    shown = f"{served.base_url}/console/people"

    def told(app):
        return [(p["name"], p["timbreId"], p["state"]) for p in httpx.get(f"{shown}/{app}").json()["people"]]

    await until(page, f"document.querySelector('#people-list [data-state=ready] select').value === '{VOICE}'")
    assert told(OTHER_APP_ID)[1] == ("Lucy Two", VOICE, "ready")
    assert told(APP_ID) == []
    await until(
        page, "[...document.querySelectorAll('#cast .card')].some((c) => c.textContent === 'Lucy Two')"
    )
    done = {(r["action"].partition("/")[0], r["result"]) for r in served_audit(served)}
    assert ("people", "0") in done
    assert ("people", "200") in done


def served_audit(served):
    return httpx.get(f"{served.base_url}/console/audit").json()["audit"]
