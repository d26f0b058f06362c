"""Beats: housekeeping that shares a wake-up."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.clock import BEAT, next_beat, timeout
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


async def test_a_timeout_is_told_by_the_clock():
    clock = VirtualClock()

    async def within(seconds, work):
        async with timeout(clock, seconds):
            await clock.sleep_until(clock.monotonic() + work)
        return True

    late, punctual, at_once = (asyncio.create_task(within(*t)) for t in ((2.0, 3.0), (2.0, 1.0), (0.0, 1.0)))
    await clock.settle()
    assert isinstance(at_once.exception(), TimeoutError)
    await clock.advance(1.9)
    assert punctual.result()
    assert not late.done()
    await clock.advance(0.1)
    assert isinstance(late.exception(), TimeoutError)
    await clock.advance(5)  # its alarm finds nobody


async def test_a_cancelled_one_is_cancelled_not_late():
    clock = VirtualClock()

    async def wait():
        async with timeout(clock, 1.0):
            await asyncio.Event().wait()

    job = asyncio.create_task(wait())
    await clock.settle()
    job.cancel()
    await clock.advance(2.0)
    assert job.cancelled()
