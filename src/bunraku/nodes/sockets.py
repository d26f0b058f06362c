"""Drive sockets through the hall: frames go in, a reason to close comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SocketDrive:
    """A WebSocket drive and the token of its address. The token begins with its node's id and a dot."""

    drive_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Closing:
    """How a WebSocket is closed from our side (RFC 6455 section 7.4)."""

    code: int
    reason: str = ""


class SocketHall(Protocol):
    """The PCM of DriveByWsStream (contract section 7); the drive itself is the task's."""

    async def open_socket(self, token: str) -> str | None:
        """The id of a connection; None for a token that is not good (any more)."""
        ...

    async def frame(self, socket_id: str, frame: str | bytes) -> bool:
        """Take a frame in, after the one before; returns when there is room for the next.

        False: the socket is closing, or is not known.
        """
        ...

    async def socket_closing(self, socket_id: str, wait: float) -> Closing | None:
        """Wait up to ``wait`` seconds for a reason to close; None when there is none yet."""
        ...

    async def close_socket(self, socket_id: str) -> None:
        """The peer has left; what is buffered plays on."""
        ...
