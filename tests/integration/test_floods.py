"""Bytes that are dear to parse, poured into a real server by another process: what a watcher of a
running stream notices of it. Lateness is taken where it counts, at the packets of sound that arrive.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import httpx
import numpy as np
import pytest

from bunraku.bench.receiver import Receiver, discard_video
from bunraku.client import query
from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, SECRET

from ..support.process import Process
from ..support.services import free_port
from .attacks import ALL

SECONDS = float(os.environ.get("FLOOD_SECONDS", "2"))
SKIPPED = 4  # ticks; what one of two shared cores may do to us by itself


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    udp = free_port()
    p = Process(tmp_path_factory.mktemp("floods"), free_port(), f"[rtc]\nport = {udp}")
    p.udp = udp
    yield p
    p.end(signal.SIGTERM)


def skipped(port):
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    line = next(x for x in text.splitlines() if x.startswith("bunraku_ticks_skipped_total"))
    return int(float(line.split()[1]))


def lateness(arrived):
    """Milliseconds by which each packet came later than the most punctual one."""
    times = np.array([t for t, _ in arrived])
    stamps = np.array([s for _, s in arrived], np.int64)
    offset = times - (stamps - stamps[0]) / 48000
    return (offset - np.percentile(offset, 1)) * 1e3


@pytest.mark.parametrize("name", ALL)
async def test_a_flood_delays_no_stream(process, name):
    discard_video()
    port = process.port
    with process.api() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id=f"s-{name}".replace("_", "-"), size=(256, 256))
        while api.status(task)["Status"] != 3:
            await asyncio.sleep(0.02)
        drive = api.call("DriveByWsStream", TaskId=task)["WssAddress"]
        receiver = Receiver()
        token = generate(APP_ID, "watcher", SECRET, time.time())
        place = f"/whep/{APP_ID}/s-{name}".replace("_", "-")
        await receiver.play(f"http://127.0.0.1:{port}{place}", token)
        peer = re.search("a=ice-ufrag:(.+?)\r?\n", receiver.connection.remoteDescription.sdp)[1]
        while not receiver.last_frame:
            await asyncio.sleep(0.02)
        await asyncio.sleep(1.0)
        receiver.arrived["audio"].clear()
        before = skipped(port)
        attacker = await asyncio.create_subprocess_exec(
            *(
                "nice",
                sys.executable,
                str(Path(__file__).with_name("attacks.py")),
                name,
                str(port),
                str(SECONDS),
            ),
            env=os.environ
            | {
                "DRIVE": drive[drive.index("/ws") :],
                "TOKEN": generate(APP_ID, "another", SECRET, time.time()),
                "WHEP": place,
                "FORM": "/?" + urlencode(query("CreateDigitalHuman", APP_ID, SECRET)),
                "UDP": str(process.udp),
                "UFRAG": peer,
            },
            stdout=subprocess.PIPE,
        )
        said, _ = await attacker.communicate()
        late = lateness(receiver.arrived["audio"])
        lost = skipped(port) - before
        print(
            f"\n{name}: {int(said) >> 10} KiB sent, {lost} ticks skipped, "
            f"lateness p50 {np.percentile(late, 50):.1f} p99 {np.percentile(late, 99):.1f} max {late.max():.1f} ms"
        )
        await receiver.close()
        api.stop(task)
    assert attacker.returncode == 0
    assert lost <= SKIPPED
