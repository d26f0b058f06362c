"""Running the ASGI application under uvicorn, with the few settings that matter to it."""

from __future__ import annotations

import gc
import socket

import uvicorn
from fastapi import FastAPI

from bunraku.settings import Settings

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
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What start-up made stays: a full collection that looked through it would stop every
        # stream for two pictures.
        gc.collect()
        gc.freeze()


def run(app: FastAPI, settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; stream tasks are ended on the way out."""
    Server(configuration(app, settings)).run()
