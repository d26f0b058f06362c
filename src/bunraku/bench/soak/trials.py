"""What a server must take in the middle of its life, each at its share of the run."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from bunraku.bench.postgresql import Postgresql
from bunraku.bench.run import Bench
from bunraku.bench.serving import APP_ID
from bunraku.bench.soak.callbacks import CallbackReceiver
from bunraku.bench.soak.certificates import Authority
from bunraku.core.errors import ApiError

CROWD = 16
"""Watchers of one crowd: about what two cores receive beside the server."""
ROUNDS = 4  # of certificates


class Trials:
    """``told``: what was done, with figures. ``shut``: from when to when no callback was received."""

    def __init__(
        self,
        bench: Bench,
        hook: CallbackReceiver,
        database: Postgresql | None,
        authority: Authority,
        seconds: float,
    ) -> None:
        self._bench, self._hook, self._database, self._authority = bench, hook, database, authority
        self._begin, self._seconds = time.monotonic(), seconds
        self.shut: list[tuple[float, float]] = []
        self.told: dict[str, float] = {}

    def all(self, watchers: int) -> Sequence[Coroutine[Any, Any, None]]:
        jobs = [self._crowds(watchers), self._receiver_shut(), self._certificates()]
        return [*jobs, self._database_away()] if self._database else jobs

    def _count(self, name: str, value: float = 1) -> None:
        self.told[name] = round(self.told.get(name, 0) + value, 2)

    async def _at(self, share: float) -> None:
        await asyncio.sleep(max(0.0, self._begin + self._seconds * share - time.monotonic()))

    async def _crowds(self, watchers: int) -> None:
        """One stream of its own, watched by one crowd after the other."""
        crowds = max(1, watchers // CROWD)
        for i in range(crowds):
            await self._at(0.02 + 0.9 * i / crowds)
            try:
                task, stream = await self._bench.create((256, 256))
            except ApiError:  # the database is away: this crowd finds nothing
                self._count("crowds without a stream")
                continue
            await self._bench.streaming(task)
            url = f"{self._bench.base_url}/whep/{APP_ID}/{stream}"
            crowd = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bunraku.bench.crowd", url, self._bench.token()),
                *(str(CROWD), str(self._authority.root)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            assert crowd.stdin is not None
            assert crowd.stdout is not None
            try:
                if await crowd.stdout.readline() == b"ready\n":
                    self._count("watchers in crowds", CROWD)
                    await self._at(0.02 + 0.9 * (i + 0.7) / crowds)
                else:
                    self._count("crowds that failed")
            finally:
                crowd.stdin.close()
                await crowd.wait()
                await self._stop(task)

    async def _stop(self, task: str) -> None:
        while True:
            try:
                await self._bench.api.stop(task)
                return
            except ApiError:  # not while the database is away
                await asyncio.sleep(1.0)

    async def _receiver_shut(self) -> None:
        await self._at(0.2)
        begin = time.monotonic()
        self._hook.shut()
        try:
            await self._at(0.2 + 1 / 3)
        finally:
            self._hook.open()
            self.shut.append((begin, time.monotonic()))
            self._count("seconds without a receiver of callbacks", time.monotonic() - begin)

    async def _certificates(self) -> None:
        for i in range(ROUNDS):
            await self._at((i + 0.5) / ROUNDS)
            serial = self._authority.issue()
            os.kill(self._bench.pid, signal.SIGHUP)
            async with asyncio.timeout(30):
                while await asyncio.to_thread(self._authority.shown, self._bench.port) != serial:
                    await asyncio.sleep(0.1)
            self._count("certificates changed")

    async def _database_away(self) -> None:
        database = self._database
        assert database is not None
        for share in (0.65, 0.8):
            await self._at(share)
            begin = time.monotonic()
            await asyncio.to_thread(database.stop)
            try:
                await asyncio.sleep(min(20.0, self._seconds / 20))
            finally:
                await asyncio.to_thread(database.start)
            self._count("seconds without a database", time.monotonic() - begin)
            while not await self._bench.ready():
                await asyncio.sleep(0.2)
            self._count("seconds until it was ready again", time.monotonic() - begin)
