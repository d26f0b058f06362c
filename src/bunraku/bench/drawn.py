"""Streams that their watchers draw. The receivers are light: they take sound and poses, and draw nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

from bunraku.bench.receiver import Receiver
from bunraku.client import AsyncClient
from bunraku.core.media import FRAME_RATE

SIZE = (720, 1280)
TEXT = "Good morning, and welcome to the theatre. Please take your seats, and mind the step. " * 16
VOICE = "en-us-evan"


class MeasuredServer(Protocol):
    """What ``run.Bench`` has for these."""

    api: AsyncClient
    results: dict[str, Any]

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


async def density(bench: MeasuredServer, most: int, step: int, seconds: float) -> None:
    """Talking streams that are drawn, ``step`` more at a time, until ticks are skipped or the event loop
    lags by more than a tick."""
    made: list[tuple[str, asyncio.subprocess.Process]] = []
    held, lag = 0, 0.0
    while len(made) < most:
        for _ in range(step):
            found = await bench.admitted(SIZE)
            if found is None:
                break
            await bench.streaming(found[0])
            made.append((found[0], await bench.watchers(found[1], 1, draw=True)))
            await bench.api.speak(found[0], TEXT, timbre_id=VOICE)
        before = await bench.metrics()
        await asyncio.sleep(seconds)
        skipped, now = bench.strain(before, await bench.metrics())
        if skipped or now > 40:
            break
        held, lag = len(made), now
        if len(made) % step:
            break
    bench.results["density_drawn"] = {"streams": held, "loop_lag_p99_ms_below": lag}
    for task, crowd in made:
        await bench.dismiss(crowd)
        await bench.api.stop(task)
