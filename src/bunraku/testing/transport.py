"""A transport without a network: peers connect and vanish when a test says so."""

from __future__ import annotations

import asyncio

from bunraku.core.media import Codec, EncodedUnit
from bunraku.node.rtc.base import OfferRefused
from bunraku.node.streams.microphone import Microphone
from bunraku.node.streams.stream import Stream


class PaperSession:
    """A ``PeerSession``; of a watcher also the ``Watcher``, which keeps the units it gets."""

    answer = "v=0 answer"
    video_codec: Codec | None = Codec.H264
    video_limit: int | None = None

    def __init__(self, stream: Stream, microphone: Microphone | None) -> None:
        self.stream, self.microphone = stream, microphone
        self.connected = self.closed = False
        self.units: list[EncodedUnit] = []

    def connect(self) -> None:
        self.connected = True
        if self.microphone is not None:
            self.microphone.opened()
        else:
            self.stream.add_watcher(self)

    def vanish(self) -> None:
        if self.closed:
            return
        self.closed, self.connected = True, False
        if self.microphone is not None:
            self.microphone.end()
        else:
            self.stream.remove_watcher(self)

    def push(self, unit: EncodedUnit) -> None:
        self.units.append(unit)

    async def close(self) -> None:
        self.vanish()


class PaperTransport:
    """A ``Transport``. An offer that holds ``refuse_on`` is refused; while ``ready`` is not set,
    offers wait for their answers."""

    def __init__(self, refuse_on: str = "REFUSE") -> None:
        self.sessions: list[PaperSession] = []
        self.ready = asyncio.Event()
        self.ready.set()
        self._refuse_on = refuse_on

    async def start(self) -> None:
        return

    async def close(self) -> None:
        for session in self.sessions:
            session.vanish()

    async def watch(self, stream: Stream, offer: str, *, draw: bool = False) -> PaperSession:
        del draw
        return await self._made(PaperSession(stream, None), offer)

    async def publish(self, microphone: Microphone, offer: str) -> PaperSession:
        return await self._made(PaperSession(microphone.stream, microphone), offer)

    async def _made(self, session: PaperSession, offer: str) -> PaperSession:
        await self.ready.wait()
        if self._refuse_on in offer:
            raise OfferRefused("scripted")
        self.sessions.append(session)
        return session
