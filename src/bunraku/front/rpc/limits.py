"""Rate limits and nonces: who may call, how often (contract sections 3.4 and 3.7)."""

from __future__ import annotations

import logging
from collections import deque
from typing import Protocol

from limits import RateLimitItemPerSecond
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

from bunraku.core.clock import Clock, patience
from bunraku.core.settings import LimitSettings
from bunraku.core.starting import CannotStart

log = logging.getLogger(__name__)

STORAGE_TIMEOUT = 0.5  # s


class NonceLedger(Protocol):
    async def use_nonce(self, app_id: int, nonce: str, timestamp: int) -> bool: ...


class WindowsInMemory:
    """Moving windows of one second for one process; answers without waiting for anything."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hits: dict[tuple[str, ...], deque[float]] = {}
        self._swept = 0.0

    def __len__(self) -> int:
        """Keys whose hits are kept."""
        return len(self._hits)

    async def hit(self, per_second: int, *key: str) -> bool:
        now = self._clock.monotonic()
        if now - self._swept > 1.0:
            self._swept = now
            self._hits = {k: h for k, h in self._hits.items() if h[-1] > now - 1.0}
        hits = self._hits.get(key)
        if hits is None or hits.maxlen != per_second:  # a limit may have been changed
            hits = self._hits[key] = deque(hits or (), maxlen=per_second)
        if len(hits) == per_second and hits[0] > now - 1.0:
            return False
        hits.append(now)
        return True


class WindowsInStorage:
    """The same in a storage that several servers share, such as Redis."""

    def __init__(self, uri: str) -> None:
        """Raises ``CannotStart`` when there is no such storage, or its package is not installed."""
        uri = uri if uri.startswith("async+") else f"async+{uri}"
        options = {"implementation": "redispy"} if "redis" in uri else {}
        self._away = False
        try:
            storage = storage_from_string(uri, **options)  # type: ignore[arg-type]
        except ConfigurationError as error:
            raise CannotStart(f"limits.storage: {error}") from None
        self._limiter = MovingWindowRateLimiter(storage)

    async def hit(self, per_second: int, *key: str) -> bool:
        """True also while the storage is away: limits are for fairness, and must not stop everybody."""
        try:
            async with patience(STORAGE_TIMEOUT):
                admitted = await self._limiter.hit(RateLimitItemPerSecond(per_second), *key)
        except Exception:
            if not self._away:
                log.exception("limits are not counted: storage is away")
            self._away = True
            return True
        self._away = False
        return admitted


class CallLimits:
    """Calls in any second, per client address and per (AppId, Action)."""

    def __init__(self, settings: LimitSettings, clock: Clock) -> None:
        self._clock = clock
        self._storage = ""
        self.change(settings)

    def change(self, settings: LimitSettings) -> None:
        """For calls from now on; what was counted elsewhere is not counted any more."""
        if settings.storage != self._storage:
            memory = settings.storage == "memory://"
            self._windows = WindowsInMemory(self._clock) if memory else WindowsInStorage(settings.storage)
            self._storage = settings.storage
        self._per_action = settings.calls_per_second
        self._per_address = settings.address_calls_per_second
        self.proxies = settings.trusted_proxies

    async def admit_address(self, address: str) -> bool:
        if self._per_address == 0:
            return True
        return await self._windows.hit(self._per_address, "address", address)

    async def admit_call(self, app_id: int, action: str) -> bool:
        if self._per_action == 0:
            return True
        return await self._windows.hit(self._per_action, "call", str(app_id), action)
