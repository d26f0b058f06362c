"""Running the ASGI application under uvicorn, with the few settings that matter to it."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import Awaitable, Callable

import uvicorn
from fastapi import FastAPI

from bunraku.core.clock import SystemClock, next_beat
from bunraku.core.settings import Settings
from bunraku.front.acceptor import Acceptor, room_for
from bunraku.front.connections import Admission, HttpConnection, Intake, SocketConnection
from bunraku.process import CannotStart, bind, owned, prepare, raise_descriptor_limit, reason
from bunraku.reload import Reload, SettingsRefused, Source

MAX_CONNECTIONS = 1_000_000  # more than there are descriptors
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
        http=HttpConnection,
        ws=SocketConnection,
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


class HttpServer(uvicorn.Server):
    """Takes connections through an ``Acceptor``. ``drain`` is awaited before they are closed, ``apply``
    when settings are read anew from ``source``."""

    def __init__(
        self,
        config: uvicorn.Config,
        settings: Settings,
        drain: Callable[[], Awaitable[None]],
        apply: Callable[[Settings], Awaitable[None]],
        source: Source | None,
    ) -> None:
        super().__init__(config)
        self._limits, self._drain, self._apply = settings.limits, drain, apply
        self._tls = certificates(settings)
        self._reload = Reload(settings, source, self.apply) if source is not None else None
        self._intake, self._clock = Intake(), SystemClock()
        self._acceptor: Acceptor | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        assert sockets, "the port is bound before anything else starts"
        for listening in sockets:
            keep_alive(listening)
        await super().startup([])
        self._room = room_for(raise_descriptor_limit(), MAX_CONNECTIONS)
        total = min(self._room, self._limits.connections)
        self._acceptor = Acceptor(self._connection, total, self._limits.address_connections, self._tls)
        self._acceptor.start(sockets)
        if self._reload is not None:
            self._reload.listen()
        # What start-up made stays: a full collection that looked through it would stop every
        # stream for two pictures.
        gc.collect()
        gc.freeze()

    async def apply(self, settings: Settings) -> None:
        """What of it changes while a server runs stands from now on. Raises ``SettingsRefused`` or
        ``CannotStart``, and then nothing has changed. Connections that are open keep their certificate."""
        if bool(settings.tls_cert) != (self._tls is not None):
            raise SettingsRefused("tls_cert: HTTPS begins and ends with the server")
        tls = await asyncio.to_thread(certificates, settings)
        await self._apply(settings)
        if self._acceptor is not None:
            total = min(self._room, settings.limits.connections)
            self._acceptor.change(total, settings.limits.address_connections, tls)

    def _connection(self, admission: Admission) -> HttpConnection:
        state = self.lifespan.state
        return HttpConnection(self.config, self.server_state, state, self._intake, admission)

    async def main_loop(self) -> None:
        # uvicorn's own looks ten times a second whether to end. Tick 0 keeps the Date header fresh.
        while not await self.on_tick(0):
            if self._acceptor is not None:
                self._acceptor.sweep()
            await self._clock.sleep_until(next_beat(self._clock.monotonic()))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Members of rooms hear of the end, and drive sockets close with the code that says so
        # (contract sections 6.3 and 7.1), while they are still connected.
        await self._drain()
        if self._acceptor is not None:
            self._acceptor.close()
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


def certificates(settings: Settings) -> ssl.SSLContext | None:
    """As the files say now; None for plain HTTP. TLS 1.2 and later. Raises ``CannotStart``."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:  # what is wrong with certificates is one too
        raise CannotStart(f"tls_cert and tls_key cannot be used: {reason(error)}") from None
    return context


def server(app: FastAPI, settings: Settings, source: Source | None = None) -> HttpServer:
    """Of an application made by ``app.build``; serves on sockets that are bound."""
    return HttpServer(configuration(app, settings), settings, app.state.drain, app.state.apply, source)


def run(
    make: Callable[[], FastAPI],
    settings: Settings,
    nodes: int = 1,
    source: Source | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; stream tasks are ended on the way out. ``nodes``: how many begin here
    with it, each at a UDP port of its own. At SIGHUP, what ``source`` gives is taken over, or its
    ``reload.SettingsRefused`` is logged.

    Raises ``CannotStart`` before anything is written or called back.
    """
    if source is not None:
        source.hold()
    raise_descriptor_limit()
    sockets = bind(settings.host, settings.port)
    with owned(settings.data_dir):
        if settings.rtc.transport == "port" and settings.rtc.port:
            for index in range(nodes):
                _try_udp(settings.rtc.port + index)
        asyncio.run(prepare(settings))
        try:
            app = make()
        except OSError as error:
            where = f" {error.filename}" if error.filename else ""
            raise CannotStart(f"cannot start:{where} {reason(error)}") from None
        server(app, settings, source).run(sockets)


def _try_udp(port: int) -> None:
    """The transport binds it before recovery, but says so at length."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - as the transport does
    except OSError as error:
        raise CannotStart(f"rtc.port {port} cannot be used: {reason(error)}") from None
