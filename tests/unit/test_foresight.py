"""What the figure does in the ticks to come, on virtual time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bunraku.core.media import TICK_SAMPLES, TICK_US
from bunraku.node.encode.opus import open_opus_encoder
from bunraku.node.lipsync.visemes import INDEX
from bunraku.node.performance.drive_queue import Mode
from bunraku.node.performance.performance import Performance
from bunraku.testing.clock import VirtualClock
from bunraku.testing.voices import tone
from bunraku.testing.voicing import ScriptedVoicing

from ..support.stage import Face

TICK = TICK_US / 1e6


class Nobody:
    """An audience and an outlet that want no pictures."""

    wanted, video_codecs, video_limit = True, frozenset[str](), None

    def push(self, unit):
        pass

    def drive_changed(self, change):
        pass

    def words_spoken(self, drive_id, words):
        pass


class Drawing:
    """Stands for a ``DrawnTrack``; keeps what it was given for each tick."""

    about, wanted = {}, True

    def __init__(self):
        self.ticks = []

    def send(self, moment, ahead):
        self.ticks.append([moment, *ahead()])


@pytest.fixture
async def stage():
    clock, drawing, voicing = VirtualClock(), Drawing(), ScriptedVoicing()
    nobody, executor = Nobody(), ThreadPoolExecutor(1)

    class Stage:
        def __init__(self, *, drawn):
            self.performance = Performance(
                clock, Face(), nobody, nobody, voicing, executor, bitrate=500_000, seed=1,
                drawing=drawing if drawn else None, open_audio=open_opus_encoder,
            )  # fmt: skip
            self.clock, self.drawing = clock, drawing
            self.job = asyncio.create_task(self.performance.run())

        async def say(self, drive_id, ticks, mode=Mode.APPEND, **how):
            sound = np.resize(tone(220.0, 1.0), ticks * TICK_SAMPLES)
            self.performance.submit(drive_id, voicing.script(sound, **how), mode)
            await clock.settle()

        async def tick(self, count=1):
            for _ in range(count):
                await clock.advance(TICK)

    made = []

    async def make(*, drawn=True):
        made.append(Stage(drawn=drawn))
        await clock.settle()
        return made[-1]

    yield make
    for one in made:
        await one.performance.stop()
        await asyncio.wait_for(one.job, 5)
    executor.shutdown()


def same(a, b):
    return a.time_us == b.time_us and a.pose is b.pose and np.array_equal(a.weights, b.weights)


async def test_what_is_foreseen_comes_about(stage):
    s = await stage()
    await s.tick(4)
    await s.say("a", 20, phoneme="m")
    await s.tick(16)
    ticks = s.drawing.ticks
    assert all(len(coming) == 3 for coming in ticks)
    unforeseen = [
        i for i, (now, then) in enumerate(zip(ticks, ticks[1:], strict=False)) if not same(now[1], then[0])
    ]
    assert len(unforeseen) == 1  # when speech began; the pose alone was as foreseen
    assert ticks[unforeseen[0]][1].pose is ticks[unforeseen[0] + 1][0].pose
    spoken = ticks[unforeseen[0] + 1 :]
    assert all(m.weights[INDEX["PP"]] > 0.5 for coming in spoken for m in coming)
    assert len(spoken) > 10
    assert all(same(two_before[2], now[0]) for two_before, now in zip(spoken, spoken[2:], strict=False))


async def test_life_goes_on_as_it_does_unseen(stage):
    """Nobody who watches sees another pose because somebody draws."""
    s, other = await stage(), await stage(drawn=False)
    seen = []
    other.performance.pictures.send = lambda weights, pose, *_: seen.append(pose)
    await s.tick(30)
    assert [coming[0].pose for coming in s.drawing.ticks] == seen


async def test_an_interrupt_is_not_foreseen(stage):
    s = await stage()
    await s.say("a", 50, phoneme="a")
    await s.tick(5)
    s.performance.interrupt()
    await s.tick(1)
    before, after = s.drawing.ticks[-2:]
    assert before[1].weights[INDEX["aa"]] > 0.5
    assert after[0].weights[INDEX["sil"]] == after[2].weights[INDEX["sil"]] == 1
    assert before[1].pose is after[0].pose


async def test_sound_without_phonemes_is_not_foreseen(stage):
    s = await stage()
    await s.say("a", 12)
    await s.tick(14)
    assert [len(coming) for coming in s.drawing.ticks[:11]] == [1] * 11
    assert len(s.drawing.ticks[-1]) == 3


async def test_the_end_of_a_speech_is_foreseen_as_far_as_it_goes(stage):
    s = await stage()
    await s.say("a", 6, phoneme="a")
    await s.tick(8)
    assert [len(coming) for coming in s.drawing.ticks] == [3, 3, 3, 3, 2, 3, 3, 3]


async def test_a_gesture_begins_with_the_first_pose_that_was_not_foreseen(stage):
    s = await stage()
    await s.tick(5)
    s.performance.gesture("nod")
    await s.tick(4)
    poses = [coming[0].pose for coming in s.drawing.ticks]
    assert [p.gesture for p in poses[5:]] == [None, None, "nod", "nod"]
    assert 0 < poses[7].gesture_phase < 0.1


async def test_after_a_stall_nothing_old_is_shown(stage):
    s = await stage()
    await s.tick(5)
    foreseen = s.drawing.ticks[-1][1].pose
    s.clock.jump(3.0)
    await s.tick(2)
    assert s.drawing.ticks[5][0].pose is not foreseen
    assert s.drawing.ticks[5][0].time_us > 3_000_000


async def test_who_stops_drawing_leaves_no_gap(stage):
    s = await stage()
    shown = []
    s.performance.pictures.send = lambda weights, pose, *_: shown.append(pose)
    await s.tick(5)
    s.drawing.wanted = False
    await s.tick(5)
    s.drawing.wanted = True
    await s.tick(3)
    assert len({id(pose) for pose in shown}) == 13
    assert shown[5] is s.drawing.ticks[4][1].pose
    assert shown[6] is s.drawing.ticks[4][2].pose
