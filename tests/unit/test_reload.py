"""What changes while a server runs, and what does not."""

from __future__ import annotations

import asyncio

import pytest

from bunraku.core.apps import App, Apps
from bunraku.core.settings import LimitSettings, load
from bunraku.core.starting import CannotStart
from bunraku.front.rpc.limits import CallLimits
from bunraku.reload import Reload, SettingsRefused, Source
from bunraku.testing.clock import VirtualClock

from ..support.stage import APP, Node


def app(app_id, **changes):
    return App(app_id, "s" * 32, "c" * 32, **changes)


def test_an_app_that_is_named_no_more_is_gone_but_still_told():
    apps = Apps([app(1), app(2, callback_url="old")])
    apps.put(app(3, editable=True))
    apps.name([app(1, name="changed"), app(4)])
    assert [a.id for a in apps.list()] == [1, 3, 4]
    assert apps.get(1).name == "changed"
    assert apps.gone == {2}
    assert apps.get(2) is None
    assert apps.receiver(2).callback_url == "old"
    apps.name([app(2, callback_url="new")])
    assert apps.gone == {1, 4}
    assert apps.receiver(2).callback_url == "new"
    apps.put(app(4, editable=True))  # the console has one of that number
    assert apps.gone == {1}


async def test_limits_change_between_two_calls():
    clock = VirtualClock()
    limits = CallLimits(LimitSettings(calls_per_second=2, address_calls_per_second=0), clock)

    async def admitted(count):
        return [await limits.admit_call(1, "x") for _ in range(count)]

    assert await admitted(3) == [True, True, False]
    limits.change(LimitSettings(calls_per_second=4))
    assert await admitted(3) == [True, True, False], "what was counted stays counted"
    limits.change(LimitSettings(calls_per_second=1))
    await clock.advance(1.1)
    assert await admitted(2) == [True, False]
    with pytest.raises(CannotStart, match=r"limits\.storage"):
        limits.change(LimitSettings.model_construct(storage="nowhere://x", calls_per_second=9))
    assert await admitted(1) == [False], "nothing has changed"


async def test_tasks_of_an_app_that_is_gone_are_stopped_also_those_that_are_coming():
    node = Node()
    await node.open()
    running = await node.create("first")
    node.ledger.delay = 0.5
    coming = asyncio.create_task(node.manager.create(node.commission("second")))
    await node.clock.settle()
    evicting = asyncio.create_task(node.manager.evict({APP}))
    node.manager.change(LimitSettings(tasks=1))
    await node.until(5.0)
    await evicting
    await coming
    assert node.manager.all() == []
    assert running.record.status == 5
    assert node.manager.capacity == 1
    await node.close()


async def test_all_of_a_file_is_taken_over_or_nothing():
    standing = load(None, port=1)
    said, applied = [load(None, port=2, callbacks={"timeout": 1.0})], []

    async def apply(settings):
        if settings.callbacks.timeout == 3.0:
            raise SettingsRefused("not this")
        applied.append(settings)

    def read():
        if isinstance(said[0], Exception):
            raise said[0]
        return said[0]

    reload = Reload(standing, Source(read), apply)
    assert await reload.now()
    assert (applied[-1].port, applied[-1].callbacks.timeout) == (1, 1.0), "the port is the start's"
    for wrong in (SettingsRefused("line"), load(None, callbacks={"timeout": 3.0}), RuntimeError("a fault")):
        said[0] = wrong
        assert not await reload.now()
        assert reload.settings is applied[-1]
    assert len(applied) == 1


async def test_what_is_asked_while_a_file_is_read_is_done_after_it():
    applied, going = [], asyncio.Event()

    async def apply(settings):
        applied.append(settings)
        await going.wait()

    source = Source(lambda: load(None))
    source.remember()  # before anybody listened
    reload = Reload(load(None), source, apply)
    reload.listen()
    while not applied:
        await asyncio.sleep(0.001)
    for _ in range(3):
        reload.ask()
    going.set()
    await reload.done()
    assert len(applied) == 2
