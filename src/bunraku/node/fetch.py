"""Fetching what a caller's URL names. All of it happens in workers (``workers.zygote``): name
lookup, HTTP, and whatever reads the file; the guard against forged requests with it
(``workers.download``). ``fetch.allow_private`` lifts that one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bunraku.core.clock import patience
from bunraku.core.settings import FetchSettings
from bunraku.core.urls import FetchFailed
from bunraku.node.workers.fair import FairSlots
from bunraku.node.workers.pool import Job, JobFailed, Workers

MOST = 256  # files at once
MOST_OF_ONE_TENANT = 128


class Fetcher:
    """Jobs with callers' URLs, within the limits of ``FetchSettings``."""

    def __init__(self, settings: FetchSettings, workers: Workers | None = None) -> None:
        self.settings = settings
        self.workers = workers or Workers()
        self._slots = FairSlots(MOST, MOST_OF_ONE_TENANT)

    @asynccontextmanager
    async def job(
        self, kind: str, url: str, tenant: int, asked: dict[str, Any], wall: float
    ) -> AsyncIterator[Job]:
        """A job about ``url`` for the app ``tenant``, over after ``wall`` seconds at the latest.

        Raises ``FetchFailed``, also from what the job is asked.
        """
        s = self.settings
        request = {
            "url": url,
            "allow_private": s.allow_private,
            "connect_timeout": s.connect_timeout,
            "max_bytes": s.max_bytes,
            "max_redirects": s.max_redirects,
        } | asked
        turn = self._slots.of(tenant)
        try:
            async with patience(s.connect_timeout):
                await turn.__aenter__()
        except TimeoutError:
            raise FetchFailed("too many files are being fetched") from None
        try:
            async with self.workers.job(kind, request, wall) as job:
                yield job
        except JobFailed as error:
            raise FetchFailed(str(error)) from error
        finally:
            await turn.__aexit__(None, None, None)
