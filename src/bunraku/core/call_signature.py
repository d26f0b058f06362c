"""Signature of RPC calls (contract section 3.2)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time


def sign(app_id: int | str, nonce: str, secret: str, timestamp: int | str) -> str:
    """MD5 over the plain concatenation, as the wire strings stand; 32 lower-case hex digits."""
    text = f"{app_id}{nonce}{secret}{timestamp}"
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def matches(expected: str, given: str) -> bool:
    """Constant time; hex digits in either case."""
    return hmac.compare_digest(expected.encode(), given.lower().encode("utf-8", "surrogatepass"))


def query(action: str, app_id: int, secret: str, now: float | None = None) -> dict[str, str]:
    """The signed common parameters of one call."""
    nonce = secrets.token_hex(8)
    timestamp = str(int(time.time() if now is None else now))
    return {
        "Action": action,
        "AppId": str(app_id),
        "SignatureNonce": nonce,
        "Timestamp": timestamp,
        "Signature": sign(app_id, nonce, secret, timestamp),
        "SignatureVersion": "2.0",
    }
