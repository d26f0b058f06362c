"""DriveByRTCStream: a browser publishes its microphone by WHIP, and the figure repeats it live."""

from __future__ import annotations

import asyncio
import time
import wave

import numpy as np
import pytest

from bunraku import errors
from bunraku.bench.receiver import Receiver
from bunraku.rtc.token import generate
from bunraku.testing.server import APP_ID, SECRET

from .conftest import BUILD

MIC = BUILD / "microphone.wav"
pytestmark = pytest.mark.browser

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


def make_microphone():
    """Half a second of a vowel-like sound, half a second of silence, for ever."""
    rate = 48000
    t = np.arange(rate // 2) / rate
    voice = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 12)) * 6000
    BUILD.mkdir(exist_ok=True)
    with wave.open(str(MIC), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(np.concatenate([voice, np.zeros(rate // 2)]).astype("<i2").tobytes())


make_microphone()
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
        task = api.create(human, room_id="r", stream_id="figure", size=(256, 256))
        drive = api.call("DriveByRTCStream", TaskId=task, RTCConfig={"RoomId": "r", "StreamId": "mic"})[
            "DriveId"
        ]
        assert api.drives(task) == [{"DriveId": drive, "Status": 1}], "it waits for its source"

        await page.goto(live.base_url)
        token = generate(APP_ID, "host", SECRET, time.time())
        assert await page.evaluate(PUBLISH, [f"/whip/{APP_ID}/r/mic", token]) == 201
        await wait(lambda: api.drives(task)[0]["Status"] == 2)

        from ..conformance.test_drive_socket import Ear

        ear = Ear(live, "figure")
        await asyncio.sleep(4)
        levels = np.array([level for _, level in ear.levels])
        loud = (levels > 0.02).mean()
        assert 0.3 < loud < 0.7, f"half of it is sound, not {loud:.2f}"
        ear.stream.watchers.discard(ear)

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
