"""A load balancer as plain as one can be: connections go to the fronts in turn, bytes pass unread."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading

PIECE = 64 * 1024


class Balancer:
    """Runs on a thread of its own; ``ports`` may grow and shrink while it runs."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self._turn = itertools.count()
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(256)
        self._listening.setblocking(False)
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._run, name="balancer", daemon=True)
        self._started = threading.Event()
        self._accepting: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Connections that are open break."""
        if self._accepting is not None:
            self._loop.call_soon_threadsafe(self._accepting.cancel)
            self._thread.join(10)
        self._listening.close()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._accept())

    async def _accept(self) -> None:
        self._loop, self._accepting = asyncio.get_running_loop(), asyncio.current_task()
        self._started.set()
        async with asyncio.TaskGroup() as group:
            while True:
                client, _ = await self._loop.sock_accept(self._listening)
                group.create_task(self._serve(client))

    async def _serve(self, client: socket.socket) -> None:
        with client:
            ports = tuple(self.ports)
            first = next(self._turn)
            for i in range(len(ports)):
                with contextlib.suppress(OSError), socket.socket() as front:
                    front.setblocking(False)
                    await self._loop.sock_connect(front, ("127.0.0.1", ports[(first + i) % len(ports)]))
                    for end in (client, front):
                        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    await asyncio.gather(self._pour(client, front), self._pour(front, client))
                    return

    async def _pour(self, source: socket.socket, target: socket.socket) -> None:
        """Until the end, which is passed on too. What ``target`` does not take any more is dropped: the
        last words of a front that closes early still reach a client that is sending."""
        taken = True
        with contextlib.suppress(OSError):
            while piece := await self._loop.sock_recv(source, PIECE):
                try:
                    if taken:
                        await self._loop.sock_sendall(target, piece)
                except OSError:
                    taken = False
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
