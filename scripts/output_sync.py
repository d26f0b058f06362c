"""Ten minutes of a stream that flashes and sounds once a second, published over RTMP to Debian's nginx and
played from there: how far apart sound and picture are at the start, in the middle and at the end.

``python scripts/output_sync.py [--minutes 10] [--speed 1.05]``; needs libnginx-mod-rtmp. Loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import numpy as np
from tests.support import nginx
from tests.support.flashing import Flashing, marks, stream

from bunraku.core.clock import SystemClock
from bunraku.core.output import OutputOrder, OutputStatus, Protocol
from bunraku.core.settings import OutputSettings
from bunraku.core.urls import Guard
from bunraku.node.outputs.base import Means
from bunraku.node.outputs.outputs import OutputMeans, Outputs
from bunraku.node.outputs.storage import Storage
from bunraku.node.workers.pool import Workers

WINDOW = 9.0  # s of stream that are looked at
MOST = 0.04  # s


def offsets(url: str) -> list[float]:
    """Seconds by which each tone is later than its flash."""
    flashes, tones = marks(url, seconds=WINDOW, timeout=20.0)
    if len(flashes) < 5:
        raise RuntimeError(f"{len(flashes)} flashes seen")
    return [min((t - f for t in tones), key=abs) for f in flashes if tones]


async def play(minutes: float, speed: float) -> bool:
    workers, executor = Workers(), ThreadPoolExecutor(1)
    told: list[str] = []
    with tempfile.TemporaryDirectory() as folder, nginx.rtmp_server() as url:
        storage = Storage(OutputSettings(), Path(folder))
        means = Means(workers, storage, SystemClock(), Guard(listed=("127.0.0.1",)), 15.0)
        to = stream()
        outputs = Outputs(
            1, "task", to, OutputMeans(means, executor, 30.0, 8.0), lambda o, _: told.append(o.status.value)
        )
        outputs.start()
        outputs.add([OutputOrder(Protocol.RTMP, url=f"{url}/key")])
        flashing, begin = Flashing(to), time.monotonic()
        while outputs.records[0].status is not OutputStatus.ACTIVE:
            await flashing.play(0.2, speed=speed)
        worst = 0.0
        for part in (0.0, 0.5, 1.0):
            until = round(part * minutes * 60 * 25)
            while flashing.tick < until:
                await flashing.play(min(2.0, (until - flashing.tick) / 25 + 0.04), speed=speed)
            at = flashing.tick / 25
            looking = asyncio.create_task(asyncio.to_thread(offsets, f"{url}/key"))
            while not looking.done():
                await flashing.play(0.2, speed=speed)
            found = looking.result()
            worst = max(worst, *map(abs, found))
            print(
                f"at {at:6.1f} s: {len(found)} flashes, the tone later by {np.median(found) * 1e3:+.1f} ms "
                f"({min(found) * 1e3:+.1f} to {max(found) * 1e3:+.1f})",
                flush=True,
            )
        await outputs.close()
    await workers.close()
    executor.shutdown()
    used = sum(
        u.ru_utime + u.ru_stime
        for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    print(
        f"{flashing.tick / 25:.0f} s of stream in {time.monotonic() - begin:.0f} s, {used:.0f} s of CPU; "
        f"states {' '.join(told)}; worst {worst * 1e3:.1f} ms"
    )
    return worst <= MOST and told[-1] == OutputStatus.COMPLETE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--speed", type=float, default=1.0)
    given = parser.parse_args()
    av.logging.set_level(None)
    sys.exit(0 if asyncio.run(play(given.minutes, given.speed)) else 1)


if __name__ == "__main__":
    main()
