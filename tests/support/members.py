"""Who is in a room, over the signalling of a real server."""

from __future__ import annotations

import asyncio
import json
import time

import websockets

from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, SECRET

from .waiting import wait_for


class Member:
    """A room member that keeps what it hears."""

    def __init__(self, server, room, user, app_id=APP_ID, secret=SECRET, **changes):
        self.url = f"ws://127.0.0.1:{server.port}/rtc/room"
        token = generate(app_id, user, secret, time.time())
        self.login = {
            "type": "login", "appID": app_id, "roomID": room, "token": token, "userID": user, "userName": user,
        } | changes  # fmt: skip
        self.heard = []

    async def __aenter__(self):
        self.socket = await websockets.connect(self.url, proxy=None)
        await self.socket.send(json.dumps(self.login))
        self.heard.append(json.loads(await self.socket.recv()))
        self.job = asyncio.create_task(self._read())
        return self

    async def _read(self):
        try:
            async for text in self.socket:
                self.heard.append(json.loads(text))
        except websockets.ConnectionClosed:
            return

    async def __aexit__(self, *_):
        await self.socket.close()
        self.job.cancel()

    def events(self, kind):
        return [e for e in self.heard if e["event"] == kind]

    def messages(self, cmd):
        found = [json.loads(e["content"]) for e in self.events("message")]
        return [m for m in found if m["Cmd"] == cmd]

    async def until(self, condition):
        await asyncio.to_thread(wait_for, condition)
