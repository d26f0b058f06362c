"""What a front tells the operator of nodes that live, fall silent and are given up."""

from dataclasses import replace

import pytest

from bunraku.core.load import HALL, Load, NodeInfo
from bunraku.nodes.base import NodeAway
from bunraku.testing.clock import VirtualClock

pytest.importorskip("ray", reason="bunraku[cluster] is not installed")
from bunraku.nodes.ray.nodes import MISSED, RayNodes


class Rows:
    """``Lives.here`` over rows that the test changes."""

    def __init__(self, *rows):
        self.rows = {r.id: r for r in rows}

    async def here(self):
        return [r for r in self.rows.values() if r.state in ("up", "draining")]

    def beat(self, *ids):
        for i in ids:
            self.rows[i] = replace(self.rows[i], beat=self.rows[i].beat + 1)


def info(id, state="up"):
    return NodeInfo(id, 1, state, "machine", "0.1.0", 0.0, 1, Load())


@pytest.fixture
async def stage():
    clock, rows = VirtualClock(), Rows(info("a"), info("b"), info("old", "lost"))
    nodes = RayNodes(clock, None, rows)
    await nodes.refresh()

    async def seconds(count, *living):
        for _ in range(round(count * 2)):
            await clock.advance(0.5)
            rows.beat(*living)
            await nodes.refresh()

    async def shown():
        return {n.id: n.state for n in await nodes.infos()}

    return rows, seconds, shown


async def test_what_was_over_before_is_not_shown(stage):
    _, seconds, shown = stage
    await seconds(1, "a", "b")
    assert await shown() == {"a": "up", "b": "up"}


async def test_a_node_falls_silent_is_given_up_and_forgotten(stage):
    rows, seconds, shown = stage
    await seconds(2, "a", "b")
    await seconds(3, "a")
    assert await shown() == {"a": "up", "b": "silent"}
    rows.rows["b"] = replace(rows.rows["b"], state="lost", epoch=2)
    await seconds(MISSED - 10, "a")
    assert await shown() == {"a": "up", "b": "lost"}
    await seconds(15, "a")
    assert await shown() == {"a": "up"}


async def test_a_node_that_begins_again_is_there_at_once(stage):
    rows, seconds, shown = stage
    await seconds(2, "a", "b")
    rows.rows["b"] = replace(rows.rows["b"], state="lost", epoch=2)
    await seconds(3, "a")
    rows.rows["b"] = replace(rows.rows["b"], state="up", epoch=3)
    await seconds(0.5, "a", "b")
    assert await shown() == {"a": "up", "b": "up"}


async def test_a_node_of_another_hall_is_shown_and_gets_nothing_new(stage, caplog):
    """While a cluster is updated, halves of two releases stand side by side."""
    clock, rows = VirtualClock(), Rows(info("ours"), replace(info("theirs"), hall=HALL + 1, version="9.9.9"))
    nodes = RayNodes(clock, NoRooms(), rows)
    for _ in range(3):
        await nodes.refresh()
    said = [r.getMessage() for r in caplog.records if "hall" in r.getMessage()]
    assert said == [
        f"node theirs (9.9.9) has hall {HALL + 1}, this front {HALL}: nothing new is placed there"
    ]
    asked = []

    async def ask(node):
        asked.append(node)

    nodes.remote = lambda node_id: node_id
    for _ in range(20):
        await nodes.in_room(1, "r", ask)
    assert set(asked) == {"ours"}
    assert {n.id for n in await nodes.infos()} == {"ours", "theirs"}
    rows.rows["ours"] = replace(rows.rows["ours"], hall=0)  # of a release that said nothing yet
    await nodes.refresh()
    assert not nodes.ready
    with pytest.raises(NodeAway, match="understands"):
        await nodes.in_room(1, "r", ask)


class NoRooms:
    async def node_of_room(self, *_):
        return None
