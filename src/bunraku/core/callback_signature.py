"""Callback signature (contract section 8.2)."""

from __future__ import annotations

import hashlib
import hmac


def sign(secret: str, timestamp: str, nonce: str) -> str:
    """SHA-1 over the three strings in byte order, joined; 40 lower-case hex digits."""
    parts = sorted((secret.encode(), timestamp.encode(), nonce.encode()))
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).hexdigest()


def verify(secret: str, timestamp: str, nonce: str, signature: str) -> bool:
    """For receivers of callbacks; constant time."""
    return hmac.compare_digest(sign(secret, timestamp, nonce), signature.lower())
