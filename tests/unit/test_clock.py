"""Beats: housekeeping that shares a wake-up."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.clock import BEAT, next_beat
from bunraku.testing.clock import VirtualClock


@given(st.floats(0, 1e8))
def test_a_beat_comes_after_now_and_within_one(now):
    beat = next_beat(now)
    assert now < beat <= now + BEAT
    assert (beat / BEAT).is_integer()


async def test_those_who_began_apart_wake_together():
    clock, woken = VirtualClock(), []

    async def keep_house(name: str) -> None:
        while True:
            await clock.sleep_until(next_beat(clock.monotonic()))
            woken.append((clock.monotonic(), name))

    jobs = [asyncio.create_task(keep_house("a"))]
    await clock.advance(0.1)
    jobs.append(asyncio.create_task(keep_house("b")))
    await clock.settle()
    await clock.advance(0.5)
    for job in jobs:
        job.cancel()
    moments = [at for at, _ in woken]
    assert sorted(woken) == woken
    assert len(set(moments)) * 2 == len(woken) == 4
