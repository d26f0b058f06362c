"""What goes wrong with one output touches neither the stream nor another output."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time

from bunraku.core.output import OutputStatus, Protocol
from bunraku.core.urls import Guard
from bunraku.node.outputs.base import MOST_UNITS, Caption, Feed, Means, Wants
from bunraku.node.outputs.outputs import OutputMeans, Outputs

from ..support.flashing import Flashing, stream
from .conftest import Desk


@contextlib.contextmanager
def stuck():
    """Accepts, shakes hands, and never reads again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        async def accept() -> None:
            loop = asyncio.get_running_loop()
            server.setblocking(False)
            while True:
                connection, _ = await loop.sock_accept(server)
                held.append(connection)

        job = asyncio.ensure_future(accept())
        try:
            yield server.getsockname()[1]
        finally:
            job.cancel()
            for connection in held:
                connection.close()


async def test_a_stuck_target_is_given_up_and_the_recording_beside_it_is_whole(tmp_path, workers):
    desk = Desk(tmp_path, workers, timeout=1.5)
    with stuck() as port:
        push = desk.add(Protocol.RTMP, url=f"rtmp://127.0.0.1:{port}/live/key")
        film = desk.add(Protocol.FILE)
        begin = time.monotonic()
        late = 0.0
        while desk.record(push).status is not OutputStatus.RETRYING:
            tick = time.monotonic()
            desk.flashing.step()
            late = max(late, time.monotonic() - tick)
            await asyncio.sleep(0.02)
            assert time.monotonic() - begin < 15
        assert desk.record(push).fail_reason == "the target takes nothing"
        assert late < 0.5, "whoever publishes waited for a target"
        await desk.until(lambda: desk.flashing.tick > 100, speed=4)
        begin = time.monotonic()
        await desk.close()
    assert desk.record(film).status is OutputStatus.COMPLETE
    (file,) = desk.record(film).files
    assert abs(file.seconds - desk.flashing.tick * 0.04) < 0.5
    assert desk.record(push).status in (OutputStatus.FAILED, OutputStatus.COMPLETE)


async def test_a_full_disk_ends_the_output_and_only_it(desk, workers):
    before = resource.prlimit(workers.pid, resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
    film = desk.add(Protocol.FILE)
    desk.flashing = Flashing(desk.stream, noise=True)
    record = await desk.status(film, OutputStatus.FAILED)
    assert record.fail_reason == "the disk is full"
    resource.prlimit(workers.pid, resource.RLIMIT_FSIZE, before)
    another = desk.add(Protocol.IMAGES, segment_seconds=1)
    await desk.status(another, OutputStatus.ACTIVE)


async def test_private_targets_are_refused_unless_the_operator_lists_them(tmp_path, workers):
    desk = Desk(tmp_path, workers)
    strict = Means(workers, desk.storage, desk.clock, Guard(), desk.finisher, 5.0)
    desk.outputs = Outputs(1, "task", desk.stream, OutputMeans(strict, desk.executor, 5.0, 5.0), desk.changed)
    desk.outputs.start()
    with stuck() as port:
        # A name that the first look cannot judge.
        output = desk.add(Protocol.RTMP, url=f"rtmp://localhost:{port}/live/key")
        record = await desk.status(output, OutputStatus.FAILED)
    assert record.fail_reason == "address is not public"
    await desk.close()


async def test_a_feed_is_bounded_and_goes_on_with_a_keyframe():
    to = stream()
    feed, flashing = Feed(to, Wants(None)), Flashing(to)
    to.add_watcher(feed)
    for _ in range(MOST_UNITS + 60):
        flashing.step()
    feed.end()
    got = [unit async for unit in feed]
    assert feed.dropped > MOST_UNITS
    assert len(got) < 60
    assert not got or got[0].keyframe


async def test_keyframes_are_asked_for_every_two_seconds():
    to = stream()
    feed, flashing = Feed(to, Wants(None)), Flashing(to)
    to.add_watcher(feed)
    for _ in range(200):
        flashing.step()
    feed.end()
    at = [unit.time_us / 1e6 async for unit in feed if not isinstance(unit, Caption) and unit.keyframe]
    assert len(at) >= 4
    assert all(b - a <= 2.1 for a, b in zip(at, at[1:], strict=False))


async def test_an_output_counts_as_somebody_watching(desk):
    assert not desk.stream.wanted
    output = desk.add(Protocol.FILE)
    await desk.status(output, OutputStatus.ACTIVE)
    assert desk.stream.wanted
    assert desk.outputs.watching == len(desk.stream.watchers) == 2, "what is sent, and its sound"
    desk.outputs.remove(output.id)
    await desk.status(output, OutputStatus.COMPLETE)
    assert not desk.stream.wanted
    assert desk.outputs.watching == 0


async def test_an_output_that_rests_between_attempts_keeps_no_stream_awake(desk):
    output = desk.add(Protocol.RTMP, url="rtmp://127.0.0.1:1/live/key")
    await desk.status(output, OutputStatus.RETRYING)
    assert not desk.stream.wanted
