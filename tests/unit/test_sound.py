"""Sound on its way out: when it leaves, and how it ends where somebody is interrupted."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bunraku.core.media import TICK_SAMPLES, TICK_US, Codec, EncodedUnit
from bunraku.node.encode import libopus
from bunraku.node.encode.opus import PACKET_SAMPLES, PACKET_US, open_opus_encoder
from bunraku.node.performance.drive_queue import Mode
from bunraku.node.performance.performance import Performance
from bunraku.node.performance.sound import FADE, SoundTrack
from bunraku.testing.clock import VirtualClock
from bunraku.testing.voices import tone
from bunraku.testing.voicing import ScriptedVoicing

from ..support.stage import Face


class Coder:
    """A packet names the sample it ends with."""

    def encode(self, samples, time_us):
        return [
            EncodedUnit(
                Codec.OPUS, time_us + i * PACKET_US, bytes([int(samples[(i + 1) * PACKET_SAMPLES - 1])]), True
            )
            for i in range(samples.size // PACKET_SAMPLES)
        ]


def tick(value):
    return np.full(TICK_SAMPLES, value, np.int16)


class Sending:
    def __init__(self, delay, late=lambda: None):
        self.clock, self.sent, self.count = VirtualClock(), [], 0
        self.track = SoundTrack(self.clock, self.sent.append, Coder, late, delay=delay)

    async def send(self, *values):
        for value in values:
            self.track.send(tick(value), self.count * TICK_US, silent=value == 0)
            self.count += 1
            await self.clock.advance(0.04)

    @property
    def heard(self):
        return [(unit.time_us // PACKET_US, unit.data[0]) for unit in self.sent]


@pytest.mark.parametrize("delay", [0, 1, 3])
async def test_sound_leaves_as_many_ticks_later_in_packets_of_the_later_time(delay):
    sending = Sending(delay)
    await sending.send(1, 2, 3, *[0] * delay)
    ticks = [0] * delay + [1, 2, 3]
    assert sending.heard == [(2 * i + half, value) for i, value in enumerate(ticks) for half in (0, 1)]


async def test_an_interrupt_drops_what_waits_for_its_picture_too():
    sending = Sending(2)
    await sending.send(1, 2, 3)
    sending.track.cut()
    await sending.send(0, 0, 7, 0, 0)
    assert [value for _, value in sending.heard] == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7]


async def test_who_comes_after_a_rest_hears_nothing_old():
    sending = Sending(2)
    await sending.send(1, 2, 3)
    sending.track.rest()
    sending.sent.clear()
    await sending.send(4, 5, 6)
    assert [value for _, value in sending.heard] == [0, 0, 0, 0, 4, 4]


@pytest.mark.parametrize(("delay", "begun"), [(0, [0, 9]), (1, [0, 0])])
async def test_late_speech_fills_a_silent_tick_only_where_nothing_waits(delay, begun):
    sending = Sending(delay, lambda: np.full(PACKET_SAMPLES, 9, np.int16))
    await sending.send(0)
    assert [value for _, value in sending.heard] == begun


class Recorder:
    """Keeps what it is given to encode, and encodes it for real."""

    def __init__(self):
        self.heard = []
        self._opus = open_opus_encoder()

    def encode(self, samples, time_us):
        self.heard.append(samples.copy())
        return self._opus.encode(samples, time_us)


PITCH = 220.0
VOICE = tone(PITCH, 4.0, 0.6)
STEEPEST = int(np.abs(np.diff(VOICE.astype(int))).max())


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("into_the_tick", [0.0, 0.005, 0.0199, 0.021, 0.0399])
@pytest.mark.parametrize("then", ["silence", "another"])
async def test_an_interrupt_is_no_click_and_silent_after_5_ms(delay, into_the_tick, then):
    clock, sent, coder = VirtualClock(), [], Recorder()
    track = SoundTrack(clock, sent.append, lambda: coder, lambda: None, delay=delay)
    at = 0
    for n in range(8 + delay):
        track.send(VOICE[at : at + TICK_SAMPLES], n * TICK_US, silent=False)
        at += TICK_SAMPLES
        await clock.advance(0.04 if n < 7 + delay else into_the_tick)
    left = sum(map(len, coder.heard))
    track.cut(VOICE[at : at + FADE])
    await clock.advance(0.04 - into_the_tick)
    follows = tick(0) if then == "silence" else rising(VOICE[:TICK_SAMPLES])
    for n in range(8 + delay, 12 + 2 * delay):
        track.send(follows if n == 8 + delay else tick(0), n * TICK_US, silent=False)
        await clock.advance(0.04)
    sound = np.concatenate(coder.heard).astype(int)
    # The voice's own steepest step, and what a ramp of 5 ms adds to it; together with a second voice twice.
    most = STEEPEST + 0.6 * 32767 / FADE + 2
    assert np.abs(np.diff(sound[left - 5 : left + FADE + 5])).max() <= most * (1 if then == "silence" else 2)
    if then == "silence":
        assert not sound[left + FADE :].any()
    assert [unit.time_us for unit in sent] == [i * PACKET_US for i in range(len(sent))]
    decoder = libopus.PacketDecoder(libopus.library())
    heard = np.concatenate([decoder.decode(unit.data) for unit in sent]).astype(int)
    if then == "silence":  # Opus looks 6.5 ms ahead, and blurs what it codes over 20 ms
        assert np.abs(heard[left + FADE + PACKET_SAMPLES + 312 :]).max() < 0.02 * np.abs(heard).max()


def rising(samples):
    """As every voice begins: with 5 ms of fade."""
    out = samples.astype(np.float32)
    out[:FADE] *= np.arange(FADE, dtype=np.float32) / FADE
    return out.astype(np.int16)


async def test_a_cut_of_whom_nobody_hears_leaves_nothing_for_who_comes():
    sending = Sending(0)
    sending.track.cut(np.full(FADE, 99, np.int16))
    await sending.send(0, 7)
    assert [value for _, value in sending.heard] == [0, 0, 7, 7]


async def test_the_last_sample_before_a_cut_and_the_first_after_belong_together():
    """In a performance, at any moment of a tick: what is faded is what would have come."""
    for cut_after in (0.001, 0.021):
        clock, coder = VirtualClock(), Recorder()
        voicing = ScriptedVoicing()
        outlet = Watched()
        performance = Performance(
            clock, Face(), outlet, Nobody(), voicing, ThreadPoolExecutor(1), bitrate=500_000, seed=1,
            open_audio=lambda coder=coder: coder,
        )  # fmt: skip
        running = asyncio.create_task(performance.run())
        performance.submit("d", voicing.script(VOICE), Mode.APPEND)
        await clock.settle()
        for _ in range(10):
            await clock.advance(0.04)
        await clock.advance(cut_after)
        left = sum(map(len, coder.heard))
        performance.interrupt()
        await clock.advance(0.2)
        sound = np.concatenate(coder.heard).astype(int)
        assert np.abs(sound[left - 200 : left]).max() > 15000
        assert np.abs(np.diff(sound[left - 5 :])).max() <= STEEPEST + 0.6 * 32767 / FADE + 2
        assert sound[left : left + FADE].any()
        assert not sound[left + FADE :].any()
        await performance.stop()
        await running


class Watched:
    wanted, video_limit, video_codecs = True, None, frozenset()

    def push(self, unit):
        return


class Nobody:
    def drive_changed(self, change):
        return

    def performance_failed(self, reason):
        raise AssertionError(reason)


class Plain:
    """Opus that cannot unhear."""

    def __init__(self):
        self.encode = open_opus_encoder().encode


@pytest.mark.parametrize("delay", [0, 1])
async def test_what_is_encoded_ahead_is_what_would_have_been_when_it_leaves(delay):
    """Whatever changes meanwhile: an interrupt, speech that comes late, ticks that catch up, a rest."""
    rng = np.random.default_rng(2)
    sound = (rng.normal(0, 3000, 400 * TICK_SAMPLES)).astype(np.int16)
    plan = rng.integers(0, 12, 200).tolist()

    async def performed(open_encoder):
        clock, sent = VirtualClock(), []
        late = [sound[-PACKET_SAMPLES:] if kind == 3 else None for kind in plan]
        track = SoundTrack(clock, sent.append, open_encoder, lambda: late[now], delay=delay)
        for now, kind in enumerate(plan):
            silent = kind in (3, 4)
            speech = (
                np.zeros(TICK_SAMPLES, np.int16) if silent else sound[now * TICK_SAMPLES :][:TICK_SAMPLES]
            )
            track.send(speech, now * TICK_US, silent=silent)
            await clock.advance(0.01)
            if kind in (5, 6):
                track.cut(sound[:FADE])
            if kind == 7:
                track.rest()
            await clock.advance(0.0 if kind == 8 else 0.03)
        return sent

    ahead, plain = await performed(open_opus_encoder), await performed(Plain)
    assert len(ahead) > 300
    assert ahead == plain
