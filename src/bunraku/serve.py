"""Running the ASGI application under uvicorn, with the few settings that matter to it."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Awaitable, Callable

import uvicorn
from fastapi import FastAPI

from bunraku.core.clock import next_beat
from bunraku.core.settings import Settings

MAX_SOCKET_MESSAGE = 16 * 1024 * 1024  # contract section 7.1: larger closes with 1009


def configuration(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        # uvicorn's access log holds query strings, and those hold signatures.
        access_log=False,
        server_header=False,
        # Not whatever is installed: figures and tests are of this one, and uvloop measured no better.
        loop="asyncio",
        ws="websockets-sansio",
        ws_max_size=MAX_SOCKET_MESSAGE,
        ws_per_message_deflate=False,  # kilobytes must not unfold to megabytes
        # A missing pong must not close a socket (section 7.1): TCP keep-alive finds dead peers.
        ws_ping_interval=None,
        ws_ping_timeout=None,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=64 * 1024,
        ssl_certfile=str(settings.tls_cert) if settings.tls_cert else None,
        ssl_keyfile=str(settings.tls_key) if settings.tls_key else None,
        proxy_headers=False,
    )


class Server(uvicorn.Server):
    """``drain`` is awaited before connections are closed."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._drain = drain

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for listening in server.sockets:
                keep_alive(listening)
        # What start-up made stays: a full collection that looked through it would stop every
        # stream for two pictures.
        gc.collect()
        gc.freeze()

    async def main_loop(self) -> None:
        # uvicorn's own looks ten times a second whether to end. Tick 0 keeps the Date header fresh.
        while not await self.on_tick(0):
            now = time.monotonic()
            await asyncio.sleep(next_beat(now) - now)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Members of rooms hear of the end, and drive sockets close with the code that says so
        # (contract sections 6.3 and 7.1), while they are still connected.
        await self._drain()
        await super().shutdown(sockets)


def keep_alive(listening: socket.socket) -> None:
    """Have the kernel find peers that vanished, within a minute (contract section 7.1).

    Accepted connections inherit it; where the system does not know an option its own pace holds.
    """
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        option = getattr(socket, name, None)
        if option is not None:
            listening.setsockopt(socket.IPPROTO_TCP, option, value)


def server(app: FastAPI, settings: Settings) -> Server:
    """Of an application made by ``app.build``."""
    return Server(configuration(app, settings), app.state.drain)


def run(app: FastAPI, settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; stream tasks are ended on the way out."""
    server(app, settings).run()
