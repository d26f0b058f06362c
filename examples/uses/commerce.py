"""A live shop: a script of products in a loop, and questions of viewers, which come between two of them.

Questions are lines on standard input, from whatever watches a chat; one that begins with ``!`` is urgent
and cuts the script short. The script is a JSON list of ``{"name", "pitch"}``.

    BUNRAKU_URL=... BUNRAKU_APP_ID=... BUNRAKU_SERVER_SECRET=... python commerce.py products.json
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from bunraku.client import AsyncClient
from bunraku.perform import PerformanceHandle

WAITING = 50  # questions; the oldest go first, and what is too many is not answered


class Show:
    """What is said next: urgent questions, then others, then the script."""

    def __init__(self, host: PerformanceHandle, products: list[dict[str, str]]) -> None:
        self._host, self._products = host, products
        self._questions: asyncio.Queue[str] = asyncio.Queue(WAITING)
        self.over = False

    async def ask(self, line: str) -> None:
        urgent = line.startswith("!")
        if not self._questions.full():
            self._questions.put_nowait(line.lstrip("!").strip())
        if urgent:
            await self._host.interrupt()

    async def run(self) -> None:
        turn = 0
        while not turn or not (self.over and self._questions.empty()):
            if not self._questions.empty():
                await self._host.say(f"Somebody asks: {self._questions.get_nowait()}")
                continue
            product = self._products[turn % len(self._products)]
            said = await self._host.say(product["pitch"])
            print(f"{product['name']}: {'cut short' if said.interrupted else 'said'}", flush=True)
            if not said.interrupted:  # what was cut short is told again
                turn += 1


async def main() -> None:
    env = os.environ
    products = json.loads(await asyncio.to_thread(Path(sys.argv[1]).read_text))
    async with (
        AsyncClient(env["BUNRAKU_URL"], int(env["BUNRAKU_APP_ID"]), env["BUNRAKU_SERVER_SECRET"]) as api,
        api.perform(
            env.get("BUNRAKU_HUMAN", "6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11"),
            room_id="shop",
            stream_id="shop",
            timbre_id=env.get("BUNRAKU_TIMBRE", "en-us-grace"),
        ) as host,
    ):
        show = Show(host, products)
        running = asyncio.create_task(show.run())
        while line := await asyncio.to_thread(sys.stdin.readline):
            await show.ask(line.strip())
        show.over = True
        await running


if __name__ == "__main__":
    asyncio.run(main())
