"""TLS in front of a server without: RTMPS, as operators make it of an RTMP server."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from .certificates import write_certificate


@contextlib.contextmanager
def tls_front(url: str, folder: Path) -> Iterator[str]:
    """Gives ``rtmps://localhost:PORT/…`` for ``rtmp://HOST:PORT/…``; its certificate signs itself and is
    ``cert.pem`` in the folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(folder))
    parts, loop = urlsplit(url), asyncio.new_event_loop()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(_copy(reader, outer), _copy(inner, writer))

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    serving = asyncio.start_server(join, "127.0.0.1", 0, ssl=context)
    server = asyncio.run_coroutine_threadsafe(serving, loop).result(10)
    try:
        yield f"rtmps://localhost:{server.sockets[0].getsockname()[1]}{parts.path}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _copy(of: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await of.read(64 * 1024):
            to.write(data)
            await to.drain()
    with contextlib.suppress(OSError):
        to.close()
