"""Rate limits and nonces: who may call, how often (contract sections 3.4 and 3.7)."""

from __future__ import annotations

from typing import Protocol

from limits import RateLimitItemPerSecond
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string

from bunraku.settings import LimitSettings


class NonceLedger(Protocol):
    async def use_nonce(self, app_id: int, nonce: str, timestamp: int) -> bool: ...


class CallLimits:
    """Moving windows of one second, in memory or in Redis."""

    def __init__(self, settings: LimitSettings) -> None:
        uri = settings.storage if settings.storage.startswith("async+") else f"async+{settings.storage}"
        options = {"implementation": "redispy"} if "redis" in uri else {}
        self._limiter = MovingWindowRateLimiter(storage_from_string(uri, **options))  # type: ignore[arg-type]
        self._per_action = settings.calls_per_second
        self._per_address = settings.address_calls_per_second

    async def admit_address(self, address: str) -> bool:
        if self._per_address == 0:
            return True
        return await self._limiter.hit(RateLimitItemPerSecond(self._per_address), "address", address)

    async def admit_call(self, app_id: int, action: str) -> bool:
        if self._per_action == 0:
            return True
        return await self._limiter.hit(RateLimitItemPerSecond(self._per_action), "call", str(app_id), action)
