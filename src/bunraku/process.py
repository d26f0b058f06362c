"""What a server process must hold before it may touch anything: its data directory, its HTTP port,
enough file descriptors, and a database of its own release."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

from bunraku.core.settings import Settings
from bunraku.core.starting import CannotStart
from bunraku.store.database import Database

log = logging.getLogger(__name__)

LOCK = "bunraku.lock"
MAX_DESCRIPTORS = 65_536  # more costs programs that close them one by one
BACKLOG = 512


def prepare_data_dir(path: Path) -> Path:
    """Create the data directory, for this user only."""
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o700)
    return path


@contextlib.contextmanager
def owned(data_dir: Path) -> Iterator[None]:
    """No other process owns the data directory while this is open; the end of the process ends it too.

    Whoever starts ends what a crash left live: without this a command typed twice would end the
    tasks of the server that runs. Raises ``CannotStart``.
    """
    try:
        path = prepare_data_dir(data_dir) / LOCK
        # Helper processes do not inherit it, so none of them can outlive the lock's owner with it.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(f"data directory {data_dir}: {reason(error)}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            who = f" (process {holder})" if holder.isdigit() else ""
            text = f"data directory {data_dir} is in use by another Bunraku server{who}"
            raise CannotStart(text) from None
        except OSError as error:
            raise CannotStart(f"data directory {data_dir} cannot be locked: {reason(error)}") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets at every address of ``host``, listening: who comes early waits for the start to end.

    Raises ``CannotStart`` when the port is taken or the host is not this machine's.
    """
    found: list[socket.socket] = []
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            listening = socket.socket(family, kind, protocol)
            found.append(listening)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if port == 0 and len(found) > 1:  # one port at all of them
                address = (address[0], found[0].getsockname()[1], *address[2:])
            listening.bind(address)
            # Two that only bind would both be let.
            listening.listen(BACKLOG)
    except OSError as error:
        for listening in found:
            listening.close()
        raise CannotStart(f"cannot listen on {host} port {port}: {reason(error)}") from None
    return found


def raise_descriptor_limit() -> int:
    """Lift the soft limit of open files towards the hard one; gives what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


async def prepare(settings: Settings) -> None:
    """Have the database as this release needs it, and be able to write to it.

    Raises ``CannotStart``: what is wrong with it is to be read in a line, before anything has begun.
    """
    try:
        database = Database.of(settings.database_url, settings.data_dir)
        try:
            await database.open()
            writable = await database.writable()
        finally:
            await database.close()
    except CannotStart:
        raise
    except Exception as error:
        log.debug("database", exc_info=True)
        raise CannotStart(f"the database cannot be used: {_said(error)}") from None
    if not writable:
        raise CannotStart("the database cannot be written to: see its disk, and who holds it")


def _said(error: Exception) -> str:
    """In a line, and without the statement: of its database and driver."""
    error = getattr(error, "orig", None) or error
    if isinstance(error, OSError):
        return reason(error)
    first, *_ = str(error).splitlines() or [""]
    return first.partition(">: ")[2] or first or type(error).__name__


def reason(error: OSError) -> str:
    """What the system said, without numbers and paths."""
    if error.errno == errno.EADDRINUSE:
        return "another program listens there"
    return (error.strerror or str(error)).lower()
