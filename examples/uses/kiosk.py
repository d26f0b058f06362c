"""A kiosk: keeps a digital human alive for ever, and greets whoever a sensor reports.

Each line on standard input is a visitor. The screen shows the share page of room and stream ``kiosk``; they
stay the same when the task is brought to life again.

    BUNRAKU_URL=... BUNRAKU_APP_ID=... BUNRAKU_SERVER_SECRET=... python kiosk.py
"""

from __future__ import annotations

import asyncio
import os
import sys

import httpx

from bunraku.client import AsyncClient
from bunraku.core.errors import ApiError

GREETING = os.environ.get("KIOSK_GREETING", "Welcome! How may I help you?")
AGAIN = 2.0  # s until the figure is brought to life again


async def visitors(queue: asyncio.Queue[str]) -> None:
    """Only the newest matters: who has gone is not greeted."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(line)
    queue.put_nowait("")


async def serve(api: AsyncClient, queue: asyncio.Queue[str]) -> bool:
    """Until the stream ends; False when there will be no more visitors."""
    env = os.environ
    async with api.perform(
        env.get("BUNRAKU_HUMAN", "6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11"),
        room_id="kiosk",
        stream_id="kiosk",
        timbre_id=env.get("BUNRAKU_TIMBRE", "en-us-grace"),
    ) as figure:
        print("room kiosk, stream kiosk", flush=True)
        while await queue.get():
            await figure.gesture("wave")
            said = await figure.say(GREETING)
            print(f"greeted: {said.spoken_text}", flush=True)
    return False


async def main() -> None:
    env = os.environ
    queue: asyncio.Queue[str] = asyncio.Queue()
    watching = asyncio.create_task(visitors(queue))
    async with AsyncClient(
        env["BUNRAKU_URL"], int(env["BUNRAKU_APP_ID"]), env["BUNRAKU_SERVER_SECRET"]
    ) as api:
        while True:
            try:
                if not await serve(api, queue):
                    break
            except (ApiError, httpx.HTTPError) as error:
                print(f"again in {AGAIN} s: {error}", flush=True)
                await asyncio.sleep(AGAIN)
    await watching


if __name__ == "__main__":
    asyncio.run(main())
