"""``bunraku soak``: hours of ordinary use, and a page that shows whether anything grows.

A real server in a process of its own; tasks are created, driven, interrupted, watched, left and
stopped at random from a fixed seed. Every few seconds the process is looked at from outside.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from dataclasses import asdict, dataclass, fields
from html import escape
from pathlib import Path

from bunraku.bench.receiver import Receiver, discard_video
from bunraku.bench.run import TEXT, VOICE, Bench, serving
from bunraku.bench.system import resident_mb
from bunraku.core.errors import ApiError

MOST_TASKS = 4
MOST_WATCHERS = 4
WARM_SHARE = 0.25
"""Of the run: caches fill and pools grow; what is compared begins after it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process was at one moment. ``av_offset_ms`` is the median since the sample before."""

    seconds: float
    rss_mb: float
    threads: int
    files: int
    sockets: int
    tasks: int
    watchers: int
    ticks_skipped: int
    frames_late: int
    av_offset_ms: float


def look(pid: int) -> tuple[float, int, int, int]:
    """Resident MB, threads, open files, and those of them that are sockets."""
    links: list[str] = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(link.readlink()))
        except OSError:
            continue
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    return resident_mb(pid), threads, len(links), sum(x.startswith("socket:") for x in links)


class Soak:
    """The random life, and what was seen of the server."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self._bench, self._rng = bench, random.Random(seed)
        self._tasks: dict[str, str] = {}
        self._watching: list[tuple[str, Receiver]] = []
        self.samples: list[Sample] = []
        self.acts: dict[str, int] = {}
        self._offset = (0.0, 0.0)

    async def run(self, seconds: float, every: float) -> None:
        """Live for so long, then leave everything and take last samples."""
        begin = time.monotonic()
        due = begin
        while (now := time.monotonic()) - begin < seconds:
            if now >= due:
                due = now + every
                await self._sample(now - begin)
            await self._act()
            await asyncio.sleep(self._rng.uniform(0.05, 0.5))
        for _, receiver in self._watching:
            await receiver.close()
        self._watching.clear()
        for task in list(self._tasks):
            await self._stop(task)
        await asyncio.sleep(3.0)
        await self._sample(time.monotonic() - begin)

    async def _act(self) -> None:
        rng, api = self._rng, self._bench.api
        name = rng.choice(("create", "stop", "speak", "speak", "interrupt", "join", "join", "leave"))
        task = rng.choice(list(self._tasks)) if self._tasks else None
        if name == "create" and len(self._tasks) < MOST_TASKS:
            task, stream = await self._bench.create(rng.choice(((256, 256), (512, 512))))
            self._tasks[task] = stream
            await self._bench.streaming(task)
        elif task is None:
            return
        elif name == "stop" and rng.random() < 0.3:
            await self._stop(task)
        elif name == "speak":
            text = TEXT[: rng.randint(20, 200)]
            await api.speak(task, text, timbre_id=VOICE, interrupt=rng.random() < 0.5)
        elif name == "interrupt":
            await api.interrupt(task)
        elif name == "join" and len(self._watching) < MOST_WATCHERS:
            self._watching.append((task, await self._bench.watch(self._tasks[task])))
        elif name == "leave" and self._watching:
            _, receiver = self._watching.pop(rng.randrange(len(self._watching)))
            await receiver.close()
        else:
            return
        self.acts[name] = self.acts.get(name, 0) + 1

    async def _stop(self, task: str) -> None:
        del self._tasks[task]
        try:
            await self._bench.api.stop(task)
        except ApiError:
            self.acts["stop refused"] = self.acts.get("stop refused", 0) + 1
        for pair in [p for p in self._watching if p[0] == task]:
            self._watching.remove(pair)
            await pair[1].close()

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


def growth(samples: list[Sample]) -> dict[str, float]:
    """Mean of the last third after the warm-up less that of the first, by figure."""
    kept = samples[int(len(samples) * WARM_SHARE) :]
    third = max(1, len(kept) // 3)

    def mean(part: list[Sample], name: str) -> float:
        return sum(float(getattr(s, name)) for s in part) / len(part)

    names = ("rss_mb", "threads", "files", "sockets", "av_offset_ms")
    return {n: round(mean(kept[-third:], n) - mean(kept[:third], n), 2) for n in names}


def plot(samples: list[Sample], name: str) -> str:
    """One figure over time as SVG."""
    width, height, left = 720, 140, 60
    xs, ys = [s.seconds for s in samples], [float(getattr(s, name)) for s in samples]
    low, high = min(0.0, *ys), max(ys) * 1.1 or 1.0
    span = xs[-1] or 1.0
    across, down = (width - left - 10) / span, (height - 30) / (high - low)
    points = " ".join(
        f"{left + x * across:.1f},{height - 20 - (y - low) * down:.1f}" for x, y in zip(xs, ys, strict=True)
    )
    return (
        f'<figure><figcaption>{escape(name)}</figcaption><svg viewBox="0 0 {width} {height}" role="img">'
        f'<text x="4" y="18">{high:.4g}</text><text x="4" y="{height - 20}">{low:.4g}</text>'
        f'<text x="{left}" y="{height - 4}">0</text>'
        f'<text x="{width - 60}" y="{height - 4}">{span:.0f} s</text>'
        f'<polyline points="{points}"/></svg></figure>'
    )


STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2rem auto;color:#17202e}"
    "svg{width:100%;background:#f4f6fa;border-radius:8px}polyline{fill:none;stroke:#c93c37;stroke-width:1.5}"
    "text{font-size:11px;fill:#5b6678}td,th{padding:.2rem .8rem;text-align:right}figure{margin:1rem 0}"
)


def page(samples: list[Sample], acts: dict[str, int]) -> str:
    rows = "".join(f"<tr><th>{escape(k)}</th><td>{v}</td></tr>" for k, v in growth(samples).items())
    done = ", ".join(f"{v} × {escape(k)}" for k, v in sorted(acts.items()))
    plots = "".join(plot(samples, f.name) for f in fields(Sample) if f.name != "seconds")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Soak</title><style>{STYLE}</style>'
        f"<h1>Soak of {samples[-1].seconds / 60:.1f} minutes</h1><p>{done}.</p>"
        f"<h2>Growth, last third against first, after the warm-up</h2><table>{rows}</table>{plots}</html>"
    )


def soak(minutes: float, seed: int, out: Path) -> dict[str, float]:
    """Run, write ``out`` (HTML) and JSON beside it, return the growth."""
    life = asyncio.run(_live(minutes, seed))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(life.samples, life.acts), "utf-8")
    report = {"growth": growth(life.samples), "acts": life.acts, "samples": [asdict(s) for s in life.samples]}
    out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    return growth(life.samples)


async def _live(minutes: float, seed: int) -> Soak:
    discard_video()
    with (
        tempfile.TemporaryDirectory(prefix="bunraku-soak-") as folder,
        serving(Path(folder)) as (port, secret, pid),
    ):
        bench = Bench(port, secret, pid)
        async with bench.api:
            humans = await bench.api.call("GetDigitalHumanList")
            bench.human = humans["DigitalHumans"][0]["DigitalHumanId"]
            life = Soak(bench, seed)
            await life.run(minutes * 60, max(1.0, minutes * 60 / 400))
    return life
