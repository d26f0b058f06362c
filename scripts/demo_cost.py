"""What the demo costs: start and memory, of this or of another installed version.

    python scripts/demo_cost.py --python .venv/bin/python --data FRESH_FOLDER [--voice en-us-hazel]

Prints JSON: seconds until the page is there, until the voice is listed; MB of all processes (RSS, and PSS, where
what is shared is divided) idle, and while somebody watched speaks with it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import httpx

from bunraku.bench.receiver import Receiver
from bunraku.bench.system import below, memory_mb
from bunraku.client import AsyncClient
from bunraku.core.token import generate

TEXT = "Good morning, and welcome to the theatre. Please take your seats, and mind the step. " * 8


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def memory(pid: int) -> dict[str, float]:
    found = {"rss": 0.0, "pss": 0.0, "processes": 0}
    for one in (pid, *below(pid)):
        with suppress(OSError, KeyError):
            told = memory_mb(one)
            found["rss"] += told["rss"]
            found["pss"] += told["pss"]
            found["processes"] += 1
    return {key: round(value) for key, value in found.items()}


async def until(wanted, seconds: float, pause: float = 0.1) -> float:
    begin = time.monotonic()
    while True:
        with suppress(httpx.HTTPError, OSError):
            if await wanted():
                return round(time.monotonic() - begin, 2)
        if time.monotonic() - begin > seconds:
            raise TimeoutError
        await asyncio.sleep(pause)


async def measure(python: str, data: Path, voice: str, patience: float) -> dict:
    port, environment = free_port(), {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [python, "-m", "bunraku", "demo", "--port", str(port), "--data-dir", str(data)]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(  # noqa: ASYNC220
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as demo:
        try:
            begin = time.monotonic()
            async with httpx.AsyncClient(trust_env=False) as http:

                async def page():
                    return (await http.get(f"{address}/", follow_redirects=True)).status_code == 200

                found: dict = {"page_s": await until(page, 60)}
            told = json.loads((data / "demo.json").read_text())
            async with AsyncClient(address, told["app_id"], told["server_secret"]) as api:

                async def listed():
                    return voice in [t["TimbreId"] for t in (await api.call("GetTimbreList"))["Timbres"]]

                await until(listed, patience, 1.0)
                found["voice_s"] = round(time.monotonic() - begin, 2)
                await asyncio.sleep(10)
                found["idle_mb"] = memory(demo.pid)
                human = (await api.call("GetDigitalHumanList"))["DigitalHumans"][0]["DigitalHumanId"]
                task = await api.create(human, room_id="cost", stream_id="cost", size=(512, 512))
                await until(lambda: streaming(api, task), 20, 0.5)
                receiver = Receiver()
                token = generate(told["app_id"], secrets.token_hex(4), told["server_secret"], time.time())
                await receiver.play(f"{address}/whep/{told['app_id']}/cost", token)
                await asyncio.sleep(2)
                await api.speak(task, TEXT, timbre_id=voice)
                await asyncio.sleep(8)
                found["speaking_mb"] = memory(demo.pid)
                await receiver.close()
        finally:
            demo.terminate()
    return found


async def streaming(api: AsyncClient, task: str) -> bool:
    return (await api.status(task))["Status"] == 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--voice", default="en-us-hazel")
    parser.add_argument("--patience", type=float, default=280.0)
    asked = parser.parse_args()
    print(json.dumps(asyncio.run(measure(asked.python, asked.data, asked.voice, asked.patience))))


if __name__ == "__main__":
    main()
