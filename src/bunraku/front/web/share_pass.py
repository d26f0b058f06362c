"""Passes: links that open the share page for whoever has them.

A pass names what may be watched and until when. Whoever has it gets a room token of his own at each
visit: two screens with one link are two people, and a screen that comes back after days gets a new one.
A pass is sealed under the app's server secret, so that a new secret ends it as it ends room tokens.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass

from bunraku.core import token as room_token
from bunraku.core.apps import App, Apps
from bunraku.core.clock import Clock
from bunraku.core.identifiers import MAX_ROOM_ID, MAX_STREAM_ID, legal

MAX_SECONDS = 366 * 24 * 3600
MAX_PASS = 2048
WORD = b"share pass\0"


@dataclass(frozen=True, slots=True)
class Shared:
    """What a pass opens. ``until``: Unix seconds."""

    app_id: int
    room_id: str
    stream_id: str
    until: int


class PassRefused(Exception):
    """this link is not good"""


class PassExpired(PassRefused):
    """this link has expired"""


class SharePasses:
    """Makes passes and believes its own; nothing is kept."""

    def __init__(self, apps: Apps, clock: Clock) -> None:
        self._apps, self._clock = apps, clock

    def make(self, app: App, room_id: str, stream_id: str, seconds: float) -> str:
        """Raises ``ValueError`` for what names no room or stream, or for a wrong time."""
        if not legal(room_id, MAX_ROOM_ID) or not legal(stream_id, MAX_STREAM_ID):
            raise ValueError("no such room or stream")
        if not 0 < seconds <= MAX_SECONDS:
            raise ValueError(f"seconds must be 1 to {MAX_SECONDS}")
        until = int(self._clock.wall() + seconds)
        body = json.dumps([app.id, room_id, stream_id, until], separators=(",", ":")).encode()
        return f"{_text(body)}.{_text(_seal(app.server_secret, body))}"

    def read(self, given: str) -> Shared:
        """Raises ``PassRefused`` for what is no good pass."""
        try:
            body, seal = (_bytes(part) for part in given[:MAX_PASS].split("."))
            app_id, room_id, stream_id, until = json.loads(body)
        except (ValueError, TypeError, RecursionError):
            raise PassRefused from None
        app, now = self._apps.get(app_id) if isinstance(app_id, int) else None, self._clock.wall()
        if app is None or not app.enabled:
            raise PassRefused
        if not any(hmac.compare_digest(_seal(secret, body), seal) for secret in app.secrets(now)):
            raise PassRefused
        if now >= until:
            raise PassExpired
        return Shared(app_id, room_id, stream_id, until)

    def admit(self, given: str) -> dict[str, str | int]:
        """Who may come in by a pass: a viewer of its own, for as long as the pass is good."""
        shared = self.read(given)
        app = self._apps.get(shared.app_id)
        assert app is not None
        user, now = f"share-{secrets.token_hex(6)}", self._clock.wall()
        rules = {"room_id": shared.room_id, "privilege": {"1": 1, "2": 0}, "stream_id_list": []}
        token = room_token.generate(
            app.id, user, app.server_secret, now, max(1, int(shared.until - now)), json.dumps(rules)
        )
        place = {"app": app.id, "room": shared.room_id, "stream": shared.stream_id}
        return {**place, "token": token, "user": user}


def _seal(secret: str, body: bytes) -> bytes:
    return hmac.digest(secret.encode(), WORD + body, hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error
