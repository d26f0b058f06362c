"""The helpers of the neural voices, shared: who is served, who waits, and who gives up."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from bunraku.core.clock import SystemClock
from bunraku.core.media import SAMPLE_RATE
from bunraku.core.script import TextScript
from bunraku.node.performance.drive_queue import Mode
from bunraku.node.performance.performance import Performance
from bunraku.node.performance.voicing import NodeVoicing
from bunraku.node.speech.base import Prosody, SpeechFailed
from bunraku.node.speech.helper import TENANT
from bunraku.node.speech.kokoro.cast import CAST
from bunraku.node.speech.kokoro.helper import OVERLAP
from bunraku.node.speech.kokoro.model import CONTEXT, FRAME, RATE
from bunraku.node.speech.kokoro.pool import Pool
from bunraku.node.speech.kokoro.provider import KokoroProvider
from bunraku.node.speech.kokoro.script import Spoken
from bunraku.node.speech.voices import Voices
from bunraku.testing.clock import VirtualClock

from ..support.stage import Face


class FakeHelper:
    """Takes ``seconds`` for a stretch, writes down whose it was."""

    pid, restarts = None, 0

    def __init__(self, served, seconds=0.0):
        self.hello = {"sample_rate": RATE}
        self._served, self._seconds = served, seconds

    async def start(self):
        return

    async def close(self):
        return

    async def request(self, request):
        self._served.append(request["who"])
        await asyncio.sleep(self._seconds)
        if request.get("fail"):
            raise SpeechFailed("scripted")
        yield {"next": None}, b"\0\0" * FRAME


async def pool_of(helpers, served, seconds=0.01, timeout=5.0):
    pool = Pool(lambda: FakeHelper(served, seconds), helpers, SystemClock(), timeout=timeout)
    await pool.start()
    return pool


async def test_who_has_nothing_to_play_is_served_before_who_has():
    served = []
    pool = await pool_of(1, served)
    waiting = [pool.ask({"who": f"rich-{i}"}, 100.0 + i) for i in range(5)] + [pool.ask({"who": "poor"}, 1.0)]
    await asyncio.gather(*waiting)
    assert served[0] == "rich-0"  # had begun already
    assert served[1:] == ["poor", "rich-1", "rich-2", "rich-3", "rich-4"]
    await pool.close()


async def test_helpers_are_bounded_and_start_when_needed():
    served = []
    pool = await pool_of(2, served)
    await pool.ask({"who": "a"}, 0.0)
    assert pool.started == 1
    jobs = [asyncio.ensure_future(pool.ask({"who": str(i)}, float(i))) for i in range(6)]
    await asyncio.sleep(0)
    assert (pool.busy, pool.waiting) == (2, 4)
    await asyncio.gather(*jobs)
    assert pool.started == 2
    assert pool.real_time_factor > 0
    await pool.close()


async def test_waiting_longer_than_the_timeout_fails_with_a_reason():
    pool = await pool_of(1, [], seconds=0.5, timeout=0.1)
    first = asyncio.ensure_future(pool.ask({"who": "a"}, 0.0))
    await asyncio.sleep(0)
    with pytest.raises(SpeechFailed, match="no voice was free"):
        await pool.ask({"who": "b"}, 0.0)
    assert pool.waiting == 0
    with pytest.raises(SpeechFailed):
        await first
    await pool.close()


async def test_who_gives_up_leaves_the_queue_and_a_failure_is_its_own():
    served = []
    pool = await pool_of(1, served)
    first = asyncio.ensure_future(pool.ask({"who": "a"}, 0.0))
    gone = asyncio.ensure_future(pool.ask({"who": "gone"}, 0.5))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(SpeechFailed, match="scripted"):
        await pool.ask({"who": "b", "fail": True}, 1.0)
    await first
    await pool.ask({"who": "c"}, 2.0)
    assert served == ["a", "b", "c"]
    await pool.close()


# --- more speakers than the helpers keep up with


class SlowHelper:
    """A model of that many seconds of work a second of sound, on the clock it is given."""

    pid, restarts = None, 0

    def __init__(self, clock, pace):
        self.hello = {"sample_rate": RATE, "works": True}
        self._clock, self._pace = clock, pace

    async def start(self):
        return

    async def close(self):
        return

    async def request(self, request):
        frames = [6, *[4] * len(request["tokens"]), 6]
        first, length = request["from"], sum(frames)
        last = length if first + request["most"] * 4 // 3 >= length else first + request["most"]
        work = self._pace * (last - first + 2 * CONTEXT) * FRAME / RATE
        await self._clock.sleep_until(self._clock.monotonic() + work)
        head = {"start": first * FRAME, "next": None if last == length else last}
        if first == 0:
            head["frames"] = frames
        size = (last - first) * FRAME + (0 if last == length else OVERLAP)
        yield head, np.full(size, 99, np.int16).tobytes()


class Letters:
    """Each word of a sentence is as many sounds as it has letters."""

    async def close(self):
        return

    async def read(self, sentence, member, fixed=None):
        return [Spoken(m.start(), "a" * len(m.group())) for m in re.finditer(r"\w+", sentence)]


SENTENCE = "thirty letters and some more of them."
CROWD_TEXT = " ".join([SENTENCE] * 4)


class Crowd:
    """Speakers at one provider, each with somebody who plays what it says, on virtual time."""

    def __init__(self, pace, helpers, timeout=1000.0):
        self.clock = VirtualClock()
        self.provider = KokoroProvider(Path(), self.clock, helpers=helpers, timeout=timeout)
        self.provider.pool = Pool(lambda: SlowHelper(self.clock, pace), helpers, self.clock, timeout=timeout)
        self.provider.reader = Letters()
        self.provider.members = {m.timbre.id: m for m in CAST}
        self.begun, self.breaks, self.ended, self.failed = {}, [], {}, {}

    async def speak(self, name, tenant=1, text=CROWD_TEXT):
        TENANT.set(tenant)
        until = 0.0
        try:
            async for chunk in self.provider.speak("en-us-hazel", text, Prosody()):
                now = self.clock.monotonic()
                self.begun.setdefault(name, now)
                if not chunk.phonemes and chunk.samples.size > 600 and now > until + 1e-6:
                    self.breaks.append((name, now - until))  # within a sentence
                until = max(until, now) + chunk.samples.size / SAMPLE_RATE
        except SpeechFailed as error:
            self.failed[name] = str(error)
        else:
            self.ended[name] = until
        finally:
            await asyncio.sleep(0)

    async def run(self, *jobs, seconds=600.0):
        await self.provider.pool.start()
        tasks = [asyncio.create_task(job) for job in jobs]
        await self.clock.settle()
        for _ in range(int(seconds / 0.1)):
            await self.clock.advance(0.1)
            if all(t.done() for t in tasks):
                break
        await asyncio.gather(*tasks)
        await self.provider.close()

    async def later(self, seconds, job):
        await self.clock.sleep_until(self.clock.monotonic() + seconds)
        await job


@pytest.mark.parametrize("pace", [0.15, 0.25, 0.5, 0.8, 1.5])
@pytest.mark.parametrize("helpers", [1, 2])
async def test_who_has_begun_a_sentence_ends_it_without_a_break_however_many_wait(pace, helpers):
    crowd = Crowd(pace, helpers)
    await crowd.run(
        *(crowd.speak(f"first-{i}") for i in range(3)),
        *(crowd.later(2.0 + 0.3 * i, crowd.speak(f"later-{i}", tenant=i % 3)) for i in range(12)),
    )
    assert len(crowd.ended) == 15
    assert crowd.breaks == []


async def test_alone_a_voice_begins_at_once():
    crowd = Crowd(0.25, 1)
    await crowd.run(crowd.speak("a", text=SENTENCE))
    assert crowd.begun["a"] - 1000.0 < 0.3


async def test_an_app_of_many_speakers_does_not_keep_another_from_its_turn():
    crowd = Crowd(0.6, 1)
    await crowd.run(
        *(crowd.speak(f"many-{i}", tenant=1) for i in range(20)),
        crowd.later(5.0, crowd.speak("one", tenant=2, text=SENTENCE)),
    )
    before = sum(crowd.begun[f"many-{i}"] < crowd.begun["one"] for i in range(20))
    assert before <= 4  # those that had begun when it came, and one turn
    assert crowd.breaks == []


async def test_who_would_be_silent_longer_than_the_timeout_fails_with_the_reason_and_the_others_go_on():
    crowd = Crowd(0.9, 1, timeout=15.0)
    await crowd.run(*(crowd.speak(i) for i in range(30)))
    assert crowd.failed
    assert set(crowd.failed.values()) == {"no voice was free for 15 s"}
    assert crowd.ended
    assert crowd.breaks == []
    load = crowd.provider.load()
    assert (load.busy, load.waiting) == (0, 0)
    assert sum(load.waits.counts) > 30
    assert load.waits.counts[-2:] == [0, 0]
    assert load.real_time_factor > 0.9


async def test_while_a_drive_waits_the_figure_idles_and_when_it_fails_the_next_plays():
    crowd = Crowd(0.5, 1, timeout=5.0)
    pool, clock = crowd.provider.pool, crowd.clock
    await pool.start()
    voices, changes, coder = Voices([crowd.provider]), [], []

    class Audience:
        def drive_changed(self, change):
            changes.append((change.drive_id, change.status.name))

        def words_spoken(self, drive_id, words):
            return

    class Outlet:
        wanted, video_limit, video_codecs = True, None, frozenset()

        def push(self, unit):
            return

    class Coder:
        def encode(self, samples, time_us):
            coder.append(bool(samples.any()))
            return []

    performance = Performance(
        clock, Face(), Outlet(), Audience(), NodeVoicing(1, voices, None, None, clock), ThreadPoolExecutor(1),
        bitrate=500_000, seed=1, open_audio=Coder,
    )  # fmt: skip
    running = asyncio.create_task(performance.run())
    places = AsyncExitStack()
    await places.enter_async_context(pool.place(2, 0.0))  # the one place there is
    performance.submit("waits", TextScript(SENTENCE, "en-us-hazel"), Mode.APPEND)
    performance.submit("next", TextScript(SENTENCE, "en-us-hazel"), Mode.APPEND)
    for _ in range(115):
        await clock.advance(0.04)
    assert pool.waiting == 2
    assert changes == []
    assert len(coder) > 220  # packets left all the while
    assert not any(coder)
    await places.aclose()
    for _ in range(300):
        await clock.advance(0.04)
    assert changes == [("waits", "DRIVING"), ("waits", "ENDED"), ("next", "DRIVING"), ("next", "ENDED")]
    await places.enter_async_context(pool.place(2, 0.0))
    performance.submit("late", TextScript(SENTENCE, "en-us-hazel"), Mode.APPEND)
    performance.submit("last", TextScript(SENTENCE, "en-us-hazel"), Mode.APPEND)
    for _ in range(140):
        await clock.advance(0.04)
    # The next has waited as long, but nobody for it.
    assert changes[4:] == [("late", "FAILED")]
    await places.aclose()
    for _ in range(200):
        await clock.advance(0.04)
    assert changes[5:] == [("last", "DRIVING"), ("last", "ENDED")]
    await performance.stop()
    await running
    await crowd.provider.close()
