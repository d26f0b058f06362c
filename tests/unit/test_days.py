"""Days of a node on virtual time: nothing of the tasks that lived in them is left in memory.

The suite lives a few hours; `make soak` a week (``--virtual-hours``). What time itself costs is
real, and so are tasks, drives, rooms, performances and the journal; pictures, the database and the
network are not here: the real hour of `bunraku soak` has those.
"""

from __future__ import annotations

import contextlib
import gc
import random
from collections import Counter

from bunraku.core.errors import ApiError
from bunraku.node.performance.drive_queue import Mode

from ..support.stage import Node


def census():
    """How many there are of each class of ours."""
    gc.collect()
    return Counter(
        f"{type(o).__module__}.{type(o).__name__}"
        for o in gc.get_objects()
        if str(type(o).__module__).startswith("bunraku.")
    )


async def an_hour(node, rng):
    """Four tasks: said to, interrupted, idle, stopped or left to their time-outs."""
    over = node.clock.monotonic() + 3600.0
    for i in range(4):
        limits = {"ttl": rng.choice((300, 1800)), "max_idle_time": rng.choice((20, 60))}
        live = await node.create(f"s{i}", max_tasks=9, **limits)
        await node.clock.advance(1.0)
        for _ in range(rng.randint(1, 5)):
            with contextlib.suppress(ApiError):  # its queue is full
                live.drive(node.script(rng.randint(5, 30)), rng.choice(list(Mode)))
            await node.clock.advance(0.5)
        if rng.random() < 0.5:
            live.interrupt()
        await node.clock.advance(5.0)
        if rng.random() < 0.7:
            live.stop()
    await node.clock.advance(over - node.clock.monotonic())


def forget(node):
    """What only the doubles keep, to be looked at by other tests; what was to be delivered is."""
    for callback in node.callbacks:
        node.journal.callback_attempted(callback.receipt, 1, over=True)
    for kept in (node.log, node.callbacks, node.staging.made, node.staging.asked, node.ledger.written):
        kept.clear()
    node.voicing.forget()
    node.ended.forget()


async def test_of_the_tasks_of_many_hours_nothing_is_left(pytestconfig):
    hours = pytestconfig.getoption("--virtual-hours")
    node = Node(retention=600.0)
    await node.open()
    node.listen()
    seen = []
    for hour in range(hours):
        node.ledger.tasks.clear()
        node.ledger.drives.clear()
        await an_hour(node, random.Random(hour % 2))
        assert node.manager.all() == []
        told = Counter(entry[0] for entry in node.log)
        assert told["task"] == 16, "born, streaming, stopping, over: four tasks"
        assert told["drive"] > 12
        forget(node)
        await node.clock.settle()
        seen.append((census(), len(gc.get_objects())))
    await node.close()
    # Odd hours are alike, and so are even ones, to the last object.
    for now, then in ((seen[-1], seen[hours % 2 + 1]), (seen[-2], seen[(hours - 1) % 2 + 1])):
        assert {k: v - then[0][k] for k, v in now[0].items() if v > then[0][k]} == {}
        if hours >= 24:  # of anything; other tests of the same process leave a few for a while
            assert now[1] - then[1] < 3 * hours
