"""Somebody who publishes a microphone by WHIP."""

from __future__ import annotations

import base64
import json
import struct
import time

import httpx
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bunraku.testing.server import APP_ID, SECRET


def token_of(user):
    """As other generators make it: what UTF-8 cannot say is escaped in the JSON."""
    now = int(time.time())
    claims = {
        "app_id": APP_ID,
        "user_id": user,
        "nonce": 1,
        "ctime": now,
        "expire": now + 3600,
        "payload": "",
    }
    pad = padding.PKCS7(128).padder()
    plain = pad.update(json.dumps(claims).encode()) + pad.finalize()
    vector = b"0123456789abcdef"
    encryptor = Cipher(algorithms.AES(SECRET.encode()), modes.CBC(vector)).encryptor()
    sealed = encryptor.update(plain) + encryptor.finalize()
    blob = struct.pack(">qH", now + 3600, 16) + vector + struct.pack(">H", len(sealed)) + sealed
    return "04" + base64.b64encode(blob).decode()


class Publisher:
    def __init__(self, served, stream_id, track, user="host", room="r"):
        self.url = f"{served.base_url}/whip/{APP_ID}/{room}/{stream_id}"
        self.headers = {"Authorization": f"Bearer {token_of(user)}", "Content-Type": "application/sdp"}
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self.connection = RTCPeerConnection(configuration)
        self.connection.addTrack(track)

    async def publish(self, path=None):
        await self.connection.setLocalDescription(await self.connection.createOffer())
        offer = self.connection.localDescription.sdp
        async with httpx.AsyncClient(trust_env=False) as http:
            content = path.offer(offer) if path else offer
            reply = await http.post(self.url, content=content, headers=self.headers)
        assert reply.status_code == 201
        self.location = reply.headers["location"]
        answer = path.answer(reply.text) if path else reply.text
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
