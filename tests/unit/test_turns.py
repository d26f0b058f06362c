"""Requests begin one after the other, and addresses take turns."""

from __future__ import annotations

import asyncio

from bunraku.front.turns import APART, AT_ONCE, Turns
from bunraku.testing.clock import VirtualClock


def waiter(name, begun):
    return lambda: begun.append(name)


async def test_few_begin_at_once_and_the_others_one_after_the_other():
    clock, begun = VirtualClock(), []
    turns = Turns(clock.monotonic)
    await clock.advance(1)
    at_once = [turns.take("a", waiter(n, begun)) for n in range(30)]
    assert at_once == [True] * AT_ONCE + [False] * (30 - AT_ONCE)
    turns.proceed()  # too early
    assert begun == []
    await clock.advance(APART)
    turns.proceed()
    assert begun == [AT_ONCE]
    await clock.advance(2 * APART)
    turns.proceed()
    assert begun == [AT_ONCE, AT_ONCE + 1, AT_ONCE + 2]
    await clock.advance(1)  # a stall is no reason for a crowd
    turns.proceed()
    assert len(begun) == 3 + AT_ONCE


async def test_who_sends_few_waits_for_one_of_each_who_sends_many():
    clock, begun = VirtualClock(), []
    turns = Turns(clock.monotonic)
    for address in "ab":
        for n in range(50):
            turns.take(address, waiter(f"{address}{n}", begun))
    turns.take("c", waiter("c", begun))
    for _ in range(4):
        await clock.advance(APART)
        turns.proceed()
    assert begun.index("c") <= 2
    gone = waiter("gone", begun)
    turns.take("d", gone)
    turns.leave("d", gone)
    turns.leave("d", gone)
    for _ in range(120):
        await clock.advance(APART)
        turns.proceed()
    assert len(begun) == len(set(begun)) == 100
    assert "gone" not in begun
    assert turns.waiting == 0


async def test_its_own_timer_brings_everybody_in():
    turns, over, left = Turns(), asyncio.Event(), list(range(40))

    def begin():
        left.pop()
        if not left:
            over.set()

    left = left[sum(turns.take("a", begin) for _ in range(40)) :]
    await asyncio.wait_for(over.wait(), 10)
