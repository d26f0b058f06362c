"""``bunraku bench``: what a caller and a watcher feel, and what it costs, of a real server.

The server is a process of its own; its CPU time is read from the system, its split between
rendering and encoding from its metrics. Latencies are taken at an aiortc receiver, whose jitter
buffer (four audio packets, 80 ms) is part of the figure.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np

from bunraku.bench import drawn
from bunraku.bench.metrics import percentile, quantile, sums
from bunraku.bench.query import bare_server, load
from bunraku.bench.receiver import Receiver, discard_video
from bunraku.bench.serving import APP_ID, serving
from bunraku.bench.system import cpu_seconds, machine, resident_mb, spread
from bunraku.bench.voices import SENTENCES, VoiceKind, installed, neural_voices, talkers
from bunraku.client import AsyncClient, query
from bunraku.core.errors import SystemBusy
from bunraku.core.media import DRAWN_VERSION
from bunraku.core.stream_task import TaskStatus
from bunraku.core.token import generate

TEXT = "Good morning, and welcome to the theatre. Please take your seats, and mind the step. " * 4
VOICE = "en-us-evan"


class Bench:
    """One server and the figures taken of it."""

    def __init__(self, port: int, secret: str, pid: int, trust: ssl.SSLContext | None = None) -> None:
        """``trust``: the server speaks TLS, by a certificate of this authority."""
        self.base_url = f"{'https' if trust else 'http'}://127.0.0.1:{port}"
        self.port, self.secret, self.pid = port, secret, pid
        self._trust: ssl.SSLContext | bool = trust or True
        self.api = AsyncClient(self.base_url, APP_ID, secret, verify=self._trust)
        self.results: dict[str, Any] = {}
        self.human = ""
        self._count = 0

    async def create(self, size: tuple[int, int]) -> tuple[str, str]:
        self._count += 1
        stream = f"bench-{self._count}"
        # A room each, so that several nodes share them.
        task = await self.api.create(self.human, room_id=stream, stream_id=stream, size=size)
        return task, stream

    async def streaming(self, task: str) -> None:
        while (await self.api.status(task))["Status"] != TaskStatus.STREAMING:
            await asyncio.sleep(0.002)

    def token(self) -> str:
        return generate(APP_ID, secrets.token_hex(4), self.secret, time.time())

    def address(self, stream: str, *, draw: bool = False) -> str:
        return f"{self.base_url}/whep/{APP_ID}/{stream}" + (f"?draw={DRAWN_VERSION}" if draw else "")

    async def watch(self, stream: str, *, draw: bool = False) -> Receiver:
        receiver = Receiver()
        await receiver.play(self.address(stream, draw=draw), self.token(), trust=self._trust)
        deadline = time.monotonic() + 10
        while not receiver.last_frame:
            if time.monotonic() > deadline:
                raise RuntimeError("nothing was received")
            await asyncio.sleep(0.01)
        return receiver

    async def metrics(self) -> dict[str, float]:
        async with httpx.AsyncClient(trust_env=False, verify=self._trust) as http:
            return sums((await http.get(f"{self.base_url}/metrics")).text)

    async def ready(self) -> bool:
        async with httpx.AsyncClient(trust_env=False, verify=self._trust) as http:
            return (await http.get(f"{self.base_url}/readyz")).status_code == 200

    async def starts(self, count: int) -> None:
        took: list[float] = []
        for _ in range(count):
            begin = time.monotonic()
            task, _stream = await self.create((512, 512))
            await self.streaming(task)
            took.append((time.monotonic() - begin) * 1e3)
            await self.api.stop(task)
        self.results["create_to_streaming_ms"] = spread(took)

    async def first_voices(self, kinds: list[VoiceKind], count: int) -> None:
        """From DriveByText to the first voiced sample, over ordinary sentences, of each kind of voice."""
        for kind in kinds:
            task, stream = await self.create((512, 512))
            await self.streaming(task)
            receiver = await self.watch(stream)
            await self.api.speak(task, SENTENCES[0], timbre_id=kind.timbre)  # what is loaded once
            await asyncio.sleep(4.0)
            took: list[float] = []
            for _, text in zip(range(count), cycle(SENTENCES), strict=False):
                receiver.voiced.clear()
                begin = time.monotonic()
                await self.api.speak(task, text, timbre_id=kind.timbre)
                async with asyncio.timeout(15):
                    await receiver.voiced.wait()
                took.append((receiver.last_voiced - begin) * 1e3)
                # Not to its end: that takes minutes. What a helper has begun comes to its own.
                await asyncio.sleep(0.3)
                await self.api.interrupt(task)
                await asyncio.sleep(0.6 + secrets.randbelow(40) / 1e3)
            self.results[f"text_to_first_voice_{kind.name}_ms"] = spread(took)
            await receiver.close()
            await self.api.stop(task)

    async def cost(self, size: tuple[int, int], rounds: int, seconds: float) -> None:
        """CPU of one watched, talking stream, and where it goes; in turn with x264 alone, because a
        machine is not the same from one minute to the next. Figures are medians of the rounds."""
        task, stream = await self.create(size)
        await self.streaming(task)
        found: list[dict[str, float]] = []
        for _ in range(rounds):
            figures = await self._watched(task, stream, seconds)
            alone = await self._baseline(size, seconds)
            plain = figures["core_percent"] - figures["render_core_percent"]
            figures |= {"x264_alone_percent": alone, "ratio": figures["core_percent"] / alone}
            found.append(figures | {"ratio_without_rendering": plain / alone})
        self.results[f"watched_{size[0]}x{size[1]}"] = {
            key: round(float(np.median([f[key] for f in found])), 2) for key in found[0]
        } | {
            f"{key}_rounds": sorted(round(f[key], 2) for f in found)
            for key in ("ratio", "ratio_without_rendering")
        }
        await self.api.stop(task)

    async def _watched(self, task: str, stream: str, seconds: float) -> dict[str, float]:
        receiver = await self.watch(stream)
        await self.api.speak(task, TEXT * 2, timbre_id=VOICE, interrupt=True)
        await asyncio.sleep(1.0)
        before, cpu, begin = await self.metrics(), cpu_seconds(self.pid), time.monotonic()
        await asyncio.sleep(seconds)
        used, wall = cpu_seconds(self.pid) - cpu, time.monotonic() - begin
        after = await self.metrics()
        await self.api.interrupt(task)
        await receiver.close()
        frames = after["bunraku_frames_total"] - before["bunraku_frames_total"]
        render = (after["bunraku_render_ms_sum"] - before["bunraku_render_ms_sum"]) / 1e3
        encode = (after["bunraku_encode_ms_sum"] - before["bunraku_encode_ms_sum"]) / 1e3
        return {
            "core_percent": used / wall * 100,
            "render_core_percent": render / wall * 100,
            "render_ms": render / frames * 1e3,
            "render_median_ms": quantile(before, after, "bunraku_render_ms", 0.5),
            "render_p99_ms": quantile(before, after, "bunraku_render_ms", 0.99),
            "encode_ms": encode / frames * 1e3,
            "rest_core_percent": (used - render - encode) / wall * 100,
            "fps": frames / wall,
        }

    async def _baseline(self, size: tuple[int, int], seconds: float) -> float:
        """Percent of a core that x264 alone takes for such pictures."""
        arguments = [str(size[0]), str(size[1]), str(seconds)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bunraku.bench.baseline", *arguments, stdout=subprocess.PIPE
        )
        out, _ = await process.communicate()
        return float(json.loads(out)["core_percent"])

    async def query(self, rounds: int, count: int) -> None:
        """Our Query against a bare route; again with ten thousand ended tasks on record."""

        def ours() -> str:
            return "/?" + urlencode(query("QueryDigitalHumanStreamTasks", APP_ID, self.secret))

        port = int(self.base_url.rsplit(":", 1)[1])
        with bare_server() as (bare_port, bare_pid):
            figures: dict[str, list[tuple[float, float]]] = {"ours": [], "bare": []}
            for _ in range(rounds):
                figures["bare"].append(await load(bare_port, bare_pid, lambda: "/", count))
                figures["ours"].append(await load(port, self.pid, ours, count))
        ms = {k: float(np.median([c for c, _ in v])) for k, v in figures.items()}
        per_second = {k: float(np.median([r for _, r in v])) for k, v in figures.items()}
        self.results["query"] = {
            "cpu_ms": round(ms["ours"], 3),
            "bare_cpu_ms": round(ms["bare"], 3),
            "share_of_bare": round(ms["bare"] / ms["ours"], 2),
            "per_second": round(per_second["ours"]),
            "bare_per_second": round(per_second["bare"]),
        }

    async def skew(self, seconds: float) -> None:
        """How far apart sound and picture of one moment reach the receiver, by their own stamps."""
        task, stream = await self.create((512, 512))
        await self.streaming(task)
        receiver = await self.watch(stream)
        await self.api.speak(task, TEXT, timbre_id=VOICE)
        await asyncio.sleep(seconds)
        self.results["av_offset_ms"] = spread(receiver.offsets())
        await receiver.close()
        await self.api.stop(task)

    async def density(self, size: tuple[int, int], most: int, seconds: float, first: int = 1) -> None:
        """Watched, talking streams are added until sound comes late, or the server takes no more because it
        would; the first of them at once."""
        crowd: list[tuple[str, asyncio.subprocess.Process]] = []
        held, lag = 0, 0.0
        for n in range(1, most + 1):
            made = await self.admitted(size)
            if made is None:
                break
            task, stream = made
            await self.streaming(task)
            crowd.append((task, await self.watchers(stream, 1)))
            if n < first:
                continue
            for talking, _ in crowd:
                await self.api.speak(talking, TEXT, timbre_id=VOICE, interrupt=True)
            await asyncio.sleep(1.0)
            before = await self.metrics()
            await asyncio.sleep(seconds)
            after = await self.metrics()
            now = percentile(before, after, "bunraku_event_loop_lag_ms", 0.99)
            skipped = after["bunraku_ticks_skipped_total"] - before["bunraku_ticks_skipped_total"]
            late = after["bunraku_frames_late_total"] - before["bunraku_frames_late_total"]
            frames = after["bunraku_frames_total"] - before["bunraku_frames_total"]
            self.results[f"density_{size[0]}x{size[1]}_{n}"] = {
                "loop_lag_p99_ms_below": now,
                "frames_late_percent": round(100 * late / max(1.0, late + frames), 1),
                "ticks_skipped": skipped,
            }
            if skipped or now > 40:
                break
            held, lag = n, now
        self.results[f"density_{size[0]}x{size[1]}"] = {"streams": held, "loop_lag_p99_ms_below": lag}
        for task, process in crowd:
            await self.dismiss(process)
            await self.api.stop(task)

    async def admitted(self, size: tuple[int, int]) -> tuple[str, str] | None:
        """A task, though the server is busy for a moment, as while watchers start; None when it stays so."""
        for _ in range(20):
            try:
                return await self.create(size)
            except SystemBusy:
                await asyncio.sleep(0.25)
        return None

    async def watchers(self, stream: str, count: int, *, draw: bool = False) -> asyncio.subprocess.Process:
        """A process with watchers that discard what they get; they are connected when this returns."""
        arguments = [self.address(stream, draw=draw), self.token(), str(count)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bunraku.bench.crowd", *arguments,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        await process.stdout.readline()
        return process

    async def dismiss(self, crowd: asyncio.subprocess.Process) -> None:
        """They say goodbye: who only vanishes is sent to until consent runs out."""
        assert crowd.stdin is not None
        crowd.stdin.close()
        await crowd.wait()

    async def crowd(self, count: int, rounds: int, seconds: float) -> None:
        """CPU of each watcher beyond the first: the median of rounds with and without them."""
        task, stream = await self.create((512, 512))
        await self.streaming(task)
        receiver = await self.watch(stream)
        found: list[float] = []
        for _ in range(rounds):
            await self.api.speak(task, TEXT * 3, timbre_id=VOICE, interrupt=True)
            await asyncio.sleep(1.0)
            alone = await self.core(seconds)
            process = await self.watchers(stream, count)
            await asyncio.sleep(1.0)
            together = await self.core(seconds)
            await self.dismiss(process)
            found.append((together - alone) / count)
            async with asyncio.timeout(30):
                while (await self.metrics())["bunraku_watchers"] > 1:
                    await asyncio.sleep(0.1)
        self.results["extra_watcher_512x512"] = {
            "core_percent": round(float(np.median(found)), 2),
            "core_percent_rounds": sorted(round(f, 2) for f in found),
            "watchers": count,
        }
        await receiver.close()
        await self.api.stop(task)

    async def unwatched(self, count: int, seconds: float) -> None:
        memory = resident_mb(self.pid)
        idle = await self.core(seconds)
        tasks = [await self.create((512, 512)) for _ in range(count)]
        for task, _stream in tasks:
            await self.streaming(task)
        await asyncio.sleep(1.0)
        used = await self.core(seconds)
        self.results["unwatched_512x512"] = {
            "core_percent": round((used - idle) / count, 2),
            "memory_mb": round((resident_mb(self.pid) - memory) / count, 1),
            "tasks": count,
        }
        for task, _stream in tasks:
            await self.api.stop(task)

    def strain(self, before: dict[str, float], after: dict[str, float]) -> tuple[float, float]:
        """Ticks skipped, and the event loop's lag in ms, p99, in between."""
        skipped = after["bunraku_ticks_skipped_total"] - before["bunraku_ticks_skipped_total"]
        return skipped, percentile(before, after, "bunraku_event_loop_lag_ms", 0.99)

    async def core(self, seconds: float) -> float:
        cpu, begin = cpu_seconds(self.pid), time.monotonic()
        await asyncio.sleep(seconds)
        return (cpu_seconds(self.pid) - cpu) / (time.monotonic() - begin) * 100


async def speech(benches: Sequence[Bench], count: int) -> None:
    """From a text to the first voiced sample, and from an interrupt to the last, of each server in turns."""
    stages: list[tuple[Bench, str, Receiver]] = []
    for bench in benches:
        task, stream = await bench.create((512, 512))
        await bench.streaming(task)
        stages.append((bench, task, await bench.watch(stream)))
    first: dict[Bench, list[float]] = {bench: [] for bench in benches}
    silent: dict[Bench, list[float]] = {bench: [] for bench in benches}
    await asyncio.sleep(1.0)
    for _ in range(count):
        for bench, task, receiver in stages:
            receiver.voiced.clear()
            begin = time.monotonic()
            await bench.api.speak(task, TEXT, timbre_id=VOICE)
            async with asyncio.timeout(5):
                await receiver.voiced.wait()
            first[bench].append((receiver.last_voiced - begin) * 1e3)
            await asyncio.sleep(1.0 + secrets.randbelow(200) / 1e3)
            begin = time.monotonic()
            await bench.api.interrupt(task)
            await asyncio.sleep(0.6)
            silent[bench].append(max(0.0, (receiver.last_voiced - begin) * 1e3))
    for bench, task, receiver in stages:
        bench.results["text_to_first_voice_ms"] = spread(first[bench])
        bench.results["interrupt_to_silence_ms"] = spread(silent[bench])
        await receiver.close()
        await bench.api.stop(task)


async def measure(quick: bool, only: str | None = None, part: str | None = None) -> dict[str, Any]:
    discard_video()
    n, seconds = (8, 4.0) if quick else (50, 8.0)
    with tempfile.TemporaryDirectory(prefix="bunraku-bench-") as name:
        folder = Path(name)
        neural = only not in ("density", "drawn") and neural_voices(folder / "data")
        kinds = installed(neural=neural)
        with serving(folder, neural=neural) as (port, secret, pid):
            bench = Bench(port, secret, pid)
            async with bench.api:
                humans = await bench.api.call("GetDigitalHumanList")
                bench.human = humans["DigitalHumans"][0]["DigitalHumanId"]
                # Art is decoded in the background after start-up: let it finish.
                while await bench.core(0.5) > 20:
                    pass
                if only == "density":
                    await bench.density((512, 512), 24, seconds)
                    await bench.density((720, 1280), 16, seconds)
                elif only == "drawn":
                    await drawn.cost(bench, 8, seconds)
                    await drawn.density([bench], 64, 8, seconds)
                    await beside(bench, folder / "beside", seconds)
                elif only == "voices":
                    await bench.first_voices(kinds if part != "density" else [], n)
                else:
                    await bench.starts(n)
                    await speech([bench], n)
                    await bench.first_voices(kinds[1:], n)
                    await bench.skew(seconds)
                    rounds = 1 if quick else 5
                    await bench.cost((512, 512), rounds, seconds)
                    await bench.cost((720, 1280), rounds, seconds)
                    await bench.crowd(8, rounds, seconds)
                    await bench.unwatched(8, seconds)
                    await bench.query(3 if quick else 7, 400 if quick else 1200)
        if only == "voices" and part != "latency":
            bench.results |= await talkers(kinds, seconds, folder / "data")
        return {"machine": machine(), "samples": n, "results": bench.results}


async def beside(bench: Bench, folder: Path, seconds: float) -> None:
    """Streams that are drawn, held by two servers on the same cores."""
    with serving(folder) as (port, secret, pid):
        other = Bench(port, secret, pid)
        other.human = bench.human
        async with other.api:
            while await other.core(0.5) > 20:
                pass
            await drawn.density([bench, other], 96, 16, seconds)


def render(report: dict[str, Any]) -> str:
    """The report as a table."""
    lines: list[str] = []
    for name, figures in report["results"].items():
        values = "  ".join(f"{k} {v}" for k, v in figures.items())
        lines.append(f"{name:<28} {values}")
    return "\n".join(lines)


def main(out: Path, quick: bool, only: str | None = None, part: str | None = None) -> str:
    """Measure, write JSON to ``out``, return the table. A ``part`` joins what ``out`` has of the others."""
    report = asyncio.run(measure(quick, only, part))
    if part and out.exists():
        report["results"] = json.loads(out.read_text())["results"] | report["results"]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    return render(report)
