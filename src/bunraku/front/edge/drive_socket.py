"""The WebSocket that carries PCM (contract section 7). The server sends no messages."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, WebSocket
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from bunraku.nodes.base import Nodes
from bunraku.nodes.sockets import Closing, SocketHall

ASK = 20.0  # s a node may think about whether to close


class DriveSocketEdge:
    """The ``/ws`` endpoint: passes frames to the node of the token, and closes when it says so."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def routes(self) -> APIRouter:
        router = APIRouter()
        router.add_api_websocket_route("/ws", self.serve)
        return router

    async def serve(self, socket: WebSocket) -> None:
        token = socket.query_params.get("Token", "")
        node = await self._nodes.named(token)
        socket_id = None if node is None else await node.open_socket(token)
        if node is None or socket_id is None:
            await socket.send_denial_response(Response("invalid token", 401, media_type="text/plain"))
            return
        try:
            await socket.accept()
            closing = await _pass_on(socket, node, socket_id)
            if closing is not None:
                await socket.close(closing.code, closing.reason)
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            await asyncio.shield(node.close_socket(socket_id))


async def _pass_on(socket: WebSocket, node: SocketHall, socket_id: str) -> Closing | None:
    """Until the peer leaves (None) or the node wants to close."""
    reading = asyncio.create_task(_read(socket, node, socket_id))
    asking = asyncio.create_task(_ask(node, socket_id))
    try:
        await asyncio.wait((reading, asking), return_when=asyncio.FIRST_COMPLETED)
        if not asking.done() and reading.result():
            return await asking  # a frame was refused: the reason is on its way
        return asking.result() if asking.done() else None
    finally:
        for job in (reading, asking):
            job.cancel()
        await asyncio.gather(reading, asking, return_exceptions=True)


async def _read(socket: WebSocket, node: SocketHall, socket_id: str) -> bool:
    """False when the peer left, True when the node takes no more."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return False
        text = message.get("text")
        frame = text if text is not None else message.get("bytes") or b""
        if not await node.frame(socket_id, frame):
            return True


async def _ask(node: SocketHall, socket_id: str) -> Closing:
    while (closing := await node.socket_closing(socket_id, ASK)) is None:
        pass
    return closing
