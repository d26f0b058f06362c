"""DriveByRTCStream: a browser publishes its microphone by WHIP, and the figure repeats it live."""

from __future__ import annotations

import asyncio
import time
import wave

import numpy as np
import pytest

from bunraku.bench.receiver import Receiver
from bunraku.core import errors
from bunraku.core.media import SAMPLE_RATE
from bunraku.core.token import generate
from bunraku.node.speech.espeak import EspeakProvider
from bunraku.testing.server import APP_ID, SECRET

from ..support.speech import say
from .conftest import BUILD, RECORDER, inner_mouth, record, until

MIC = BUILD / "microphone.wav"
TEXT = "Maybe my brother bought five pairs of brown boots. Please open all the maps above the pond."
pytestmark = [pytest.mark.browser, pytest.mark.voices]

PUBLISH = """
async ([url, token]) => {
  const media = await navigator.mediaDevices.getUserMedia({ audio: {
    echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  const pc = window.mic = new RTCPeerConnection();
  for (const track of media.getTracks()) pc.addTrack(track, media);
  await pc.setLocalDescription(await pc.createOffer());
  const answer = await fetch(url, { method: 'POST', body: pc.localDescription.sdp,
    headers: { 'Content-Type': 'application/sdp', Authorization: 'Bearer ' + token } });
  if (answer.status !== 201) return answer.status;
  window.resource = answer.headers.get('Location');
  await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  return 201;
}
"""


@pytest.fixture(scope="module", autouse=True)
def microphone():
    """What Chromium hears for ever: a sentence, and two seconds of silence."""

    async def spoken():
        provider = EspeakProvider(1)
        await provider.start()
        try:
            return (await say(provider, "en-us-evan", TEXT))[0]
        finally:
            await provider.close()

    BUILD.mkdir(exist_ok=True)
    sound = np.concatenate([asyncio.run(spoken()), np.zeros(2 * SAMPLE_RATE, np.int16)])
    with wave.open(str(MIC), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(SAMPLE_RATE)
        w.writeframes(sound.astype("<i2").tobytes())


FLAGS = [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    f"--use-file-for-fake-audio-capture={MIC}",
]


async def wait(condition, timeout=15):
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return value


@pytest.mark.parametrize("page", [FLAGS], indirect=True, ids=["microphone"])
async def test_section_5_8_a_microphone_is_repeated_live(live, page):
    with live.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="figure", size=(512, 512))
        drive = api.call("DriveByRTCStream", TaskId=task, RTCConfig={"RoomId": "r", "StreamId": "mic"})[
            "DriveId"
        ]
        assert [(d["DriveId"], d["Status"]) for d in api.drives(task)] == [(drive, 1)], (
            "it waits for its source"
        )

        await page.goto(live.base_url)
        token = generate(APP_ID, "host", SECRET, time.time())
        assert await page.evaluate(PUBLISH, [f"/whip/{APP_ID}/r/mic", token]) == 201
        await wait(lambda: api.drives(task)[0]["Status"] == 2)

        watching = await page.context.new_page()
        await watching.goto(live.base_url)
        await until(watching, "document.querySelector('#running [data-task]')")
        await watching.click("#running button")
        await until(watching, "document.querySelector('video')?.videoWidth === 512")
        await watching.evaluate(RECORDER, inner_mouth(live))
        seen = await record(watching, 9.0)
        await watching.screenshot(path=BUILD / "microphone.png")
        await watching.close()
        # The lips follow what is heard, by ear alone, and rest in the pauses of the sentence.
        smooth = np.ones(5) / 5
        opened, level = (np.convolve(seen[:, column], smooth, "valid") for column in (1, 3))
        loud, silent = level > 0.02, np.convolve(seen[:, 3], np.ones(15), "valid") < 0.01
        assert loud.mean() > 0.3
        assert silent.mean() > 0.05
        correlation = float(np.corrcoef(opened, level)[0, 1])
        (BUILD / "microphone.txt").write_text(
            f"correlation of mouth darkness with sound level: {correlation:.3f}; darkness while loud "
            f"{opened[loud].mean():.4f} +- {opened[loud].std():.4f}, silent {opened[5:-5][silent].mean():.4f} "
            f"+- {opened[5:-5][silent].std():.4f}\n"
        )
        assert correlation > 0.4
        assert opened[loud].std() > 4 * opened[5:-5][silent].std(), "the mouth hardly moves"

        guest = Receiver()
        await guest.play(f"{live.base_url}/whep/{APP_ID}/mic", generate(APP_ID, "guest", SECRET, time.time()))
        await asyncio.wait_for(guest.voiced.wait(), 10)  # others in the room hear the microphone itself
        await guest.close()

        taken = await page.evaluate(PUBLISH, [f"/whip/{APP_ID}/r/mic", token])
        assert taken == 409
        with pytest.raises(errors.StreamIdExists):
            api.create(human, room_id="r", stream_id="mic", size=(128, 128))

        await page.evaluate("fetch(window.resource, { method: 'DELETE' })")
        await wait(lambda: api.drives(task)[0]["Status"] == 4)
        assert await page.evaluate(PUBLISH, [f"/whip/{APP_ID}/r/mic", "04bad"]) == 401
        api.stop(task)


async def test_section_5_8_an_absent_source_fails_the_drive_after_ten_seconds(live):
    with live.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="alone", size=(128, 128))
        begin = time.monotonic()
        drive = api.call("DriveByRTCStream", TaskId=task, RTCConfig={"RoomId": "r", "StreamId": "nobody"})[
            "DriveId"
        ]
        await wait(lambda: api.call("GetDriveStatus", DriveId=drive)["DriveList"][0]["Status"] == 3)
        # The call itself may have waited for the task to start.
        assert 9.5 < time.monotonic() - begin < 16
        with pytest.raises(errors.InvalidParams, match="own stream"):
            api.call("DriveByRTCStream", TaskId=task, RTCConfig={"RoomId": "r", "StreamId": "alone"})
        api.stop(task)
