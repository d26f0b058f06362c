"""Sound that waits for the picture of an avatar with a latency."""

from __future__ import annotations

import numpy as np
import pytest

from bunraku.core.media import TICK_SAMPLES, TICK_US, Codec, EncodedUnit
from bunraku.node.encode.opus import PACKET_SAMPLES, PACKET_US
from bunraku.node.performance.sound import SoundTrack
from bunraku.testing.clock import VirtualClock


class Coder:
    """A packet names the sample it begins with."""

    def encode(self, samples, time_us):
        return [
            EncodedUnit(Codec.OPUS, time_us + i * PACKET_US, bytes([int(samples[i * PACKET_SAMPLES])]), True)
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
