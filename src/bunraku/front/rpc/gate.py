"""Who may call what: the checks of contract section 3.6, in its order."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from bunraku.core.apps import App, Apps
from bunraku.core.call_signature import matches, sign
from bunraku.core.clock import Clock
from bunraku.core.errors import (
    ActionEmpty,
    ActionUnsupported,
    AppIdFormat,
    AppUnknown,
    NonceEmpty,
    NoPermission,
    RateLimited,
    ServiceNotEnabled,
    SignatureEmpty,
    SignatureExpired,
    SignatureMismatch,
    SignatureVersionEmpty,
    SignatureVersionUnsupported,
    SystemBusy,
    TimestampEmpty,
    TimestampFormat,
)
from bunraku.core.settings import LimitSettings
from bunraku.front.http import IPNetwork
from bunraku.front.rpc.limits import CallLimits, NonceLedger

log = logging.getLogger(__name__)

WINDOW = 600  # s, both directions
_APP_ID = re.compile(r"[1-9][0-9]{0,9}")
_INTEGER = re.compile(r"-?[0-9]{1,19}")
MAX_APP_ID = 4294967295
MAX_NONCE = 128


@dataclass(frozen=True, slots=True)
class Credentials:
    """Common parameters as received, URL-decoded; ``None`` for a missing one."""

    action: str | None
    app_id: str | None
    nonce: str | None
    timestamp: str | None
    signature: str | None
    version: str | None

    @classmethod
    def from_query(cls, pairs: list[tuple[str, str]]) -> Credentials:
        first: dict[str, str] = {}
        for key, value in pairs:
            first.setdefault(key, value)
        return cls(
            first.get("Action"),
            first.get("AppId"),
            first.get("SignatureNonce"),
            first.get("Timestamp"),
            first.get("Signature"),
            first.get("SignatureVersion"),
        )


class Gate:
    """Checks 1 to 15. Nothing of the body is read before they pass."""

    def __init__(
        self,
        apps: Apps,
        clock: Clock,
        limits: CallLimits,
        actions: frozenset[str],
        nonces: NonceLedger,
        *,
        strict_nonce: bool,
    ) -> None:
        self._apps, self._clock, self._limits = apps, clock, limits
        self._actions, self._nonces, self._strict = actions, nonces, strict_nonce

    def change(self, limits: LimitSettings) -> None:
        """For calls from now on."""
        self._limits.change(limits)
        self._strict = limits.strict_nonce

    @property
    def proxies(self) -> tuple[IPNetwork, ...]:
        """Whose word for a caller's address is taken."""
        return self._limits.proxies

    async def admit(self, c: Credentials, address: str) -> App:
        """The calling app. Raises the ``ApiError`` of the first failing check."""
        if not await self._limits.admit_address(address):
            raise RateLimited("too many calls from this address")
        if not c.action:
            raise ActionEmpty
        app_id = self._app_id(c.app_id)
        timestamp = self._timestamp(c.timestamp)
        if not c.nonce or len(c.nonce) > MAX_NONCE:
            raise NonceEmpty
        if not c.signature:
            raise SignatureEmpty
        if not c.version:
            raise SignatureVersionEmpty
        if c.version != "2.0":
            raise SignatureVersionUnsupported("use 2.0")
        app = self._apps.get(app_id)
        if app is None:
            raise AppUnknown
        if abs(int(self._clock.wall()) - timestamp) > WINDOW:
            unit = "; the unit is seconds" if len(str(abs(timestamp))) >= 13 else ""
            raise SignatureExpired(f"Timestamp is more than {WINDOW} s from now{unit}")
        assert c.timestamp is not None
        assert c.app_id is not None
        expected = (sign(c.app_id, c.nonce, s, c.timestamp) for s in app.secrets(self._clock.wall()))
        if not any(matches(e, c.signature) for e in expected):
            raise SignatureMismatch
        if not await self._fresh(app_id, c.nonce, timestamp):
            raise SignatureMismatch("nonce was used before")
        if c.action not in self._actions:
            raise ActionUnsupported(c.action[:64])
        if not app.enabled:
            raise ServiceNotEnabled
        if app.actions is not None and c.action not in app.actions:
            raise NoPermission(c.action)
        if not await self._limits.admit_call(app_id, c.action):
            raise RateLimited
        return app

    async def _fresh(self, app_id: int, nonce: str, timestamp: int) -> bool:
        if not self._strict:
            return True
        try:
            return await self._nonces.use_nonce(app_id, nonce, timestamp)
        except Exception as error:  # whoever asked for this check does not want it skipped
            log.warning("nonces cannot be checked (%s)", type(error).__name__)
            raise SystemBusy("nonces cannot be checked now") from error

    def _app_id(self, text: str | None) -> int:
        if not text or not _APP_ID.fullmatch(text) or int(text) > MAX_APP_ID:
            raise AppIdFormat
        return int(text)

    def _timestamp(self, text: str | None) -> int:
        if not text:
            raise TimestampEmpty
        if not _INTEGER.fullmatch(text):
            raise TimestampFormat("Unix seconds as decimal digits")
        return int(text)
