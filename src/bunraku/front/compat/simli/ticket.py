"""Session tokens: what was asked for, sealed, so that any front can open the session."""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated

from cryptography.fernet import Fernet, InvalidToken
from pydantic import BaseModel, Field, ValidationError

from bunraku.core.apps import App, Apps

GOOD_FOR = 600  # s from the token to the session


class SessionWish(BaseModel):
    """The body of ``/compose/token``, as far as it is understood here; the clients send more.

    Times in seconds, sizes in pixels. ``face`` is a digital human's id or alias; after a slash, an emotion.
    """

    face: Annotated[str, Field(alias="faceId", min_length=1, max_length=256)]
    longest: Annotated[int, Field(alias="maxSessionLength", ge=1, le=86400)] = 600
    idle: Annotated[int, Field(alias="maxIdleTime", ge=1, le=86400)] = 30
    width: Annotated[int, Field(alias="streaming_width", ge=128, le=1920, multiple_of=2)] = 512
    height: Annotated[int, Field(alias="streaming_height", ge=128, le=1920, multiple_of=2)] = 512

    @property
    def digital_human(self) -> str:
        return self.face.partition("/")[0]

    @property
    def emotion(self) -> str | None:
        return self.face.partition("/")[2] or None


def seal(app: App, asked: SessionWish, now: float) -> str:
    body = asked.model_dump_json(by_alias=True).encode()
    return f"{app.id}.{_box(app.server_secret).encrypt_at_time(body, int(now)).decode()}"


def unseal(apps: Apps, token: str, now: float) -> tuple[App, SessionWish] | None:
    """None for a token that is not good (any more)."""
    named, _, sealed = token.partition(".")
    app = apps.get(int(named)) if named.isascii() and named.isdigit() and len(named) < 12 else None
    if app is None or not app.enabled:
        return None
    for secret in app.secrets(now):
        try:
            body = _box(secret).decrypt_at_time(sealed.encode(), GOOD_FOR, int(now))
            return app, SessionWish.model_validate_json(body)
        except (InvalidToken, UnicodeEncodeError, ValidationError):
            continue
    return None


def _box(secret: str) -> Fernet:
    """A key of its own, so that no other token of the app opens a session."""
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"simli session" + secret.encode()).digest()))
