"""A worker's job: one HTTP request of a caller's making, and its small answer (``download.exchange``)."""

from __future__ import annotations

from typing import Any

from bunraku.core.urls import FetchRefused, Guard
from bunraku.node.workers.download import exchange
from bunraku.node.workers.zygote import Link, limit_cpu, limit_memory

MEMORY = 256 * 1024 * 1024
CPU = 5.0
MAX_BODY = 256 * 1024
MAX_REDIRECTS = 5


def run(request: dict[str, Any], link: Link) -> None:
    """Answers ``{"status", "location", "address"}`` with the body, or ``{"refused": why}``."""
    limit_memory(MEMORY)
    limit_cpu(CPU)
    asked = link.receive()
    body = b"" if asked is None else asked[1]
    guard = Guard(request["allow_private"], tuple(request["listed"]))
    try:
        got = exchange(
            request["method"],
            request["url"],
            body,
            request["headers"],
            request["seconds"],
            guard,
            max_body=MAX_BODY,
            max_redirects=MAX_REDIRECTS,
        )
    except FetchRefused as error:
        link.send({"refused": str(error)})
        return
    link.send(
        {"status": got.status, "location": got.location, "address": got.address, "url": got.url}, got.body
    )
