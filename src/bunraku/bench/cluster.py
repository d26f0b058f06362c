"""``bunraku bench cluster``: a front and two nodes on this machine beside a server in one process.

Both run at the same time and are asked in turns by one client, so that what disturbs one disturbs
the other. ``bench.simulation`` is for sizes that nobody has at hand.
"""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from bunraku.bench.postgresql import throwaway
from bunraku.bench.receiver import discard_video
from bunraku.bench.run import Bench, render, speech
from bunraku.bench.serving import serving
from bunraku.bench.simulation import Scale, simulate
from bunraku.bench.system import descendants, machine, memory_mb, resident_mb, spread

NODES = 2
ACTOR = "ray::NodeActor"  # how Ray names a node's process


async def _took(call: Awaitable[Any]) -> float:
    begin = time.monotonic()
    await call
    return (time.monotonic() - begin) * 1e3


async def calls(one: Bench, many: Bench, count: int) -> dict[str, dict[str, float]]:
    """What Ray adds to a call that a node answers: a list without the database, and an interrupt, for
    which the front first looks up the task's node."""
    tasks: dict[Bench, str] = {}
    for bench in (one, many):
        tasks[bench], _ = await bench.create((256, 256))
        await bench.streaming(tasks[bench])
    asks: dict[str, Callable[[Bench], Awaitable[Any]]] = {
        "timbres": lambda b: b.api.call("GetTimbreList"),
        "interrupt": lambda b: b.api.interrupt(tasks[b]),
    }
    found: dict[str, dict[str, float]] = {}
    for name, ask in asks.items():
        took: dict[Bench, list[float]] = {one: [], many: []}
        for n in range(count + 5):
            for bench in (one, many):
                spent = await _took(ask(bench))
                if n >= 5:  # connections are there by now
                    took[bench].append(spent)
        alone, there = spread(took[one]), spread(took[many])
        found[f"cluster_added_{name}_ms"] = {
            "p50": round(there["p50"] - alone["p50"], 1),
            "p95": round(there["p95"] - alone["p95"], 1),
            "embedded_p50": alone["p50"],
            "embedded_p95": alone["p95"],
            "n": count,
        }
    for bench, task in tasks.items():
        await bench.api.stop(task)
    return found


def memory(one: Bench, many: Bench) -> dict[str, Any]:
    """MB. ``further`` is what the fuller of the nodes has for itself and its share of what they share."""
    nodes = [memory_mb(pid) for pid in descendants(many.pid, ACTOR)]
    if len(nodes) != NODES:
        raise RuntimeError(f"{len(nodes)} processes of nodes found")
    return {
        "further": max(n["pss"] for n in nodes),
        "private": max(n["private"] for n in nodes),
        "rss": max(n["rss"] for n in nodes),
        "front_rss": round(resident_mb(many.pid), 1),
        "embedded_rss": round(resident_mb(one.pid), 1),
    }


async def measure(quick: bool, url: str, only: str | None = None) -> dict[str, Any]:
    """A front and nodes on the database at ``url``, and a server in one process on SQLite. ``only``:
    ``latency``, with memory, or ``density``."""
    discard_video()
    n, seconds, first, streams = (12, 3.0, 1, 3) if quick else (50, 4.0, 6, 24)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bunraku-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        one = Bench(*stack.enter_context(serving(folder / "one")))
        top = f'database_url = "{url}"'
        many = Bench(*stack.enter_context(serving(folder / "many", top, "--nodes", str(NODES))))
        async with one.api, many.api:
            for bench in (one, many):
                humans = await bench.api.call("GetDigitalHumanList")
                bench.human = humans["DigitalHumans"][0]["DigitalHumanId"]
            await asyncio.sleep(5.0)  # art is decoded in the background after start-up
            if only != "density":
                results |= await _latency(one, many, n)
            if only != "latency":
                results |= await _density(one, many, first, streams, seconds)
    return results


async def _latency(one: Bench, many: Bench, n: int) -> dict[str, Any]:
    results: dict[str, Any] = {"cluster_memory_mb": memory(one, many)}
    results |= await calls(one, many, 4 * n)
    await many.starts(n)
    await speech([one, many], n)
    for figure in ("create_to_streaming_ms", "text_to_first_voice_ms"):
        results[f"cluster_{figure}"] = many.results[figure]
    alone = one.results["text_to_first_voice_ms"]
    results["cluster_text_to_first_voice_ms"] |= {"embedded_p50": alone["p50"], "embedded_p95": alone["p95"]}
    return results


async def _density(one: Bench, many: Bench, first: int, most: int, seconds: float) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for kind, bench in (("1_process", one), (f"{NODES}_nodes", many)):
        await bench.density((512, 512), most, seconds, first)
        results |= {
            key.replace("density_512x512", f"cluster_density_{kind}"): value
            for key, value in bench.results.items()
            if key.startswith("density_512x512")
        }
    return results


def simulated(url: str, scale: Scale, say: Callable[[str], None]) -> dict[str, Any]:
    """The figures of ``bench.simulation``, which begins with an empty database."""
    quiet, before = logging.getLogger("bunraku"), logging.getLogger("bunraku").level
    quiet.setLevel(logging.CRITICAL)  # lost nodes are what it is about
    try:
        found = asyncio.run(simulate(url, scale, say))
    finally:
        quiet.setLevel(before)
    query, alone = found["query_same_ms"], found["query_alone_ms"]
    found["query_flat"] = {"ratio": round(float(np.divide(query["p50"], alone["p50"])), 2)}
    return {f"simulated_{name}": figures for name, figures in found.items()}


def main(
    out: Path,
    quick: bool,
    database_url: str | None,
    scale: Scale | None,
    say: Callable[[str], None],
    only: str | None = None,
) -> str:
    """Measure two nodes here, ``only`` a part of it, or with a ``scale`` pretend many; write JSON to
    ``out``, whose other figures stay; return the table. ``database_url`` names an empty PostgreSQL; one
    of its own is started without. Raises ``bench.postgresql.NoServer``."""
    with ExitStack() as stack:
        url = database_url or stack.enter_context(throwaway()).url
        found = asyncio.run(measure(quick, url, only)) if scale is None else simulated(url, scale, say)
    report: dict[str, Any] = {"machine": machine(), "results": {}}
    if out.exists():
        report["results"] = json.loads(out.read_text())["results"]
    report["results"] |= found
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    return render({"results": found})
