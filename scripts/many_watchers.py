"""What hundreds of connected watchers of one stream cost the server: ``many_watchers.py [COUNT] [SECONDS]``.

All but one are deaf: they shake hands and say every five seconds that they are there, as any browser does, but
nobody reads their sockets, so that the kernel drops what comes and the cores are the server's. One listens, and
tells how late sound comes to it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aioice.ice
import httpx

from bunraku.bench.receiver import Receiver, discard_all
from bunraku.client import Client
from bunraku.core.token import generate
from bunraku.process import bind

APP_ID, SECRET = 12345, "9193cc662a4c0ec135ec71fb57194b38"
TEXT = "This is said again and again, so that there is something to see and to hear. " * 12
TICKS = os.sysconf("SC_CLK_TCK")


def used(pid: int) -> tuple[float, int]:
    """Seconds of CPU, and resident kB."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return (int(stat[11]) + int(stat[12])) / TICKS, int(found[1]) if found else 0


def deafen(receiver: Receiver) -> None:
    for transceiver in receiver.connection.getTransceivers():
        ice: Any = transceiver.receiver.transport.transport._connection  # noqa: SLF001 - aiortc's
        for protocol in ice._protocols:  # noqa: SLF001 - aioice's
            protocol.transport._loop._remove_reader(protocol.transport._sock_fd)  # noqa: SLF001 - asyncio's


def histogram(text: str, name: str) -> dict[float, float]:
    found = re.findall(rf'^bunraku_{name}_bucket{{le="([^"]+)",[^}}]*}} (\S+)$', text, re.M)
    found += re.findall(rf'^bunraku_{name}_bucket{{node="[^"]*",le="([^"]+)"}} (\S+)$', text, re.M)
    return {float(bound): float(count) for bound, count in found}


def below(before: dict[float, float], after: dict[float, float], share: float) -> float:
    """The bound that this share of what was observed between is not above."""
    counts = {b: after[b] - before.get(b, 0) for b in after}
    total = max(counts.values(), default=0)
    return next((b for b, c in sorted(counts.items()) if c >= total * share), float("inf"))


async def main(count: int, seconds: float) -> None:
    aioice.ice.CONSENT_FAILURES = 10**9
    discard_all()
    folder = Path(tempfile.mkdtemp(prefix="bunraku-watchers-"))
    (listening,) = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    listening.close()
    (folder / "bunraku.toml").write_text(
        f'[[apps]]\napp_id = {APP_ID}\nserver_secret = "{SECRET}"\n[limits]\ncalls_per_second = 0\n'
        f"address_calls_per_second = 0\n[rtc]\nmax_watchers = {count + 10}\nwatcher_timeout = 60\n"
    )
    command = [sys.executable, "-m", "bunraku", "serve", "--port", str(port), "--log-level", "warning"]
    command += ["--config", str(folder / "bunraku.toml"), "--data-dir", str(folder / "data")]
    server = await asyncio.create_subprocess_exec(*command)
    base = f"http://127.0.0.1:{port}"
    http = httpx.AsyncClient(base_url=base)
    try:
        while True:
            try:
                if (await http.get("/readyz")).status_code == 200:
                    break
            except httpx.TransportError:
                await asyncio.sleep(0.1)
        api = Client(base, APP_ID, SECRET)
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="s", size=(512, 512))
        while api.status(task)["Status"] != 3:
            await asyncio.sleep(0.05)
        token = generate(APP_ID, "watcher", SECRET, time.time())
        url = f"{base}/whep/{APP_ID}/s"
        ear, deaf = Receiver(), list[Receiver]()
        await ear.play(url, token)
        for target in sorted({1, count // 3, count}):
            while len(deaf) < target - 1:
                deaf.append(Receiver())
                await deaf[-1].play(url, token)
                while deaf[-1].connection.connectionState != "connected":
                    await asyncio.sleep(0.005)
                deafen(deaf[-1])
            api.speak(task, TEXT, timbre_id="en-us-ava", interrupt=True)
            await asyncio.sleep(3)
            first, metrics = len(ear.arrived["audio"]), (await http.get("/metrics")).text
            (cpu, _), begun = used(server.pid), time.monotonic()
            await asyncio.sleep(seconds)
            (cpu_now, rss), took = used(server.pid), time.monotonic() - begun
            now = (await http.get("/metrics")).text
            came = ear.arrived["audio"][first:]
            late = sorted(t - came[0][0] - ((s - came[0][1]) & 0xFFFFFFFF) / 48000 for t, s in came)
            late = [x - late[0] for x in late]
            steps = [(b[1] - a[1]) & 0xFFFFFFFF for a, b in itertools.pairwise(came)]
            watchers = re.search(r"^bunraku_watchers{[^}]*} (\S+)$", now, re.M)
            shed = re.search(r"^bunraku_frames_late_total{[^}]*} (\S+)$", now, re.M)
            lag = [
                below(histogram(metrics, "event_loop_lag_ms"), histogram(now, "event_loop_lag_ms"), p)
                for p in (0.5, 0.99)
            ]
            print(
                f"watchers {watchers[1] if watchers else '?'}: CPU {100 * (cpu_now - cpu) / took:.0f} % of a core, "
                f"{rss / 1024:.0f} MB; sound late by ms: median {1e3 * late[len(late) // 2]:.1f}, "
                f"99 % {1e3 * late[int(len(late) * 0.99)]:.1f}, most {1e3 * late[-1]:.1f}; "
                f"packets {len(came)} of {round(took * 50)}, missing {sum(s != 960 for s in steps)}; "
                f"pictures late since the start {shed[1] if shed else '?'}; "
                f"loop late ms <= {lag[0]:g}, 99 % <= {lag[1]:g}; load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
    finally:
        server.send_signal(signal.SIGTERM)
        await server.wait()


if __name__ == "__main__":
    asyncio.run(main(*(int(a) for a in sys.argv[1:3]))) if len(sys.argv) > 2 else asyncio.run(main(300, 20))
