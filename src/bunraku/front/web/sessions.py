"""Sessions of the console that every front believes: sealed tokens, nothing kept."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken

from bunraku.core.clock import Clock

SECONDS = 12 * 3600
WORD = b"operator"


class ConsoleSessions:
    """Fernet tokens (their specification dates them) under a key that all fronts share.

    The operator's password is part of the key: with another password no session of before is good.
    """

    def __init__(self, clock: Clock, password: str | None) -> None:
        self._clock, self._password = clock, password
        self._seal: Fernet | None = None

    def open(self, key: bytes) -> None:
        """Sessions are made and believed from now on. ``key`` is the shared one, 32 random bytes."""
        password = (self._password or "").encode("utf-8", "surrogatepass")
        own = hmac.digest(key, b"console session\0" + password, hashlib.sha256)
        self._seal = Fernet(base64.urlsafe_b64encode(own))

    def begin(self) -> str:
        """A token that is good for ``SECONDS``. Call it once the key is known."""
        assert self._seal is not None, "sessions begin when the server has started"
        return self._seal.encrypt_at_time(WORD, int(self._clock.wall())).decode()

    def good(self, token: str) -> bool:
        if self._seal is None or not token.isascii():
            return False
        try:
            return self._seal.decrypt_at_time(token, SECONDS, int(self._clock.wall())) == WORD
        except InvalidToken:
            return False
