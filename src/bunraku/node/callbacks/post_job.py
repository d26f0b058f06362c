"""A worker's job: post the callbacks of one app, many at once.

Asked at first for nothing; then, in blocks ``{"id", "url", "seconds", "guarded"}`` with the JSON to
post as body. Each is answered once, in any order, by ``{"id", "status"}`` or ``{"id", "failed": why}``,
within its ``seconds``, give or take a name server that is slow to answer. Ends when nobody asks any
more.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from bunraku.core.urls import FetchFailed
from bunraku.node.workers.download import post
from bunraku.node.workers.zygote import Link, limit_memory

THREADS = 64
MEMORY = 512 * 1024 * 1024  # bytes, mostly room for stacks of threads
HEADERS = {"Content-Type": "application/json"}


def run(request: dict[str, Any], link: Link) -> None:
    del request
    threading.stack_size(1 << 20)
    limit_memory(MEMORY)
    one_at_a_time = threading.Lock()

    def answer(asked: dict[str, Any], body: bytes) -> None:
        reply: dict[str, Any] = {"id": asked["id"]}
        try:
            reply["status"] = post(asked["url"], body, HEADERS, asked["seconds"], guarded=asked["guarded"])
        except FetchFailed as error:
            reply["failed"] = str(error)
        except Exception as error:  # one that breaks is answered like any other
            reply["failed"] = type(error).__name__
        with one_at_a_time, suppress(OSError):
            link.send(reply)

    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="post")
    while (block := link.receive()) is not None:
        threads.submit(answer, *block)
    # Nobody is left to be answered; the process ends without waiting for slow receivers.
    threads.shutdown(wait=False, cancel_futures=True)
