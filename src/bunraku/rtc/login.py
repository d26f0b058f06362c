"""Who may enter a room: a token04 checked against the app it names."""

from __future__ import annotations

from bunraku.apps import Apps
from bunraku.clock import Clock
from bunraku.rtc.token import RoomToken, TokenFormat, TokenRefused, verify


class Doorkeeper:
    """Verifies room tokens. Raises the ``TokenError`` kinds, never anything else."""

    def __init__(self, apps: Apps, clock: Clock) -> None:
        self._apps, self._clock = apps, clock

    def check(self, app_id: int, token: str, user_id: str | None = None) -> RoomToken:
        app = self._apps.get(app_id)
        if app is None or not app.enabled:
            raise TokenRefused("unknown app")
        now = self._clock.wall()
        newest, *earlier = app.secrets(now)
        try:
            return verify(token, app_id, newest, now, user_id)
        except TokenFormat:  # what another secret sealed does not open
            for secret in earlier:
                return verify(token, app_id, secret, now, user_id)
            raise

    @property
    def now(self) -> float:
        return self._clock.wall()
