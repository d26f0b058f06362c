"""``python -m bunraku.bench.crowd URL TOKEN COUNT [AUTHORITY]``: watchers that discard, until stdin closes.

``AUTHORITY``: a PEM file of whom an https server is trusted for. Without arguments each line of stdin is
``URL TOKEN COUNT``, answered when they are connected, and sound is not even read.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

from bunraku.bench.receiver import Receiver, discard_all, discard_sound


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


async def _play(url: str, token: str, count: int, trust: ssl.SSLContext | bool) -> list[Receiver]:
    receivers = [Receiver() for _ in range(count)]
    for receiver in receivers:
        await receiver.play(url, token, trust=trust)
    _ready()
    return receivers


async def main(url: str, token: str, count: int, trust: ssl.SSLContext | bool) -> None:
    discard_all()
    receivers = await _play(url, token, count, trust)
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*(r.close() for r in receivers))


async def light() -> None:
    discard_all()
    discard_sound()
    receivers: list[Receiver] = []
    while line := await asyncio.to_thread(sys.stdin.readline):
        url, token, count = line.split()
        receivers += await _play(url, token, int(count), True)
    await asyncio.gather(*(r.close() for r in receivers))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        asyncio.run(light())
    else:
        context = ssl.create_default_context(cafile=sys.argv[4]) if len(sys.argv) > 4 else True
        asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), context))
