"""Who may enter a room: a token04 checked against the app it names."""

from __future__ import annotations

from bunraku.core.apps import Apps
from bunraku.core.clock import Clock
from bunraku.core.token import RoomToken, TokenExpired, TokenFormat, TokenRefused, verify
from bunraku.nodes.rooms import RoomHall


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

    async def check_guest(self, app_id: int, token: str, hall: RoomHall, room_id: str | None) -> RoomToken:
        """As ``check``; who is in this room (None: in any) by this very token may go on with it there
        when it has expired, because expiry is about logging in (contract section 10.3)."""
        try:
            return self.check(app_id, token)
        except TokenExpired as error:
            if not await hall.holds(app_id, room_id, error.token.user_id, token):
                raise
            return error.token
