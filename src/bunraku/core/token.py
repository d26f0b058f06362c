"""Room tokens, "token04" (contract section 10): AES-256-CBC under the ServerSecret."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import string
import struct
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bunraku.core import strict_json
from bunraku.core.identifiers import MAX_USER_ID, legal

_IV_ALPHABET = string.digits + string.ascii_lowercase
MAX_TOKEN = 8192


class TokenError(Exception):
    """``code`` is the room error of contract section 11.5."""

    code = 1102016


class TokenFormat(TokenError):
    """token format or authentication error"""

    code = 1102016


class TokenRefused(TokenError):
    """login refused"""

    code = 1102020


@dataclass(frozen=True, slots=True)
class RoomToken:
    """What a verified token says. ``None`` means "no restriction"."""

    app_id: int
    user_id: str
    expire: int
    room_id: str | None = None
    may_login: bool = True
    may_publish: bool = True
    streams: tuple[str, ...] | None = None

    def admit(self, room_id: str) -> None:
        """Raises ``TokenRefused`` when the token is not good for this room."""
        if not self.may_login or (self.room_id and self.room_id != room_id):
            raise TokenRefused("room not permitted")

    def admit_publishing(self, room_id: str, stream_id: str) -> None:
        """Raises ``TokenRefused`` when the token may not publish this stream here."""
        self.admit(room_id)
        if not self.may_publish or (self.streams is not None and stream_id not in self.streams):
            raise TokenRefused("publishing not permitted")


class TokenExpired(TokenError):
    """token expired"""

    code = 1102018

    def __init__(self, token: RoomToken) -> None:
        super().__init__("token expired")
        self.token = token
        """What it would be good for, had its time not passed."""


def generate(
    app_id: int,
    user_id: str,
    secret: str,
    now: float,
    effective_seconds: int = 3600,
    payload: str = "",
    *,
    nonce: int | None = None,
    iv: str | None = None,
) -> str:
    """A token for our own tools and tests; ``secret`` has 32 ASCII characters."""
    ctime = int(now)
    expire = ctime + effective_seconds
    body = {
        "app_id": app_id,
        "user_id": user_id,
        "nonce": secrets.randbelow(1 << 32) - (1 << 31) if nonce is None else nonce,
        "ctime": ctime,
        "expire": expire,
        "payload": payload,
    }
    plain = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    vector = (iv or "".join(secrets.choice(_IV_ALPHABET) for _ in range(16))).encode()
    pad = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(secret.encode()), modes.CBC(vector)).encryptor()
    sealed = encryptor.update(pad.update(plain) + pad.finalize()) + encryptor.finalize()
    blob = struct.pack(">qH", expire, 16) + vector + struct.pack(">H", len(sealed)) + sealed
    return "04" + base64.b64encode(blob).decode()


def verify(token: str, app_id: int, secret: str, now: float, user_id: str | None = None) -> RoomToken:
    """Check a token for ``app_id``; ``user_id``, when given, must be the token's.

    Raises ``TokenFormat``, ``TokenRefused`` or ``TokenExpired``, never anything else.
    """
    expire, vector, sealed = _unpack(token)
    claims = _decrypt(secret, vector, sealed)
    named = claims.get("user_id")
    if claims.get("app_id") != app_id or not isinstance(named, str) or not named:
        raise TokenRefused("app or user does not match")
    if (user_id is not None and named != user_id) or claims.get("expire") != expire:
        raise TokenRefused("app or user does not match")
    # Whoever signs tokens may copy a name from anywhere; rooms tell it to everybody.
    if not legal(named, MAX_USER_ID):
        raise TokenRefused("user id may not be used")
    verified = _with_payload(RoomToken(app_id, named, expire), claims.get("payload"))
    if now >= expire:
        raise TokenExpired(verified)
    return verified


def _unpack(token: str) -> tuple[int, bytes, bytes]:
    if not token.startswith("04") or len(token) > MAX_TOKEN:
        raise TokenFormat("prefix")
    text = token[2:].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        blob = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        expire, iv_length = struct.unpack_from(">qH", blob, 0)
        if iv_length != 16:
            raise TokenFormat("iv length")
        (length,) = struct.unpack_from(">H", blob, 26)
    except (binascii.Error, struct.error, ValueError) as error:
        raise TokenFormat("layout") from error
    sealed = blob[28:]
    if length != len(sealed) or not sealed or len(sealed) % 16:
        raise TokenFormat("ciphertext length")
    return expire, blob[10:26], sealed


def _decrypt(secret: str, vector: bytes, sealed: bytes) -> dict[str, Any]:
    try:
        decryptor = Cipher(algorithms.AES(secret.encode()), modes.CBC(vector)).decryptor()
        unpad = padding.PKCS7(128).unpadder()
        plain = unpad.update(decryptor.update(sealed) + decryptor.finalize()) + unpad.finalize()
        claims = strict_json.loads(plain)
    except ValueError as error:
        raise TokenFormat("authentication failed") from error
    if not isinstance(claims, dict):
        raise TokenFormat("not an object")
    return claims


def _with_payload(token: RoomToken, payload: object) -> RoomToken:
    """Contract section 10.3 rule 5: only an object with ``privilege`` restricts.

    Generators in use write an empty list for "no limit on names", and some hand the object over
    as it is instead of as JSON text.
    """
    try:
        rules = strict_json.loads(payload) if isinstance(payload, str) and payload else payload
    except ValueError:
        return token
    if not isinstance(rules, dict) or not isinstance(rules.get("privilege"), dict):
        return token
    privilege = rules["privilege"]
    room, streams = rules.get("room_id"), rules.get("stream_id_list")
    return RoomToken(
        token.app_id,
        token.user_id,
        token.expire,
        room_id=room if isinstance(room, str) and room else None,
        may_login=privilege.get("1", 1) == 1,
        may_publish=privilege.get("2", 1) == 1,
        streams=tuple(s for s in streams if isinstance(s, str))
        if isinstance(streams, list) and streams
        else None,
    )
