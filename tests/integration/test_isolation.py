"""Eight people at once: each heard and seen only by its own watcher, whatever befalls another."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from bunraku.bench.receiver import Receiver
from bunraku.core.media import SAMPLE_RATE
from bunraku.core.token import generate
from bunraku.node.speech.espeak import EspeakProvider
from bunraku.testing.network import LossyPath, Weather
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.inside import performance
from ..support.waiting import wait_for

NAMES = tuple(f"tone-{c}" for c in "abcdefgh")
WORDS = "one two three four five six seven eight nine ten " * 6
# Corners that no JPEG-like coding could confuse: eight colours of the cube.
COLOURS = [f"#{r}{g}{b}" for r in ("20", "e0") for g in ("20", "e0") for b in ("20", "e0")]


class Watcher(Receiver):
    """Keeps what it hears and the colour it sees behind the figure."""

    def __init__(self):
        super().__init__()
        self.sound = []
        self.corner = []

    async def _listen(self, track):
        try:
            while True:
                frame = await track.recv()
                self.last_frame = time.monotonic()
                samples = frame.to_ndarray().reshape(-1)[:: len(frame.layout.channels)]
                self.sound.append((frame.pts, samples))
        except MediaStreamError:
            return

    async def look(self):
        track = next(r.track for r in self.connection.getReceivers() if r.track.kind == "video")
        for _ in range(8):
            picture = (await asyncio.wait_for(track.recv(), 5)).to_ndarray(format="rgb24")
        self.corner = picture[4:20, 4:20].reshape(-1, 3).mean(0)
        return self.corner


def strongest(sound):
    x = np.concatenate([s for _, s in sound]).astype(float)
    spectrum = np.abs(np.fft.rfft(x * np.hanning(x.size)))
    return float(spectrum.argmax() * SAMPLE_RATE / x.size), spectrum


def power_at(sound, hertz):
    _, spectrum = strongest(sound)
    size = sum(s.size for _, s in sound)
    at = round(hertz * size / SAMPLE_RATE)
    return float(spectrum[max(0, at - 30) : at + 30].max())


def gaps(sound):
    """Packets of sound that never came."""
    stamps = [pts for pts, _ in sound]
    return sum(b - a != 960 for a, b in zip(stamps, stamps[1:], strict=False))


@pytest.fixture(scope="module")
def served():
    voices = ToneVoices(names=NAMES, word_seconds=0.25)
    with RunningServer(providers=[voices, EspeakProvider(2)]) as s:
        s.voices = voices
        yield s


class Cast:
    def __init__(self, served, api, count):
        self.served, self.api = served, api
        humans = api.digital_humans()
        self.tasks, self.watchers = [], []
        stamp = time.monotonic_ns()
        for i in range(count):
            task = api.call(
                "CreateDigitalHumanStreamTask",
                DigitalHumanConfig={
                    "DigitalHumanId": humans[i % len(humans)]["DigitalHumanId"],
                    "BackgroundColor": COLOURS[i],
                },
                RTCConfig={"RoomId": f"room-{i}", "StreamId": f"s{stamp}-{i}"},
                VideoConfig={"Width": 128, "Height": 128},
            )["TaskId"]
            self.tasks.append(task)
            self.streams = [*getattr(self, "streams", []), f"s{stamp}-{i}"]
        for task in self.tasks:
            wait_for(lambda t=task: api.status(t)["Status"] == 3)

    def performance(self, i):
        return performance(self.served, self.tasks[i])

    async def seat(self, path=None):
        """``path`` is the first one's way."""
        for stream in self.streams:
            watcher = Watcher()
            url, token = (
                f"{self.served.base_url}/whep/{APP_ID}/{stream}",
                generate(APP_ID, "u", SECRET, time.time()),
            )
            await watcher.play(url, token, None if self.watchers else path)
            self.watchers.append(watcher)
        deadline = time.monotonic() + 20
        while not all(w.last_frame for w in self.watchers):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    async def close(self):
        await asyncio.gather(*(w.close() for w in self.watchers))
        for task in self.tasks:
            if any(t["TaskId"] == task for t in self.api.running()):
                self.api.stop(task)


async def test_eight_are_heard_and_seen_only_by_their_own(served):
    with served.client() as api:
        cast = Cast(served, api, 8)
        await cast.seat()
        for i, task in enumerate(cast.tasks):
            api.speak(task, WORDS, timbre_id=NAMES[i])
        await asyncio.sleep(1.0)
        for watcher in cast.watchers:
            watcher.sound.clear()
        await asyncio.sleep(2.5)
        tones = [served.voices.hertz(name) for name in NAMES]
        heard = [list(w.sound) for w in cast.watchers]
        for i, sound in enumerate(heard):
            peak, _ = strongest(sound)
            assert abs(peak - tones[i]) < 5, (i, peak)
            own = power_at(sound, tones[i])
            others = [power_at(sound, t) for j, t in enumerate(tones) if j != i]
            assert max(others) < own / 20  # what leaks is the clicks between the words of its own tone
        corners = [await w.look() for w in cast.watchers]
        for i, corner in enumerate(corners):
            wanted = [int(COLOURS[i][k : k + 2], 16) for k in (1, 3, 5)]
            assert np.abs(corner - wanted).max() < 40, (i, corner, wanted)
        await cast.close()


async def test_faults_of_one_leave_the_sound_of_the_others_whole(served, monkeypatch):
    """A figure that cannot be drawn, an encoder that breaks, a voice that hangs, a watcher that
    stalls: the sound and pictures of the rest go on without a gap."""
    with served.client() as api:
        cast = Cast(served, api, 5)
        await cast.seat()
        for i, task in enumerate(cast.tasks):
            api.speak(task, WORDS, timbre_id=NAMES[i])
        await asyncio.sleep(0.7)

        def broken(*_):
            raise RuntimeError("scripted")

        drawing, encoding = cast.performance(0), cast.performance(1)
        served.call(lambda: monkeypatch.setattr(drawing.pictures.avatar, "render", broken))

        def break_encoders():
            for encoder in encoding.pictures.encoders:
                monkeypatch.setattr(encoder, "encode", broken)

        served.call(break_encoders)
        # The voice of the third fails in mid-sentence.
        api.speak(cast.tasks[2], "word FAIL", timbre_id=NAMES[2], interrupt=True)
        # The fourth's watcher stops reading, as a phone in a tunnel does.
        stalled = cast.watchers[3]
        ice = next(iter(stalled.connection.getReceivers())).transport.transport._connection  # noqa: SLF001 - aiortc's
        for protocol in ice._protocols:  # noqa: SLF001 - aiortc's
            monkeypatch.setattr(protocol, "datagram_received", lambda *_: None)
        marks = [len(w.sound) for w in cast.watchers]
        before = [cast.performance(i).meter.frames for i in range(5)]
        skipped = [cast.performance(i).meter.ticks_skipped for i in range(5)]
        await asyncio.sleep(2.0)
        for i in (0, 1, 4):  # sound of all whose voice and path are whole, drawn or not
            sound = cast.watchers[i].sound[marks[i] :]
            assert len(sound) > 80
            assert gaps(sound) == 0
            assert abs(strongest(sound)[0] - served.voices.hertz(NAMES[i])) < 5
        for i in (1, 2, 3, 4):
            assert cast.performance(i).meter.frames - before[i] > 30, i
        assert cast.performance(0).meter.frames_failed > 10
        assert [cast.performance(i).meter.ticks_skipped for i in range(5)] == skipped
        monkeypatch.undo()
        await cast.close()


async def test_a_killed_speech_helper_is_heard_by_nobody_else(served):
    text = "This is a long sentence, which goes on for some time, so that it can be cut. " * 6
    with served.client() as api:
        cast = Cast(served, api, 2)
        await cast.seat()
        api.speak(cast.tasks[0], text, timbre_id="en-us-evan")
        api.speak(cast.tasks[1], WORDS, timbre_id=NAMES[1])
        await asyncio.sleep(0.6)
        mark = len(cast.watchers[1].sound)
        provider = next(p for p in served.parts.voices.providers if isinstance(p, EspeakProvider))
        for pid in provider.helper_pids:
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(1.5)
        sound = cast.watchers[1].sound[mark:]
        assert gaps(sound) == 0
        assert abs(strongest(sound)[0] - served.voices.hertz(NAMES[1])) < 5
        # And the voice itself speaks again.
        api.speak(cast.tasks[0], "Good evening.", timbre_id="en-us-evan", interrupt=True)
        cast.watchers[0].sound.clear()
        await asyncio.sleep(1.0)
        loud = np.concatenate([s for _, s in cast.watchers[0].sound]).astype(float)
        assert np.sqrt(np.mean(loud * loud)) > 200
        await cast.close()


async def test_the_rate_follows_the_median_watcher_not_the_worst(served):
    """A third of one watcher's packets are lost, and nearly all are made good by repeats: alone it lowers the rate, in company it does not."""
    chance = random.Random(1)
    with served.client() as api:
        cast = Cast(served, api, 1)
        cast.streams *= 3
        async with LossyPath() as path:
            await cast.seat(path)
            rate = cast.performance(0).pictures.rate
            path.down = Weather(lose=lambda _: chance.random() < 0.33)
            api.speak(cast.tasks[0], WORDS, timbre_id=NAMES[0])
            stream = served.parts.rooms.stream(APP_ID, cast.streams[0])
            deadline = time.monotonic() + 15
            while all(w.video_limit is None for w in stream.watchers):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            await asyncio.sleep(1.0)
            assert rate.rate == rate.full
            for watcher in cast.watchers[1:]:
                await watcher.close()
            deadline = time.monotonic() + 15
            while rate.rate == rate.full:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            assert cast.performance(0).meter.rate_changes >= 1
            assert {e.bitrate for e in cast.performance(0).pictures.encoders} <= {rate.full, rate.rate}
            path.down = Weather()
            await cast.watchers[0].look()  # pictures go on
            await cast.close()
