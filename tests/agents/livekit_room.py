"""A LiveKit room in memory: as much of ``livekit.rtc.Room`` as an agent's output and an avatar's worker use."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from livekit import rtc

SIZE = 15000  # bytes of a chunk at most


class Reader:
    """The receiving end of a byte stream."""

    def __init__(self, info: Any) -> None:
        self.info = info
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self.chunks.get()
        if chunk is None:
            raise StopAsyncIteration
        return chunk


class Writer:
    """The sending end. ``lose_trailer``: it closes, and nobody hears of it."""

    def __init__(self, reader: Reader | None, lose_trailer: bool) -> None:
        self._reader, self._lose = reader, lose_trailer

    async def write(self, data: bytes) -> None:
        await asyncio.sleep(0)
        if self._reader is not None:
            for at in range(0, len(data), SIZE):
                self._reader.chunks.put_nowait(data[at : at + SIZE])

    async def aclose(self) -> None:
        if self._reader is not None and not self._lose:
            self._reader.chunks.put_nowait(None)


class Local:
    """A participant, from its own side."""

    def __init__(self, room: Room, identity: str) -> None:
        self._room, self.identity = room, identity
        self._rpc_handlers: dict[str, Callable[[Any], str]] = {}

    def register_rpc_method(self, method: str, handler: Callable[[Any], str]) -> None:
        self._rpc_handlers[method] = handler

    async def perform_rpc(self, *, destination_identity: str, method: str, payload: str) -> str:
        await asyncio.sleep(0.001)
        peer = self._room.world[destination_identity]
        self._room.calls.append((method, payload))
        handler = peer.local_participant._rpc_handlers.get(method)  # noqa: SLF001 - LiveKit's
        if handler is None:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD, "unsupported")
        return handler(SimpleNamespace(caller_identity=self.identity, payload=payload))

    async def stream_bytes(
        self, name: str, *, topic: str, destination_identities: list[str], attributes: dict[str, str]
    ) -> Writer:
        await asyncio.sleep(0.001)
        peer = self._room.world[destination_identities[0]]
        info = SimpleNamespace(stream_id=uuid.uuid4().hex, name=name, attributes=attributes)
        reader = Reader(info)
        handler = peer.handlers.get(topic)
        if handler is not None:
            handler(reader, self.identity)
        return Writer(reader if handler else None, self._room.lose_trailer())


class Room(rtc.EventEmitter):
    """One participant's view of it; ``world`` is all of them by identity."""

    def __init__(self, world: dict[str, Room], identity: str) -> None:
        super().__init__()
        self.world = world
        self.handlers: dict[str, Callable[[Reader, str], None]] = {}
        self.calls: list[tuple[str, str]] = []
        self.lose_trailer: Callable[[], bool] = lambda: False
        self.local_participant = Local(self, identity)
        self.name = "room"
        world[identity] = self

    def isconnected(self) -> bool:
        return True

    @property
    def connection_state(self) -> int:
        return rtc.ConnectionState.CONN_CONNECTED

    @property
    def remote_participants(self) -> dict[str, Any]:
        video = SimpleNamespace(kind=rtc.TrackKind.KIND_VIDEO, sid="TR")
        return {
            name: SimpleNamespace(
                identity=name,
                sid=name,
                kind=rtc.ParticipantKind.PARTICIPANT_KIND_AGENT,
                state=rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE,
                track_publications={"TR": video},
            )
            for name in self.world
            if name != self.local_participant.identity
        }

    def register_byte_stream_handler(self, topic: str, handler: Callable[[Reader, str], None]) -> None:
        self.handlers[topic] = handler

    def unregister_byte_stream_handler(self, topic: str) -> None:
        self.handlers.pop(topic, None)
