"""What carries a stream to watchers; implementations stand side by side behind it."""

from __future__ import annotations

from typing import Protocol

from bunraku.node.rooms.room import Stream


class OfferRefused(Exception):
    """The SDP offer cannot be answered; the text is safe to show."""


class WatchSession(Protocol):
    """One watcher's connection."""

    @property
    def id(self) -> str: ...

    @property
    def stream(self) -> Stream: ...

    @property
    def answer(self) -> str:
        """The SDP answer, candidates included."""
        ...

    @property
    def closed(self) -> bool:
        """It left its stream: by goodbye, by silence, or because the stream ended."""
        ...

    async def close(self) -> None: ...


class Transport(Protocol):
    """Guaranteed: a session whose peer vanishes is closed within the watcher timeout and leaves
    the stream. Not guaranteed: that the peer ever connects."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def watch(self, stream: Stream, offer: str) -> WatchSession:
        """Raises ``OfferRefused``."""
        ...
