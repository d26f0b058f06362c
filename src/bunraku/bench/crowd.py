"""``python -m bunraku.bench.crowd URL TOKEN COUNT [AUTHORITY]``: watchers that discard, until stdin closes.

``AUTHORITY``: a PEM file of whom an https server is trusted for.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

from bunraku.bench.receiver import Receiver, discard_all


async def main(url: str, token: str, count: int, trust: ssl.SSLContext | bool) -> None:
    discard_all()
    receivers = [Receiver() for _ in range(count)]
    for receiver in receivers:
        await receiver.play(url, token, trust=trust)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*(r.close() for r in receivers))


if __name__ == "__main__":
    context = ssl.create_default_context(cafile=sys.argv[4]) if len(sys.argv) > 4 else True
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), context))
