"""Streams that their watchers draw. The receivers are light: they take sound and poses, and draw nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any, Protocol

from bunraku.bench.receiver import Receiver
from bunraku.bench.system import below, cpu_seconds
from bunraku.client import AsyncClient
from bunraku.core.media import FRAME_RATE, TICK_US

SIZE = (720, 1280)
TEXT = "Good morning, and welcome to the theatre. Please take your seats, and mind the step. " * 16
VOICE = "en-us-evan"


class MeasuredServer(Protocol):
    """What ``run.Bench`` has for these."""

    api: AsyncClient
    pid: int
    results: dict[str, Any]

    def address(self, stream: str, *, draw: bool = False) -> str: ...

    def token(self) -> str: ...

    async def create(self, size: tuple[int, int]) -> tuple[str, str]: ...

    async def admitted(self, size: tuple[int, int]) -> tuple[str, str] | None: ...

    async def streaming(self, task: str) -> None: ...

    async def watch(self, stream: str, *, draw: bool = False) -> Receiver: ...

    async def watchers(
        self, stream: str, count: int, *, draw: bool = False
    ) -> asyncio.subprocess.Process: ...

    async def dismiss(self, crowd: asyncio.subprocess.Process) -> None: ...

    async def metrics(self) -> dict[str, float]: ...

    def strain(self, before: dict[str, float], after: dict[str, float]) -> tuple[float, float]: ...

    async def core(self, seconds: float) -> float: ...


async def cost(bench: MeasuredServer, count: int, seconds: float) -> None:
    """CPU and bits of one talking stream with a watcher that draws, and CPU of each further one."""
    task, stream = await bench.create(SIZE)
    await bench.streaming(task)
    idle = await bench.core(seconds)
    receiver = await bench.watch(stream, draw=True)
    await bench.api.speak(task, TEXT, timbre_id=VOICE, interrupt=True)
    await asyncio.sleep(2.0)
    received, messages, begin = await receiver.bytes_received(), receiver.messages, time.monotonic()
    used = await bench.core(seconds)
    wall = time.monotonic() - begin
    received = await receiver.bytes_received() - received
    bench.results["drawn_720x1280"] = {
        "core_percent": round(used, 2),
        "resting_core_percent": round(idle, 2),
        "kbit_per_second": round(received * 8 / wall / 1000, 1),
        "messages_percent": round(100 * (receiver.messages - messages) / wall / FRAME_RATE, 1),
    }
    crowd = await bench.watchers(stream, count, draw=True)
    await asyncio.sleep(1.0)
    together = await bench.core(seconds)
    bench.results["extra_drawing_watcher"] = {
        "core_percent": round((together - used) / count, 2),
        "watchers": count,
    }
    await bench.dismiss(crowd)
    await receiver.close()
    await bench.api.stop(task)


class LightCrowd:
    """One process of watchers that read no sound and draw nothing: as little as a watcher on the same
    cores can cost."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def open(cls) -> LightCrowd:
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bunraku.bench.crowd", stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        )

    async def watch(self, url: str, token: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{url} {token} 1\n".encode())
        if not await self._process.stdout.readline():
            raise RuntimeError("a watcher could not connect")

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def density(benches: list[MeasuredServer], most: int, step: int, seconds: float) -> None:
    """Talking streams that are drawn, ``step`` more at a time and in turns on each server, until ticks are
    skipped or an event loop lags by more than a tick. The result is the first server's."""
    name = "density_drawn" + ("" if len(benches) == 1 else f"_{len(benches)}_servers")
    made: list[tuple[MeasuredServer, str]] = []
    crowd = await LightCrowd.open()
    held: dict[str, float] = {"streams": 0}
    full = False
    while len(made) < most and not full:
        for i in range(step):
            bench = benches[i % len(benches)]
            found = await bench.admitted(SIZE)
            if found is None:
                full = True
                break
            task, stream = found
            await bench.streaming(task)
            await crowd.watch(bench.address(stream, draw=True), bench.token())
            for _ in range(2):  # three minutes
                await bench.api.speak(task, TEXT, timbre_id=VOICE)
            made.append((bench, task))
        await asyncio.sleep(4.0)  # half a minute of speech each is made ahead
        before = [await bench.metrics() for bench in benches]
        cpu, begin = _used(benches, crowd), time.monotonic()
        await asyncio.sleep(seconds)
        after, wall = _used(benches, crowd), time.monotonic() - begin
        strained = [b.strain(old, await b.metrics()) for b, old in zip(benches, before, strict=True)]
        lag = max(now for _, now in strained)
        found_now = {
            "streams": len(made),
            "loop_lag_p99_ms_below": lag,
            "ticks_skipped": sum(skipped for skipped, _ in strained),
        } | {f"{who}_core_percent": round((after[who] - cpu[who]) / wall * 100, 1) for who in cpu}
        benches[0].results[f"{name}_{len(made)}"] = found_now
        if found_now["ticks_skipped"] or lag > TICK_US / 1e3:
            break
        held = found_now
    benches[0].results[name] = held
    await crowd.close()
    for bench, task in made:
        await bench.api.stop(task)


def _used(benches: list[MeasuredServer], crowd: LightCrowd) -> dict[str, float]:
    """Seconds of CPU so far."""
    return {
        "servers": sum(cpu_seconds(b.pid) for b in benches),
        "voices": sum(cpu_seconds(pid) for b in benches for pid in below(b.pid)),
        "watchers": cpu_seconds(crowd.pid),
    }
