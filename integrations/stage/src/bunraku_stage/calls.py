"""Signed calls of the digital human API, and tokens for its rooms (docs/contract.md, sections 3 and 10)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import struct
import time
from typing import Any

import httpx
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

TIMEOUT = 15.0  # s
TOKEN_SECONDS = 3600
BUSY = (400010009, 400010002)  # too many calls, system busy
TRIES, TRY_AGAIN = 20, 0.3  # s


class CallRefused(Exception):
    """The server's code and message."""

    def __init__(self, action: str, code: int, message: str) -> None:
        super().__init__(f"{action}: {message} ({code})")
        self.code = code


class Api:
    """One app of one server."""

    def __init__(self, base_url: str, app_id: int, server_secret: str) -> None:
        self.base_url = base_url.rstrip("/")
        self.app_id, self._secret = app_id, server_secret
        self._http = httpx.AsyncClient(timeout=TIMEOUT)

    async def call(self, action: str, **body: Any) -> dict[str, Any]:
        """The call's ``Data``; made again while the server is too busy for it.

        Raises ``CallRefused``, or ``httpx.HTTPError`` when the server is away.
        """
        for _ in range(TRIES):
            try:
                return await self._call(action, body)
            except CallRefused as refused:
                if refused.code not in BUSY:
                    raise
            await asyncio.sleep(TRY_AGAIN)
        return await self._call(action, body)

    async def _call(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        nonce, now = secrets.token_hex(8), int(time.time())
        signed = f"{self.app_id}{nonce}{self._secret}{now}"
        query = {
            "Action": action,
            "AppId": self.app_id,
            "SignatureNonce": nonce,
            "Timestamp": now,
            "Signature": hashlib.md5(signed.encode(), usedforsecurity=False).hexdigest(),
            "SignatureVersion": "2.0",
        }
        answer = (await self._http.post(f"{self.base_url}/", params=query, json=body)).json()
        if answer["Code"]:
            raise CallRefused(action, answer["Code"], answer["Message"])
        return answer.get("Data") or {}

    async def watch(self, stream_id: str, offer: str) -> tuple[str, str]:
        """The SDP answer, and the address of the session, by WHEP."""
        headers = {
            "Content-Type": "application/sdp",
            "Authorization": f"Bearer {self.token('pipecat-' + secrets.token_hex(4))}",
        }
        url = f"{self.base_url}/whep/{self.app_id}/{stream_id}"
        answer = await self._http.post(url, content=offer, headers=headers)
        answer.raise_for_status()
        return answer.text, str(answer.url.join(answer.headers["Location"]))

    async def leave(self, session: str) -> None:
        await self._http.delete(session)

    def token(self, user_id: str) -> str:
        """A room token, "token04", good for an hour."""
        now = int(time.time())
        body = {
            "app_id": self.app_id,
            "user_id": user_id,
            "nonce": secrets.randbits(31),
            "ctime": now,
            "expire": now + TOKEN_SECONDS,
            "payload": "",
        }
        vector = secrets.token_hex(8).encode()
        pad = padding.PKCS7(128).padder()
        encryptor = Cipher(algorithms.AES(self._secret.encode()), modes.CBC(vector)).encryptor()
        plain = pad.update(json.dumps(body).encode()) + pad.finalize()
        sealed = encryptor.update(plain) + encryptor.finalize()
        blob = struct.pack(">qH", now + TOKEN_SECONDS, 16) + vector + struct.pack(">H", len(sealed)) + sealed
        return "04" + base64.b64encode(blob).decode()

    async def close(self) -> None:
        await self._http.aclose()
