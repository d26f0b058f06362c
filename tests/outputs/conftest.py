"""Outputs alone: a stream that flashes, and everything behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from moto.server import ThreadedMotoServer

from bunraku.core.clock import SystemClock
from bunraku.core.output import Output, OutputOrder, OutputStatus, Protocol
from bunraku.core.settings import OutputSettings, ProvenanceSettings
from bunraku.core.urls import Guard
from bunraku.node.outputs.base import Means
from bunraku.node.outputs.finishing import Finisher
from bunraku.node.outputs.outputs import OutputMeans, Outputs
from bunraku.node.outputs.storage import Place, Storage
from bunraku.node.streams.stream import Stream
from bunraku.node.workers.pool import Workers

from ..support.flashing import Flashing, stream


class Desk:
    """Outputs of one task, and what is told of them."""

    def __init__(self, folder: Path, workers: Workers, **settings: Any) -> None:
        patience = settings.pop("patience", 30.0)
        sealing = settings.pop("sealing", ProvenanceSettings())
        given = OutputSettings(timeout=settings.pop("timeout", 15.0), **settings)
        self.clock = SystemClock()
        self.workers, self.storage = workers, Storage(given, folder)
        self.executor = ThreadPoolExecutor(1)
        guard = Guard(listed=("127.0.0.1", "localhost"))
        self.finisher = Finisher(workers, self.storage, sealing, 6.0)
        means = Means(workers, self.storage, self.clock, guard, self.finisher, given.timeout)
        self.means = OutputMeans(means, self.executor, patience, 8.0)
        self.stream: Stream = stream()
        self.told: list[tuple[str, OutputStatus]] = []
        self.outputs = Outputs(1, "task", self.stream, self.means, self.changed)
        self.outputs.start()
        self.flashing = Flashing(self.stream)

    def changed(self, output: Output, announce: bool) -> None:
        if announce:
            self.told.append((output.name, output.status))

    def add(self, protocol: Protocol, **order: Any) -> Output:
        (made,) = self.outputs.add([OutputOrder(protocol, **order)])
        return made

    def record(self, output: Output) -> Output:
        return next(o for o in self.outputs.records if o.id == output.id)

    def folder(self, output: Output) -> Path:
        return self.storage.folder(Place(1, "task", output.name))

    async def until(self, what: Callable[[], bool], *, seconds: float = 20.0, speed: float = 1.0) -> None:
        """Play until ``what`` is so."""
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, [self.record(o) for o in self.outputs.records]
            await self.flashing.play(0.2, speed=speed)

    async def status(self, output: Output, *statuses: OutputStatus, seconds: float = 20.0) -> Output:
        await self.until(lambda: self.record(output).status in statuses, seconds=seconds)
        return self.record(output)

    async def close(self) -> None:
        await asyncio.wait_for(self.outputs.close(), 20)
        self.executor.shutdown()


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    made = Workers()
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def desk(tmp_path: Path, workers: Workers) -> AsyncIterator[Desk]:
    made = Desk(tmp_path, workers)
    yield made
    await made.close()


class S3:
    def __init__(self) -> None:
        self.server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        httpx.put(f"{self.endpoint}/recordings").raise_for_status()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "s3_url": "s3://recordings/all",
            "s3_endpoint": self.endpoint,
            "s3_region": "us-east-1",
            "s3_access_key": "key",
            "s3_secret_key": "s3-secret",
        }


@pytest.fixture
def s3() -> Iterator[S3]:
    made = S3()
    yield made
    made.server.stop()
