"""Simli's newest client by itself: speaks a WAV, is cut short, leaves; run with that client on the path."""

from __future__ import annotations

import asyncio
import json
import sys
import wave

import numpy as np
from simli import SimliClient, SimliConfig
from simli.simli import SimliEvent


async def run(order: dict) -> dict:
    client = SimliClient(order["key"], SimliConfig(faceId=order["face"]), simliURL=order["url"])
    said: list[str] = []
    await client.start()
    for event in (SimliEvent.SPEAK, SimliEvent.SILENT, SimliEvent.ACK):

        async def note(event: SimliEvent = event) -> None:
            said.append(str(event))

        client.registerEventCallback(event, note)
    await client.sendSilence()
    pictures, loud = [0], [0]

    async def look() -> None:
        async for _ in client.getVideoStreamIterator():
            pictures[0] += 1

    async def hear() -> None:
        async for frame in client.getAudioStreamIterator(16000):
            loud[0] += bool(np.abs(frame.to_ndarray()).max() > 500)

    jobs = [asyncio.create_task(look()), asyncio.create_task(hear())]
    with wave.open(order["wav"], "rb") as w:
        samples = np.frombuffer(w.readframes(w.getnframes()), "<i2")
    await client.send(samples[: len(samples) // 3 * 3].reshape(-1, 3)[:, :2].reshape(-1).tobytes())
    await asyncio.sleep(2)
    before = loud[0]
    await client.clearBuffer()
    await asyncio.sleep(0.7)
    after = loud[0]
    await asyncio.sleep(1)
    found = {"pictures": pictures[0], "loud": before, "late": loud[0] - after, "said": said}
    await client.stop()
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    return found


if __name__ == "__main__":
    print("RESULT", json.dumps(asyncio.run(run(json.load(sys.stdin)))), flush=True)
