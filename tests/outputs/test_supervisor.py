"""A life of an output on virtual time."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

from bunraku.core.output import Output, OutputStatus, Protocol, shown
from bunraku.node.outputs.base import Feed, OutputFailed, OutputLost, Wants
from bunraku.node.outputs.supervisor import Supervisor
from bunraku.testing.clock import VirtualClock

from ..support.flashing import stream

S = OutputStatus


class Scripted:
    """A sender that does in its attempts what it is told."""

    wants = Wants(None)

    def __init__(self, clock, *attempts) -> None:
        self.clock, self.attempts, self.begun = clock, list(attempts), []

    async def run(self, feed, told) -> None:
        self.begun.append(self.clock.monotonic())
        script = self.attempts.pop(0) if self.attempts else ("lost",)
        for step in script:
            if isinstance(step, float):
                await self.clock.sleep_until(self.clock.monotonic() + step)
            elif step == "active":
                told.active()
                told.sent(100)
            elif step == "lost":
                raise OutputLost("away")
            elif step == "failed":
                raise OutputFailed("no")
            elif step == "hang":
                await asyncio.Event().wait()
            else:
                async for _ in feed:
                    pass


def supervise(clock, *attempts, patience=60.0):
    to, told = stream(), []
    record = Output("o", "t", 0, Protocol.RTMP, "n", "", clock.wall())

    @contextmanager
    def attach(sender):
        feed = Feed(to, sender.wants)
        to.add_watcher(feed)
        try:
            yield feed
        finally:
            to.remove_watcher(feed)

    sender = Scripted(clock, *attempts)
    supervisor = Supervisor(
        record, sender, attach, clock, lambda o, _: told.append(o.status), patience=patience, end_timeout=8.0
    )
    return supervisor, sender, told, to


async def run(clock, supervisor, seconds):
    job = asyncio.create_task(supervisor.run())
    for _ in range(int(seconds * 4)):
        await clock.advance(0.25)
        if job.done():
            break
    return job


async def test_pauses_double_and_an_output_that_never_works_fails():
    clock = VirtualClock()
    supervisor, sender, told, to = supervise(clock)
    await run(clock, supervisor, 200)
    gaps = [round(b - a) for a, b in zip(sender.begun, sender.begun[1:], strict=False)]
    assert gaps[:5] == [1, 2, 4, 8, 16]
    assert told == [S.RETRYING, S.FAILED]
    assert supervisor.record.fail_reason == "away"
    assert supervisor.record.ended_at is not None
    assert not to.wanted


async def test_what_was_active_for_a_while_is_tried_again_soon():
    clock = VirtualClock()
    supervisor, sender, told, _ = supervise(
        clock, ("lost",), ("lost",), ("active", 20.0, "lost"), ("active", "stay")
    )
    job = await run(clock, supervisor, 30)
    assert round(sender.begun[3] - sender.begun[2]) == 21
    supervisor.end()
    await clock.advance(0.25)
    await job
    assert told == [S.RETRYING, S.ACTIVE, S.RETRYING, S.ACTIVE, S.ENDING, S.COMPLETE]
    assert supervisor.record.bytes == 200


async def test_what_cannot_work_is_not_tried_again():
    clock = VirtualClock()
    supervisor, sender, told, _ = supervise(clock, ("failed",))
    await run(clock, supervisor, 10)
    assert told == [S.FAILED]
    assert len(sender.begun) == 1


async def test_one_that_does_not_end_is_ended():
    clock = VirtualClock()
    supervisor, _, told, to = supervise(clock, ("active", "hang"))
    job = await run(clock, supervisor, 2)
    supervisor.end()
    for _ in range(40):
        await clock.advance(0.25)
    assert job.done()
    assert told == [S.ACTIVE, S.ENDING, S.FAILED]
    assert not to.wanted


async def test_an_end_between_attempts_needs_no_target():
    clock = VirtualClock()
    supervisor, _, told, _ = supervise(clock, ("lost",))
    job = await run(clock, supervisor, 0.5)
    supervisor.end()
    await clock.advance(0.25)
    assert job.done()
    assert told == [S.RETRYING, S.ENDING, S.COMPLETE]


def test_targets_are_shown_without_their_secrets():
    assert shown("rtmp://u:p@live.example:1936/app/inst/key?x=1") == "rtmp://live.example:1936/app/inst/…"
    assert shown("https://cdn.example/SECRET/webRTC/publish") == "https://cdn.example/…"
    assert shown("http://h:8889/room/whip?token=1") == "http://h:8889/…"
    assert shown(None) == ""
