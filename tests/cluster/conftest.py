"""A whole cluster on this machine: PostgreSQL, Redis, Ray on three "machines", nodes, fronts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bunraku.bench.receiver import Receiver
from bunraku.client import Client
from bunraku.core.settings import load
from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, SECRET

from ..support.services import free_port, postgresql, postgresql_binaries, redis
from ..support.waiting import wait_for

ray = pytest.importorskip("ray", reason="bunraku[cluster] is not installed")
if postgresql_binaries() is None:
    pytest.skip("no PostgreSQL server here", allow_module_level=True)

LOCAL = {"node_ip_address": "127.0.0.1", "object_store_memory": 80_000_000}


class Machines:
    """Ray's head without nodes, and machines that can be taken away."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        import bunraku.nodes.ray  # noqa: F401 - sets what Ray reads when it starts

        self._cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False} | LOCAL
        )
        self.address = self._cluster.address
        os.environ["RAY_ADDRESS"] = self.address
        ray.init(address=self.address, namespace="bunraku", log_to_driver=True, configure_logging=False)

    def add(self) -> Any:
        return self._cluster.add_node(num_cpus=1, **LOCAL)

    def lose(self, machine: Any) -> None:
        self._cluster.remove_node(machine, allow_graceful=False)

    def lose_head(self) -> None:
        self._cluster.head_node.kill_gcs_server()

    def close(self) -> None:
        with contextlib.suppress(Exception):
            ray.shutdown()
        with contextlib.suppress(Exception):
            self._cluster.shutdown()
        os.environ.pop("RAY_ADDRESS", None)


class Town:
    """Everything that runs. ``fronts`` are processes."""

    def __init__(self, folder: Path, callback_url: str) -> None:
        folder.chmod(0o755)
        self.folder = folder
        self.postgresql, self.redis = postgresql(folder / "postgresql"), redis(folder)
        self.postgresql.start()
        self.redis.start()
        self.config = folder / "bunraku.toml"
        self.config.write_text(f'''
            data_dir = "{folder}/data"
            database_url = "{self.postgresql.url}"
            [[apps]]
            app_id = {APP_ID}
            server_secret = "{SECRET}"
            callback_url = "{callback_url}"
            [limits]
            calls_per_second = 100
            address_calls_per_second = 0
            storage = "{self.redis.url}"
        ''')
        self.settings = load(self.config)
        self.machines = Machines()
        self.fronts: list[tuple[subprocess.Popen[bytes], int]] = []

    def add_node(self, machine: Any = None) -> str:
        from bunraku.nodes.ray import cluster

        self.settings.data_dir.mkdir(exist_ok=True)
        joined = cluster.Joined(ray, own=False)
        node_id = cluster.add(
            joined, self.settings, 0, "INFO", machine=None if machine is None else machine.node_id
        )
        self.pid(node_id)
        return node_id

    def pid(self, node_id: str) -> int:
        """Of a node's process, once it lives; 0 while it is between two lives."""
        try:
            return int(ray.get(ray.get_actor(node_id, namespace="bunraku").started.remote(), timeout=60))
        except ray.exceptions.RayError:
            return 0

    def add_front(self) -> Client:
        port = free_port()
        folder = self.folder / f"front-{port}"
        command = [sys.executable, "-m", "bunraku", "front", "--config", str(self.config), "--join", "auto"]
        process = subprocess.Popen(
            [*command, "--port", str(port), "--data-dir", str(folder)],
            stderr=(self.folder / f"front-{port}.log").open("wb"),
        )
        self.fronts.append((process, port))
        url = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            assert process.poll() is None, (self.folder / f"front-{port}.log").read_text()[-2000:]
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(f"{url}/readyz").status_code == 200
            return False

        wait_for(ready, 60)
        client = Client(url, APP_ID, SECRET)
        client.url = url
        return client

    def close(self) -> None:
        for process, _ in self.fronts:
            process.send_signal(signal.SIGTERM)
        for process, _ in self.fronts:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
        self.machines.close()
        self.redis.stop()
        self.postgresql.stop()


class Watching:
    """A real watcher of a stream, over a front, in a loop of its own."""

    def __init__(self, front: Client, stream_id: str) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.receiver = self._run(self._play(f"{front.url}/whep/{APP_ID}/{stream_id}"))

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _play(self, url: str) -> Receiver:
        receiver = Receiver()
        await receiver.play(url, generate(APP_ID, "watcher", SECRET, time.time()))
        return receiver

    @property
    def heard(self) -> int:
        """Packets of sound so far."""
        return len(self.receiver.arrived["audio"])

    def gap(self, since: float) -> float:
        """The longest pause between packets of sound, up to now, in seconds."""
        times = [since, *(t for t, _ in self.receiver.arrived["audio"] if t > since), time.monotonic()]
        return max(b - a for a, b in zip(times, times[1:], strict=False))

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._run(self.receiver.close())
        self._loop.call_soon_threadsafe(self._loop.stop)


@pytest.fixture(scope="module")
def callbacks() -> Iterator[Any]:
    from ..support.listening import Receiver as CallbackReceiver

    receiver = CallbackReceiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def town(callbacks: Any) -> Iterator[Town]:
    # Not one of pytest's folders: another run of it would shut PostgreSQL's own user out of them.
    folder = Path(tempfile.mkdtemp(prefix="bunraku-town-"))
    made = Town(folder, callbacks.url)
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def watch() -> Iterator[Any]:
    watching: list[Watching] = []

    def make(front: Client, stream_id: str) -> Watching:
        watching.append(Watching(front, stream_id))
        return watching[-1]

    yield make
    for watcher in watching:
        watcher.close()
