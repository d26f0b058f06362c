"""What a drawn, talking stream costs, of several versions of the code at the same time:

    python scripts/drawn_cost.py [--streams 1] [--seconds 20] [--rounds 3] [--decode] SRC [SRC ...]

A server of each ``src`` folder with so many 720x1280 streams, each with a light watcher that draws nothing. All run
beside each other, so that what else the machine does falls on all alike. Of each round, for the thread of the event
loop: its CPU time in % of a core, by the scheduler's own clock, and how often a second it was woken. With ``--decode``
the watchers decode their sound, on the same cores, as those of ``bunraku bench drawn`` that cost is measured with.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

from bunraku.bench.drawn import SIZE, TEXT, VOICE, LightCrowd
from bunraku.bench.run import Bench, serving


@contextmanager
def source(path: str):
    """Servers that are started within are of this code."""
    former = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(path).resolve())
    try:
        yield
    finally:
        if former is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = former


def used(pid: int) -> tuple[float, float, int]:
    """Seconds of CPU of the process, and of its main thread; how often that waited."""
    spent = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        spent += int((task / "schedstat").read_text().split()[0]) / 1e9
    main = Path(f"/proc/{pid}/task/{pid}")
    waits = next(
        int(line.split()[1])
        for line in (main / "status").read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    )
    return spent, int((main / "schedstat").read_text().split()[0]) / 1e9, waits


async def main(sources: list[str], streams: int, seconds: float, rounds: int, decode: bool) -> None:
    with ExitStack() as servers, tempfile.TemporaryDirectory() as name:
        benches: list[Bench] = []
        for i, path in enumerate(sources):
            with source(path):
                benches.append(Bench(*servers.enter_context(serving(Path(name) / str(i)))))
        async with AsyncExitStack() as clients:
            crowds: list[LightCrowd] = []
            tasks: list[tuple[Bench, str]] = []
            for bench in benches:
                await clients.enter_async_context(bench.api)
                bench.human = (await bench.api.call("GetDigitalHumanList"))["DigitalHumans"][0][
                    "DigitalHumanId"
                ]
                while await bench.core(0.5) > 20:
                    pass
            for bench in benches:
                if not decode:
                    crowds.append(await LightCrowd.open())
                for _ in range(streams):
                    task, stream = await bench.create(SIZE)
                    await bench.streaming(task)
                    if decode:
                        clients.push_async_callback((await bench.watch(stream, draw=True)).close)
                    else:
                        await crowds[-1].watch(bench.address(stream, draw=True), bench.token())
                    tasks.append((bench, task))
            found: dict[str, list[float]] = {path: [] for path in sources}
            for _ in range(rounds):
                for bench, task in tasks:
                    await bench.api.speak(task, TEXT, timbre_id=VOICE, interrupt=True)
                await asyncio.sleep(4)
                before, begin = [used(bench.pid) for bench in benches], time.monotonic()
                await asyncio.sleep(seconds)
                wall = time.monotonic() - begin
                for path, bench, old in zip(sources, benches, before, strict=True):
                    all_, loop, waits = (b - a for a, b in zip(old, used(bench.pid), strict=True))
                    found[path].append(100 * loop / wall)
                    sys.stdout.write(
                        f"{path}: process {100 * all_ / wall:.2f} %, loop {100 * loop / wall:.2f} %,"
                        f" woken {waits / wall:.1f} a second\n"
                    )
                    sys.stdout.flush()
            for path in sources:
                sys.stdout.write(
                    f"{path}: loop {statistics.median(found[path]):.2f} % of a core in the median\n"
                )
            for crowd in crowds:
                await crowd.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--decode", action="store_true")
    given = parser.parse_args()
    asyncio.run(main(given.sources, given.streams, given.seconds, given.rounds, given.decode))
