"""Watching and publishing through aiortc: full ICE and TURN, one connection a peer.

Full ICE sends checks to every candidate of an offer, so it dials what it is told; how many is
capped (``offer.py``). The port transport never does.
"""

from __future__ import annotations

import asyncio
import logging

from bunraku.core.clock import Clock
from bunraku.node.rtc import offer as offers
from bunraku.node.rtc.aiortc.publisher import AiortcPublisher
from bunraku.node.rtc.aiortc.watcher import AiortcWatcher
from bunraku.node.rtc.base import CONNECT_TIMEOUT
from bunraku.node.streams.microphone import Microphone
from bunraku.node.streams.stream import Stream

log = logging.getLogger(__name__)


class AiortcTransport:
    """A ``Transport``; owns its peers and reaps those that fall silent."""

    def __init__(self, clock: Clock, addresses: tuple[str, ...], timeout: float) -> None:
        self._clock, self._addresses, self._timeout = clock, addresses, timeout
        self._peers: set[AiortcWatcher | AiortcPublisher] = set()
        self._reaper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        log.info('rtc.transport = "aiortc" sends video to everybody: no browser draws a figure itself')
        self._reaper = asyncio.create_task(self._reap(), name="peer-reaper")

    async def close(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.gather(self._reaper, return_exceptions=True)
        await asyncio.gather(*(p.close() for p in self._peers), return_exceptions=True)
        self._peers.clear()

    async def watch(self, stream: Stream, offer: str, *, draw: bool = False) -> AiortcWatcher:
        del draw  # ``RtcSettings.drawable``
        taken = offers.watched(offers.parse(offer))
        watcher = AiortcWatcher(stream, self._clock)
        self._peers.add(watcher)
        try:
            await watcher.negotiate(offer, taken, self._addresses)
        except BaseException:
            await self._drop(watcher)
            raise
        return watcher

    async def publish(self, microphone: Microphone, offer: str) -> AiortcPublisher:
        offers.published(offers.parse(offer))
        publisher = AiortcPublisher(microphone, self._clock)
        self._peers.add(publisher)
        try:
            await publisher.negotiate(offer, self._addresses)
        except BaseException:
            await self._drop(publisher)
            raise
        return publisher

    async def _drop(self, peer: AiortcWatcher | AiortcPublisher) -> None:
        self._peers.discard(peer)
        await peer.close()

    async def _reap(self) -> None:
        """Receivers report at least every few seconds (RFC 3550 section 6.2); silence is absence."""
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + 1.0)
            now = self._clock.monotonic()
            for peer in tuple(self._peers):
                slow = not peer.connected and now - peer.born > CONNECT_TIMEOUT
                if slow or now - peer.heard > self._timeout:
                    log.info("peer reaped", extra={"connected": peer.connected})
                    await peer.close()
                if peer.closed:
                    self._peers.discard(peer)
