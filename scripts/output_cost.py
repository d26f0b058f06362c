"""CPU of one more output of each kind, in percent of a core, beside one more watcher: a real server with one
watched, talking stream of 512 x 512, its workers counted in. ``python scripts/output_cost.py [ROUNDS [SECONDS]]``: seconds of each measurement.

RTMP goes to Debian's nginx (left out without libnginx-mod-rtmp), WHIP to another server of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from tests.support import nginx

from bunraku.bench.receiver import discard_video
from bunraku.bench.run import TEXT, VOICE, Bench
from bunraku.bench.serving import APP_ID, serving
from bunraku.bench.system import below, cpu_seconds, machine
from bunraku.core.token import generate

WATCHERS = 8
TOP = '[outputs]\nprivate_targets = ["127.0.0.1"]\n'


def whole(pid: int) -> dict[int, float]:
    """CPU seconds of the server and of each process below it."""
    found: dict[int, float] = {}
    for each in (pid, *below(pid)):
        with contextlib.suppress(OSError):  # it has just ended
            found[each] = cpu_seconds(each)
    return found


async def core(pid: int, seconds: float) -> float:
    """Percent of a core; of what began or ended meanwhile, nothing."""
    before, begin = whole(pid), time.monotonic()
    await asyncio.sleep(seconds)
    after = whole(pid)
    return sum(after[p] - before[p] for p in after if p in before) / (time.monotonic() - begin) * 100


async def measure(rounds: int, seconds: float, rtmp: str | None) -> dict[str, list[float]]:
    discard_video()
    found: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="bunraku-bench-") as name,
        serving(Path(name) / "target") as (port, secret, _),
        serving(Path(name) / "server", TOP) as (own, own_secret, pid),
    ):
        rights = {"room_id": "r", "privilege": {"1": 1, "2": 1}, "stream_id_list": ["pushed"]}
        token = generate(APP_ID, "pusher", secret, time.time(), 3600, json.dumps(rights))
        whip = {
            "Protocol": "whip",
            "Url": f"http://127.0.0.1:{port}/whip/{APP_ID}/r/pushed",
            "BearerToken": token,
        }
        kinds: dict[str, list[dict[str, Any]]] = {
            "file": [{"Protocol": "file"}],
            "file, where AAC is made already": [{"Protocol": "file"}, {"Protocol": "file"}],
            "hls": [{"Protocol": "hls"}],
            "images": [{"Protocol": "images"}],
            "whip": [whip],
        }
        if rtmp is not None:
            kinds["rtmp"] = [{"Protocol": "rtmp", "Url": f"{rtmp}/key"}]
        bench = Bench(own, own_secret, pid)
        async with bench.api:
            humans = await bench.api.call("GetDigitalHumanList")
            bench.human = humans["DigitalHumans"][0]["DigitalHumanId"]
            while await bench.core(0.5) > 20:  # art is decoded in the background after start-up
                pass
            task, stream = await bench.create((512, 512))
            await bench.streaming(task)
            receiver = await bench.watch(stream)

            async def listed() -> list[dict[str, Any]]:
                return (await bench.api.call("QueryStreamOutputs", TaskId=task))["Outputs"]

            async def steady(status: str, ids: list[str]) -> None:
                async with asyncio.timeout(30):
                    while any(o["Status"] != status for o in await listed() if o["OutputId"] in ids):
                        await asyncio.sleep(0.1)
                await asyncio.sleep(0.5)

            async def talk() -> float:
                await bench.api.speak(task, TEXT * 3, timbre_id=VOICE, interrupt=True)
                await asyncio.sleep(1.0)
                return await core(pid, seconds)

            for _ in range(rounds):
                for kind, orders in kinds.items():
                    ids: list[str] = []
                    alone = await talk() if len(orders) == 1 else 0.0
                    for order in orders:
                        if order is orders[-1] and len(orders) > 1:
                            alone = await talk()
                        added = await bench.api.call("AddStreamOutput", TaskId=task, Output=order)
                        ids.append(added["OutputId"])
                        await steady("ACTIVE", ids)
                    found.setdefault(kind, []).append(await talk() - alone)
                    print(f"{kind}: {found[kind][-1]:.1f} beside {alone:.1f}", file=sys.stderr)
                    for each in ids:
                        await bench.api.call("RemoveStreamOutput", TaskId=task, OutputId=each)
                    await steady("COMPLETE", ids)
                alone = await talk()
                crowd = await bench.watchers(stream, WATCHERS)
                found.setdefault("watcher", []).append((await talk() - alone) / WATCHERS)
                await bench.dismiss(crowd)
                await asyncio.sleep(2.0)
            await receiver.close()
    return found


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 6.0
    with contextlib.ExitStack() as stack:
        rtmp = stack.enter_context(nginx.rtmp_server()) if nginx.installed() else None
        found = asyncio.run(measure(rounds, seconds, rtmp))
    print(machine())
    for kind, figures in found.items():
        spread = ", ".join(f"{f:.1f}" for f in sorted(figures))
        print(f"{kind:<34} {np.median(figures):5.2f} % of a core ({spread})")


if __name__ == "__main__":
    main()
