"""What carries streams to watchers and sound from publishers; one folder per way of doing it.

Every folder holds ``transport.py`` (the ``Transport``), ``watcher.py`` and ``publisher.py`` (its
sessions) and ``sdp.py``. What an offer holds (``offer.py``), which of its codecs is taken
(``codecs.py``), when a late joiner's pictures begin (``gate.py``) and what reports of loss mean
(``feedback.py``) is the same for all.
"""

from __future__ import annotations

from typing import Protocol

from bunraku.node.streams.microphone import Microphone
from bunraku.node.streams.stream import Stream

CONNECT_TIMEOUT = 20.0
"""Seconds an answered offer has to connect; then it is forgotten."""


class OfferRefused(Exception):
    """The SDP offer cannot be answered; the text is safe to show."""


class PeerSession(Protocol):
    """One peer's connection, watching or publishing."""

    @property
    def answer(self) -> str:
        """The SDP answer, candidates included."""
        ...

    @property
    def connected(self) -> bool: ...

    @property
    def closed(self) -> bool:
        """It is over: by goodbye, by silence, or because the stream ended."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...


class Transport(Protocol):
    """Guaranteed: a session whose peer vanishes is closed within the watcher timeout, one that does
    not connect within ``CONNECT_TIMEOUT``; a watcher then leaves its stream, a microphone ends. Not
    guaranteed: that the peer ever connects."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def watch(self, stream: Stream, offer: str, *, draw: bool = False) -> PeerSession:
        """With ``draw`` a data channel that is offered is taken, and gets what ``Stream.draw`` gives.

        Raises ``OfferRefused``.
        """
        ...

    async def publish(self, microphone: Microphone, offer: str) -> PeerSession:
        """Feed the microphone with what the peer sends. Raises ``OfferRefused``."""
        ...
