"""A real server in a thread of this process, on a port the system chose."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from bunraku.app import build
from bunraku.client import Client
from bunraku.core.settings import AppSettings, Settings, load
from bunraku.node.compose import NodeParts
from bunraku.node.speech.base import SpeechProvider
from bunraku.process import bind
from bunraku.serve import server

SECRET = "9193cc662a4c0ec135ec71fb57194b38"
T = TypeVar("T")
OTHER_SECRET = "0123456789abcdef0123456789abcdef"
APP_ID, OTHER_APP_ID = 12345, 67890


def test_apps(**changes: Any) -> tuple[AppSettings, ...]:
    """Two tenants; ``changes`` go to the first."""
    first: dict[str, Any] = {"app_id": APP_ID, "server_secret": SECRET, "max_tasks": 20} | changes
    return (AppSettings(**first), AppSettings(app_id=OTHER_APP_ID, server_secret=OTHER_SECRET))


test_apps.__test__ = False  # type: ignore[attr-defined]  # pytest: a helper, not a test


class RunningServer:
    """Context manager: ``with RunningServer() as server: server.client().running()``."""

    def __init__(
        self,
        *,
        data_dir: Path | None = None,
        apps: tuple[AppSettings, ...] | None = None,
        providers: list[SpeechProvider] | None = None,
        **settings: Any,
    ) -> None:
        self._temporary = None if data_dir else tempfile.TemporaryDirectory(prefix="bunraku-")
        folder = data_dir or Path(self._temporary.name if self._temporary else "")
        (self._listener,) = bind("127.0.0.1", 0)
        self.port = int(self._listener.getsockname()[1])
        limits = {"calls_per_second": 0, "address_calls_per_second": 0} | settings.pop("limits", {})
        self.settings: Settings = load(
            None,
            host="127.0.0.1",
            port=self.port,
            data_dir=folder,
            apps=apps or test_apps(),
            limits=limits,
            **settings,
        )
        self.app = build(self.settings, providers=providers)
        self.uvicorn = server(self.app, self.settings)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="server", daemon=True)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.uvicorn.serve(sockets=[self._listener])

    def call(self, function: Callable[[], T]) -> T:
        """Run something on the server's own loop and wait for it."""

        async def run() -> T:
            return function()

        return self.begin(run()).result(10)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Let this run where the server does; blocking, ``result`` waits for its end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def parts(self) -> NodeParts:
        """What its node is made of, for tests that look inside."""
        return self.app.state.server.parts

    def client(self, app_id: int = APP_ID, secret: str = SECRET) -> Client:
        return Client(self.base_url, app_id, secret)

    def __enter__(self) -> RunningServer:
        self._thread.start()
        deadline = time.monotonic() + 30
        while not self.uvicorn.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("server did not start")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.uvicorn.should_exit = True
        self._thread.join(timeout=30)
        if self._temporary is not None:
            self._temporary.cleanup()
