"""The live loop on virtual time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bunraku.core.drive import DriveStatus
from bunraku.core.media import (
    TICK_SAMPLES,
    TICK_US,
    Codec,
    EncodedUnit,
    Kind,
    SpeechChunk,
)
from bunraku.core.script import SocketScript
from bunraku.node.encode.opus import PACKET_SAMPLES
from bunraku.node.lipsync.visemes import INDEX
from bunraku.node.performance.drive_queue import Mode
from bunraku.node.performance.life import MOODS
from bunraku.node.performance.performance import Performance
from bunraku.node.performance.sound import FADE
from bunraku.testing.clock import VirtualClock
from bunraku.testing.voices import tone
from bunraku.testing.voicing import ScriptedVoicing

from ..support.stage import Face

D = DriveStatus


class Outlet:
    video_limit = None

    def __init__(self):
        self.units, self.wanted, self.keyframes = [], True, set()
        self.video_codecs = {Codec.H264}

    def push(self, unit):
        self.units.append(unit)

    def keyframe_requested(self, codec):
        return codec in self.keyframes

    def keyframe_sent(self, codec):
        self.keyframes.discard(codec)

    def times(self, kind):
        """Of the first packet of each tick: the others follow by the real clock."""
        return [u.time_us for u in self.units if u.kind is kind and u.time_us % TICK_US == 0]


class Audience:
    def __init__(self):
        self.changes, self.words, self.faults, self.played = [], [], [], {}

    def drive_changed(self, change):
        self.changes.append((change.drive_id, change.status))
        self.played[change.drive_id] = round(change.played * 1000)

    def words_spoken(self, drive_id, words):
        self.words += [w.text for w in words]

    def performance_failed(self, reason):
        self.faults.append(reason)


class Heard:
    """Stands in for Opus, so that the very samples can be seen."""

    sent: list[np.ndarray]

    def __init__(self):
        Heard.sent = getattr(Heard, "sent", [])

    def encode(self, samples, time_us):
        """Packets of a tick are kept as one."""
        assert samples.size == PACKET_SAMPLES
        if time_us % TICK_US == 0:
            Heard.sent.append(samples.copy())
        else:
            Heard.sent[-1] = np.concatenate([Heard.sent[-1], samples])
        return [EncodedUnit(Codec.OPUS, time_us, b"x", True)]


@pytest.fixture
async def stage():

    Heard.sent = []
    clock, face, outlet, audience = VirtualClock(), Face(), Outlet(), Audience()
    executor = ThreadPoolExecutor(1)
    voicing = ScriptedVoicing()

    class Stage:
        encoder = Heard

    s = Stage()
    p = Performance(
        clock, face, outlet, audience, voicing, executor,
        bitrate=500_000, seed=1, open_audio=lambda: s.encoder(),
    )  # fmt: skip
    await p.open()
    job = asyncio.create_task(p.run())
    await clock.settle()
    s.clock, s.face, s.outlet, s.audience, s.performance = clock, face, outlet, audience, p

    s.voicing = voicing

    async def say(drive_id, *sounds, mode=Mode.APPEND, **how):
        p.submit(drive_id, voicing.script(*sounds, **how), mode)
        await clock.settle()  # its sound is made

    s.say = say

    async def ticks(n):
        for _ in range(n):
            await clock.advance(TICK_US / 1e6)
            await p.pictures.settled()
            await clock.settle()

    s.ticks = ticks
    yield s
    await p.stop()
    await clock.advance(1)
    await asyncio.wait_for(job, 5)
    executor.shutdown()


def voiced():
    return [bool(np.abs(s).max() > 100) for s in Heard.sent]


async def test_sound_and_picture_share_the_program_clock(stage):
    await stage.ticks(10)
    audio, video = stage.outlet.times(Kind.AUDIO), stage.outlet.times(Kind.VIDEO)
    assert audio == [i * TICK_US for i in range(1, 11)]
    assert video == audio


async def test_speech_enters_the_next_tick_and_every_sample_is_played(stage):
    sound = tone(400, 0.5)
    await stage.ticks(2)
    await stage.say("a", sound)
    await stage.ticks(16)
    assert voiced()[:3] == [False, True, True]  # its second packet had not left yet
    played = np.concatenate(Heard.sent)[TICK_SAMPLES + PACKET_SAMPLES :]
    assert np.array_equal(played[: sound.size], sound)
    assert not played[sound.size :].any()
    assert stage.audience.changes == [("a", D.DRIVING), ("a", D.ENDED)]


async def test_queued_drives_follow_without_a_gap(stage):
    for name in "abc":
        await stage.say(name, tone(300, 0.1))
    await stage.ticks(10)
    assert sum(voiced()) == 8  # 0.3 s is 7.5 ticks
    order = [d for d, status in stage.audience.changes if status is D.DRIVING]
    assert order == ["a", "b", "c"]


async def test_interrupt_leaves_no_further_sample(stage):
    await stage.say("a", tone(300, 5))
    await stage.say("b", tone(300, 5))
    await stage.ticks(5)
    stage.performance.interrupt()
    assert stage.audience.changes[-2:] == [("a", D.INTERRUPTED), ("b", D.INTERRUPTED)]
    await stage.ticks(5)
    assert voiced() == [True] * 5 + [False] * 5
    assert stage.performance.idle


class Halves:
    """Two packets a tick, as Opus gives them; each says whether it is voiced beyond the fade of a cut."""

    def encode(self, samples, time_us):
        parts = samples.reshape(-1, PACKET_SAMPLES)
        return [
            EncodedUnit(Codec.OPUS, time_us + i * TICK_US // 2, b"v" if p[FADE:].any() else b"-", True)
            for i, p in enumerate(parts)
        ]


def packets(stage):
    units = [u for u in stage.outlet.units if u.codec is Codec.OPUS]
    assert [u.time_us for u in units] == [TICK_US + i * TICK_US // 2 for i in range(len(units))]
    return b"".join(u.data for u in units).decode()


async def test_what_waits_is_silent_after_an_interrupt(stage):
    """The second half of a tick is sent 20 ms after the first: an interrupt between them is heard."""
    stage.encoder = Halves
    await stage.say("a", tone(300, 5))
    await stage.ticks(3)
    stage.performance.interrupt()
    await stage.clock.advance(0.03)
    assert packets(stage) == "vvvvv-"


@pytest.mark.parametrize(("after", "heard"), [(0.005, 100), (0.025, 120)])
async def test_what_was_heard_is_what_left(stage, after, heard):
    """Two packets a tick, and a tick takes both: one that has not left was not heard."""
    await stage.say("a", tone(300, 5))
    await stage.say("b", tone(300, 5))
    await stage.ticks(3)
    await stage.clock.advance(after)
    assert round(stage.performance.played("a") * 1000) == heard
    assert stage.performance.played("b") == 0
    stage.performance.interrupt()
    assert stage.audience.played == {"a": heard, "b": 0}


async def test_what_is_said_to_its_end_was_heard_whole(stage):
    await stage.say("a", tone(300, 0.123))
    await stage.say("b", tone(300, 0.05))
    await stage.ticks(6)
    assert stage.audience.played == {"a": 123, "b": 50}


@pytest.mark.parametrize(("after", "expected"), [(0.01, "---vvvv-"), (0.03, "----vvvv")])
async def test_speech_replaces_the_silence_that_has_not_left_yet(stage, after, expected):
    stage.encoder = Halves
    await stage.ticks(2)
    await stage.clock.advance(after)
    await stage.say("a", tone(300, 0.08), phoneme="a")
    await stage.clock.advance(0.1 - after)
    assert packets(stage) == expected
    await stage.clock.advance(0.1)
    assert stage.audience.changes == [("a", D.DRIVING), ("a", D.ENDED)]


async def test_a_new_drive_takes_the_place_of_the_one_it_interrupts_within_the_tick(stage):
    stage.encoder = Halves
    await stage.say("a", tone(300, 5))
    await stage.ticks(2)
    await stage.clock.advance(0.005)
    await stage.say("b", tone(600, 0.02), mode=Mode.INTERRUPT)
    await stage.clock.advance(0.08)
    assert packets(stage) == "vvvv---"
    assert stage.audience.changes[-1] == ("b", D.ENDED)


async def test_an_interrupted_mood_does_not_stay(stage):
    await stage.say("a", tone(300, 5), mood="happy")
    await stage.ticks(3)
    assert stage.performance.life.mood is MOODS["happy"]
    stage.performance.interrupt()
    assert stage.performance.life.mood is MOODS["neutral"]


async def test_a_fault_between_ticks_ends_the_performance_and_says_so(stage):
    stage.encoder = Halves
    await stage.ticks(2)
    await stage.clock.advance(0.01)
    stage.voicing.lips_of = object()
    await stage.say("a", tone(300, 1))
    await stage.clock.advance(0.2)
    assert stage.audience.faults == ["performance failed"]


async def test_mode_1_replaces_at_once_and_the_queue_goes_on(stage):
    await stage.say("a", tone(300, 5))
    await stage.say("b", tone(300, 0.2))
    await stage.ticks(3)
    await stage.say("now", tone(600, 0.2), mode=Mode.INTERRUPT)
    await stage.ticks(12)
    assert stage.audience.changes == [
        ("a", D.DRIVING),
        ("a", D.INTERRUPTED),
        ("now", D.DRIVING),
        ("now", D.ENDED),
        ("b", D.DRIVING),
        ("b", D.ENDED),
    ]


async def test_underrun_keeps_the_drive(stage):
    fed = stage.performance.submit("a", SocketScript(), Mode.APPEND)
    assert await stage.performance.feed(fed, SpeechChunk(tone(300, 0.08)))
    await stage.ticks(2)
    taken = stage.clock.monotonic()
    await stage.ticks(4)
    assert stage.audience.changes == [("a", D.DRIVING)]
    assert stage.performance.plays_until(fed) == pytest.approx(taken + TICK_US / 1e6)
    stage.performance.end_feed(fed, SpeechChunk(tone(300, 0.08)))
    await stage.ticks(4)
    assert stage.audience.changes[-1] == ("a", D.ENDED)
    packets = np.concatenate(Heard.sent).reshape(-1, PACKET_SAMPLES)
    assert sum(map(np.any, packets)) == 8


async def test_failure_after_some_speech_plays_what_came(stage):
    await stage.say("a", tone(300, 0.08), fails="scripted")
    await stage.ticks(5)
    assert stage.audience.changes == [("a", D.DRIVING), ("a", D.FAILED)]
    assert sum(voiced()) == 2


async def test_what_is_fed_to_a_drive_that_left_the_stage_is_not_heard(stage):
    """Also when the same DriveId is on stage again: a line is told from the next by its number."""
    former = stage.performance.submit("a", SocketScript(), Mode.REPLACE)
    again = stage.performance.submit("a", SocketScript(), Mode.REPLACE)
    assert not await stage.performance.feed(former, SpeechChunk(tone(300, 1)))
    assert stage.performance.plays_until(former) is None
    assert stage.performance.plays_until(again) is not None
    await stage.ticks(3)
    assert not any(voiced())


async def test_section_6_3_a_script_with_nothing_to_pronounce_is_driven_all_the_same(stage):
    await stage.say("a")
    await stage.ticks(4)
    assert stage.audience.changes == [("a", D.DRIVING), ("a", D.ENDED)]


async def test_a_waiting_drive_whose_producer_breaks_is_over_before_its_turn(stage):
    await stage.say("a", tone(300, 5))
    await stage.say("b", fails="scripted")
    await stage.ticks(3)
    assert sorted(stage.audience.changes) == [("a", D.DRIVING), ("b", D.FAILED)]


async def test_a_stall_skips_ticks_once_and_speech_resumes_where_it_stopped(stage):
    sound = tone(300, 2)
    await stage.say("a", sound)
    await stage.ticks(5)
    stage.clock.jump(3.0)
    await stage.ticks(10)
    times = stage.outlet.times(Kind.AUDIO)
    gaps = np.diff(times)
    assert sorted(set(gaps.tolist()))[0] == TICK_US
    assert (gaps > TICK_US).sum() == 1
    played = np.concatenate(Heard.sent)
    assert np.array_equal(played, sound[: played.size]), "a sample was lost or repeated"
    assert len(times) <= 16, "missed ticks were sent in a burst"


async def test_the_mouth_moves_with_speech_and_rests_without(stage):
    await stage.say("a", tone(300, 0.4), phoneme="a")
    await stage.ticks(20)
    opened = [m[INDEX["aa"]] for m in stage.face.mouths[1:]]
    assert max(opened[2:9]) > 0.7
    assert max(opened[12:]) < 0.05


async def test_a_lost_picture_costs_only_itself(stage):
    await stage.ticks(2)
    stage.face.fail = True
    await stage.ticks(2)
    stage.face.fail = False
    await stage.ticks(2)
    assert len(stage.outlet.times(Kind.AUDIO)) == 6
    assert len(stage.outlet.times(Kind.VIDEO)) == 4
    video = [u for u in stage.outlet.units if u.kind is Kind.VIDEO]
    assert video[2].keyframe, "the encoder starts anew after a fault"
    assert stage.performance.meter.frames_failed == 2


async def test_nobody_watching_rests_but_drives_go_on(stage):
    stage.outlet.wanted = False
    await stage.say("a", tone(300, 0.2))
    await stage.ticks(10)
    assert stage.outlet.units == []
    assert stage.audience.changes == [("a", D.DRIVING), ("a", D.ENDED)]
    stage.outlet.wanted = True
    await stage.ticks(1)
    first = [u for u in stage.outlet.units if u.kind is Kind.VIDEO]
    assert first[0].keyframe


async def test_keyframe_storms_are_coalesced(stage):
    await stage.ticks(1)
    for _ in range(50):
        stage.outlet.keyframes.add(Codec.H264)
        await stage.ticks(1)
    keyframes = [u.time_us for u in stage.outlet.units if u.kind is Kind.VIDEO and u.keyframe]
    assert len(keyframes) <= 6
    assert min(np.diff(keyframes)) >= 500_000


async def test_a_glance_has_one_picture_drawn_for_nobody(stage):
    stage.outlet.video_codecs = set()
    await stage.ticks(3)
    drawn = len(stage.face.mouths)
    stage.performance.pictures.glance()
    await stage.ticks(3)
    assert len(stage.face.mouths) == drawn + 1
    assert stage.performance.pictures.encoders == ()
    assert stage.outlet.times(Kind.VIDEO) == []
    stage.outlet.video_codecs = {Codec.H264}
    await stage.ticks(1)
    assert len(stage.outlet.times(Kind.VIDEO)) == 1


async def test_who_only_listens_has_nothing_drawn(stage):
    await stage.ticks(2)
    drawn = len(stage.face.mouths)
    stage.outlet.video_codecs = set()
    await stage.ticks(3)
    assert len(stage.face.mouths) == drawn
    assert stage.performance.pictures.encoders == ()
    assert stage.outlet.times(Kind.AUDIO)[-1] == 5 * TICK_US
    stage.outlet.video_codecs = {Codec.H264}
    await stage.ticks(1)
    assert [u.keyframe for u in stage.outlet.units if u.kind is Kind.VIDEO][-1]
