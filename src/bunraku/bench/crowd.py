"""``python -m bunraku.bench.crowd URL TOKEN COUNT``: watchers that discard, until stdin closes."""

from __future__ import annotations

import asyncio
import sys

from bunraku.bench.receiver import Receiver, discard_all


async def main(url: str, token: str, count: int) -> None:
    discard_all()
    receivers = [Receiver() for _ in range(count)]
    for receiver in receivers:
        await receiver.play(url, token)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*(r.close() for r in receivers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
