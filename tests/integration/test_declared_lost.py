"""A node of a cluster whose life another has declared over, in the time it takes to end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bunraku.core.clock import SystemClock
from bunraku.core.commission import Commission
from bunraku.core.framing import Framing
from bunraku.core.settings import load
from bunraku.core.stream_task import TaskStatus
from bunraku.node.callbacks import delivery
from bunraku.node.clustered import ClusteredNode
from bunraku.store.database import FILE, Database
from bunraku.store.lives import Ending, Lives
from bunraku.testing.server import APP_ID, test_apps
from bunraku.testing.voices import ToneVoices

AGAIN = 0.5  # s between attempts


def ended(tasks, drives, outputs, _people):
    over = [t.evolve(TaskStatus.STOPPING).evolve(TaskStatus.STOPPED, ended_at=1.0) for t in tasks]
    return Ending(tuple(over), tuple(drives), tuple(outputs))


async def test_it_tells_no_receiver_again_what_is_anothers_to_tell(tmp_path, receivers, monkeypatch):
    monkeypatch.setattr(delivery, "RETRY_AFTER", (AGAIN,) * 1000)
    receiver, lost = receivers(lambda _: 500), asyncio.Event()
    apps = test_apps(callback_url=receiver.url)
    settings = load(data_dir=tmp_path, apps=apps, fetch={"allow_private": True})
    node = ClusteredNode(settings, SystemClock(), "cut-off", lost.set, [ToneVoices()], others=lambda _: None)
    async with node.running():
        (human, *_) = await node.answer("humans")()
        await node.create(Commission(APP_ID, 10, human.id, "r", "s", Framing(128, 128), 800_000))
        while len(receiver.heard) < 2:
            await asyncio.sleep(0.01)
        other = Database.of(f"sqlite+aiosqlite:///{tmp_path / FILE}", Path())
        heir, _ = await Lives(other).begin("heir", "m", "1", 1.0, ended)
        ending = await Lives(other).take_over(["cut-off"], -60.0, heir, ended)
        await other.close()
        assert len(ending.callbacks) >= 1
        await lost.wait()
        told = len(receiver.heard)
        await asyncio.sleep(4 * AGAIN)
        assert len(receiver.heard) == told
