"""SIGHUP to ``bunraku serve --nodes 2``: every process hears of it, and nobody who watches notices."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
import signal
import ssl
import time

import psutil
import pytest

from bunraku.bench.receiver import Receiver
from bunraku.core.errors import AppUnknown, NoResources, SystemBusy
from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, OTHER_APP_ID, OTHER_SECRET, SECRET

from ..support.certificates import served, write_certificate
from ..support.cluster import missing, toml
from ..support.process import Process, statuses
from ..support.services import free_port, postgresql
from ..support.waiting import wait_for

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")

NEW_APP, NEW_SECRET = 777, "n" * 32


def able(create):
    """Whether there is a node with room, and none too late to take more."""
    try:
        return create()
    except (NoResources, SystemBusy):
        return None


def full(create):
    """Whether no node has room; one that is late for a moment may have."""
    try:
        create()
    except SystemBusy:
        return False
    except NoResources:
        return True
    raise AssertionError("there was room")


def nodes_of(process):
    """The processes of its nodes, as Ray names them."""
    found = psutil.Process(process.process.pid).children(recursive=True)
    return [p for p in found if "NodeActor" in " ".join(p.cmdline())]


async def watched(process, stream, trust):
    receiver, stamps = Receiver(), []
    receiver.on_sound = lambda packet: stamps.append(packet.timestamp)
    token = generate(APP_ID, secrets.token_hex(4), SECRET, time.time())
    await receiver.play(f"{process.base_url}/whep/{APP_ID}/{stream}", token, trust=trust)
    return receiver, stamps


async def test_two_nodes_and_their_front_take_over_apps_limits_callbacks_and_certificate(tmp_path, receivers):
    service = postgresql(tmp_path / "pg")
    service.start()
    old, new = receivers(), receivers()
    cert, key = write_certificate(tmp_path, 1)
    first = cert.read_text()
    trusting = ssl.create_default_context(cafile=str(cert))

    def text(*apps, callback=old, limits=None, **more):
        mine = {"app_id": APP_ID, "server_secret": SECRET, "callback_url": callback.url}
        return toml(
            {
                "database_url": service.url,
                "tls_cert": str(cert),
                "tls_key": str(key),
                "apps": [mine, *({"app_id": a, "server_secret": s} for a, s in apps)],
                "limits": {"calls_per_second": 0, "address_calls_per_second": 0} | (limits or {}),
                "fetch": {"allow_private": True},
            }
            | more
        )

    process = await asyncio.to_thread(
        lambda: Process(
            tmp_path,
            free_port(),
            text=text((OTHER_APP_ID, OTHER_SECRET)),
            verify=trusting,
            options=("--nodes", "2"),
            patience=120,
        )
    )
    try:
        api = process.api()
        human = api.digital_humans()[0]["DigitalHumanId"]

        def create(name, by=api):
            """In a room of its own, on whichever node is less late."""
            task = by.create(human, room_id=f"room-{name}", stream_id=name, size=(128, 128))
            wait_for(lambda: by.status(task)["Status"] == 3, 30)
            wait_for(lambda: node_of(task))
            return task

        def node_of(task):
            """As the log tells."""
            found = re.search(rf"stream task streaming .*task={task} node=(\S+)", process.logged())
            return found[1] if found else ""

        homes = {}
        for number in itertools.count():
            name = f"s{number}"
            task = await asyncio.to_thread(wait_for, lambda n=name: able(lambda: create(n)), 60)
            if node_of(task) not in homes:
                homes[node_of(task)] = (name, task)
            if len(homes) == 2:
                break
        tasks = [task for _, task in homes.values()]
        watching = [await watched(process, name, trusting) for name, _ in homes.values()]
        while any(len(stamps) < 10 for _, stamps in watching):
            await asyncio.sleep(0.02)

        # Nothing of a file with a mistake in it.
        wrong = text((NEW_APP, NEW_SECRET), limits={"tasks": 0})
        assert "limits.tasks" in await asyncio.to_thread(process.reload, wrong)
        with process.api(NEW_APP, NEW_SECRET) as added, pytest.raises(AppUnknown):
            added.running()

        # One task is the most: both are full, so both have heard it.
        write_certificate(tmp_path, 2)
        second = cert.read_text()
        good = text((NEW_APP, NEW_SECRET), callback=new, limits={"tasks": 1})
        said = await asyncio.to_thread(process.reload, good)
        assert "was not told" not in said
        assert served(process.port) == second != first
        process.verify = ssl.create_default_context(cafile=str(cert))  # for connections from now on
        await asyncio.to_thread(wait_for, lambda: full(lambda: create("more")), 60)
        with process.api(OTHER_APP_ID, OTHER_SECRET) as gone, pytest.raises(AppUnknown):
            gone.running()
        # And again that there is room, which the app that came may use.
        good = text((NEW_APP, NEW_SECRET), callback=new, callbacks={"timestamp_seconds": True})
        assert "reloaded: limits, callbacks" in await asyncio.to_thread(process.reload, good)
        with process.api(NEW_APP, NEW_SECRET) as added:
            await asyncio.to_thread(wait_for, lambda: able(lambda: create("theirs", added)), 60)

        # Each node tells the new receiver, of tasks that began before.
        for task in tasks:
            await asyncio.to_thread(lambda t=task: api.speak(t, "Still here.", timbre_id="en-us-ava"))
        for task in tasks:
            await asyncio.to_thread(wait_for, lambda t=task: (4, 4) in statuses(new.heard, t), 60)
        assert not any(event["EventType"] == 4 for event in old.heard)

        # Nobody who watched noticed any of it.
        marks = [len(stamps) for _, stamps in watching]
        while any(len(stamps) < mark + 10 for mark, (_, stamps) in zip(marks, watching, strict=True)):
            await asyncio.sleep(0.02)
        for receiver, stamps in watching:
            steps = [(b - a) & 0xFFFFFFFF for a, b in zip(stamps, stamps[1:], strict=False)]
            assert all(step and step % 960 == 0 for step in steps)
            # A busy machine skips ticks now and then; whom a reload held up would skip many at once.
            assert max(steps) - 960 < 72000
            await receiver.close()

        # A node that dies begins anew with what it was last told, not with what it was made with.
        victim = nodes_of(process)[0]
        before = len(process.logged())
        victim.kill()
        lost = await asyncio.to_thread(
            wait_for, lambda: [t for t in tasks if (3, 5) in statuses(new.heard, t)], 60
        )
        (home,) = [node for node, (_, task) in homes.items() if task == lost[0]]
        await asyncio.to_thread(wait_for, lambda: f"ready node={home}" in process.logged()[before:], 60)

        def born_there():
            """A task of the new life."""
            task = able(lambda: create(secrets.token_hex(4)))
            if task is None or node_of(task) == home:
                return task
            api.stop(task)
            return None

        task = await asyncio.to_thread(wait_for, born_there, 90)
        await asyncio.to_thread(wait_for, lambda: (3, 3) in statuses(new.heard, task), 60)
        assert not any((3, 5) in statuses(old.heard, t) for t in lost)
        assert not any(event["TaskId"] == task for event in old.heard)
        api.close()
    finally:
        await asyncio.to_thread(process.end, signal.SIGTERM)
        service.stop()
    assert "was not told" not in process.logged()
