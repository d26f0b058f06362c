"""The random life of a soak, and what is seen of the server meanwhile."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from bunraku.bench.receiver import Receiver
from bunraku.bench.run import TEXT, VOICE, Bench
from bunraku.bench.soak.callbacks import TaskTold
from bunraku.bench.system import below, resident_mb
from bunraku.core.errors import ApiError

MOST_TASKS = 4
MOST_WATCHERS = 4
LEAVE = 3.0  # s for what was closed to be gone


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process was at one moment. ``av_offset_ms`` is the median since the sample before."""

    seconds: float
    rss_mb: float
    helpers_mb: float
    threads: int
    files: int
    sockets: int
    tasks: int
    watchers: int
    ticks_skipped: int
    frames_late: int
    av_offset_ms: float


def look(pid: int) -> tuple[float, float, int, int, int]:
    """Resident MB, those of the processes below it, threads, open files, and which are sockets."""
    links: list[str] = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(link.readlink()))
        except OSError:
            continue
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    helpers = sum(resident_mb(child) for child in below(pid))
    return resident_mb(pid), helpers, threads, len(links), sum(x.startswith("socket:") for x in links)


class Soak:
    """The random life, and what was seen of the server."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self._bench, self._rng = bench, random.Random(seed)
        self._tasks: dict[str, str] = {}
        self._told: dict[str, TaskTold] = {}
        self._watching: list[tuple[str, Receiver]] = []
        self.samples: list[Sample] = []
        self.acts: dict[str, int] = {}
        self._offset = (0.0, 0.0)

    async def run(self, seconds: float, every: float, trials: Sequence[asyncio.Task[None]]) -> None:
        """Live for so long, then leave everything and take a last sample.

        Raises what a trial raised: it is a finding.
        """
        begin = time.monotonic()
        due = begin
        while (now := time.monotonic()) - begin < seconds:
            for job in trials:
                if job.done():
                    job.result()
            try:
                if now >= due:
                    due = now + every
                    await self._sample(now - begin)
                await self._act()
            except ApiError as error:  # what a caller is told while the database is away
                self._did(f"refused: {error.code}")
            except (httpx.HTTPStatusError, TimeoutError) as error:
                self._did(f"no watching: {type(error).__name__}")
            await asyncio.sleep(self._rng.uniform(0.05, 0.5))
        await asyncio.gather(*trials)
        for _, receiver in self._watching:
            await receiver.close()
        self._watching.clear()
        while self._tasks:
            try:
                for task in list(self._tasks):
                    await self._stop(task)
            except ApiError:
                await asyncio.sleep(1.0)
        await asyncio.sleep(LEAVE)
        await self._sample(time.monotonic() - begin)

    def _did(self, name: str) -> None:
        self.acts[name] = self.acts.get(name, 0) + 1

    async def _act(self) -> None:
        rng, api = self._rng, self._bench.api
        name = rng.choice(("create", "stop", "speak", "speak", "interrupt", "join", "join", "leave"))
        task = rng.choice(list(self._tasks)) if self._tasks else None
        if name == "create" and len(self._tasks) < MOST_TASKS:
            before = time.monotonic()
            task, stream = await self._bench.create(rng.choice(((256, 256), (512, 512))))
            self._tasks[task] = stream
            self._told[task] = TaskTold(task, before)
            await self._bench.streaming(task)
        elif task is None:
            return
        elif name == "stop" and rng.random() < 0.3:
            await self._stop(task)
        elif name == "speak":
            text = TEXT[: rng.randint(20, 200)]
            drive = await api.speak(task, text, timbre_id=VOICE, interrupt=rng.random() < 0.5)
            self._told[task].drives.append(drive)
        elif name == "interrupt":
            await api.interrupt(task)
        elif name == "join" and len(self._watching) < MOST_WATCHERS:
            self._watching.append((task, await self._bench.watch(self._tasks[task])))
        elif name == "leave" and self._watching:
            _, receiver = self._watching.pop(rng.randrange(len(self._watching)))
            await receiver.close()
        else:
            return
        self._did(name)

    async def _stop(self, task: str) -> None:
        await self._bench.api.stop(task)
        del self._tasks[task]
        self._told[task].stopped = time.monotonic()
        for pair in [p for p in self._watching if p[0] == task]:
            self._watching.remove(pair)
            await pair[1].close()

    @property
    def told(self) -> list[TaskTold]:
        """Every task that was accepted."""
        return list(self._told.values())

    async def _sample(self, seconds: float) -> None:
        m = await self._bench.metrics()
        total, count = m["bunraku_av_offset_ms_sum"], m["bunraku_av_offset_ms_count"]
        mean = (total - self._offset[0]) / max(1.0, count - self._offset[1])
        self._offset = (total, count)
        self.samples.append(
            Sample(
                round(seconds, 1),
                *look(self._bench.pid),
                tasks=len(self._tasks),
                watchers=int(m["bunraku_watchers"]),
                ticks_skipped=int(m["bunraku_ticks_skipped_total"]),
                frames_late=int(m["bunraku_frames_late_total"]),
                av_offset_ms=round(mean, 2),
            )
        )
