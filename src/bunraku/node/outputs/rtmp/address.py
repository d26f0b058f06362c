"""RTMP URLs."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Address:
    """Where an RTMP URL points. The key is the last part of its path, with the query."""

    host: str
    port: int
    secure: bool
    application: str
    key: str = field(repr=False)
    server_url: str = ""

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises ``ValueError``."""
        parts = urlsplit(url)
        if parts.scheme not in ("rtmp", "rtmps"):
            raise ValueError("scheme must be rtmp or rtmps")
        if "@" in parts.netloc:
            raise ValueError("may not hold a user")
        application, _, key = parts.path.strip("/").rpartition("/")
        if not parts.hostname or not application or not key:
            raise ValueError("must be rtmp://host/application/key")
        secure = parts.scheme == "rtmps"
        port = parts.port or (443 if secure else 1935)
        if parts.query:
            key += f"?{parts.query}"
        return cls(
            parts.hostname, port, secure, application, key, f"{parts.scheme}://{parts.netloc}/{application}"
        )
