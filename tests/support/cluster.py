"""Fronts and nodes over real PostgreSQL, Redis and Ray, as somebody would run them; all on loopback.

Nodes are Ray's actors, fronts are processes of ``bunraku front`` behind a ``Balancer`` that hands each
connection to the next front. Clients made here open a connection for each call, so that every test
crosses fronts all the time.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bunraku.client import Client
from bunraku.core.load import NodeInfo
from bunraku.core.settings import AppSettings, Settings, load
from bunraku.node.avatars.catalog import BUILT_IN
from bunraku.node.speech.base import SpeechProvider
from bunraku.testing.server import APP_ID, SECRET, test_apps
from bunraku.testing.voices import ToneVoices

from .balancer import Balancer
from .services import Service, free_port, postgresql, postgresql_binaries, redis
from .waiting import wait_for

START = 60.0  # s
FEW_APP_ID, FEW_SECRET, FEW = 24680, "fedcba9876543210fedcba9876543210", 5
"""An app that may have few tasks; on the clusters that have no other apps named."""


FEW_APP = AppSettings(app_id=FEW_APP_ID, server_secret=FEW_SECRET, max_tasks=FEW)
BROKEN = "b0e0c3ad-5d3e-4b6f-9c58-2f4d7c1a9e10"
"""A digital human that every task fails to start with."""


def missing() -> str | None:
    """Why there can be no cluster here; None when there can."""
    lacks = [
        name
        for name, there in (
            ("bunraku[cluster]", all(map(importlib.util.find_spec, ("ray", "asyncpg", "redis")))),
            ("PostgreSQL", postgresql_binaries() is not None),
            ("redis-server", shutil.which("redis-server") is not None),
        )
        if not there
    ]
    return f"no cluster here: {', '.join(lacks)} missing" if lacks else None


def toml(settings: dict[str, Any]) -> str:
    """Tables of plain values; strings, numbers, lists and booleans are written as in JSON."""
    lines: list[str] = []
    tables: list[str] = []
    for key, value in settings.items():
        for table in (
            value if isinstance(value, list | tuple) and value and isinstance(value[0], dict) else ()
        ):
            tables += [f"[[{key}]]", *(f"{k} = {json.dumps(v)}" for k, v in table.items() if v is not None)]
        if isinstance(value, dict):
            tables += [f"[{key}]", *(f"{k} = {json.dumps(v)}" for k, v in value.items() if v is not None)]
        elif not (isinstance(value, list | tuple) and value and isinstance(value[0], dict)):
            lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join([*lines, *tables]) + "\n"


def _broken_pack(folder: Path) -> None:
    shutil.copytree(BUILT_IN / "anna", folder)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps(manifest | {"id": BROKEN, "name": "Broken"}))
    for picture in folder.glob("pose_*.webp"):
        picture.write_bytes(picture.read_bytes()[:200])


@dataclass
class Front:
    """A process of ``bunraku front``; ``kill`` is sudden, ``stop`` is in order."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"a front did not start:\n{self.log.read_text()[-3000:]}")
        try:
            return httpx.get(f"{self.base_url}/readyz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


class RunningCluster:
    """Context manager with what tests use of ``bunraku.testing.server.RunningServer``, and more.

    One at a time in a process: it is a driver of its own Ray.
    """

    def __init__(
        self,
        *,
        nodes: int = 2,
        fronts: int = 2,
        apps: tuple[AppSettings, ...] | None = None,
        providers: Sequence[SpeechProvider] | None = None,
        **settings: Any,
    ) -> None:
        """``providers`` are pickled to the nodes; scripted voices when not given."""
        self._count, self._front_count = nodes, fronts
        self._providers = [ToneVoices()] if providers is None else list(providers)
        self._apps, self._changes = apps or (*test_apps(), FEW_APP), settings
        self._balancer = Balancer()
        self.folder = Path(tempfile.mkdtemp(prefix="bunraku-cluster-"))
        self.folder.chmod(0o755)  # PostgreSQL's own user passes through
        self.node_ids: list[str] = []
        self.fronts: list[Front] = []
        self._processes: list[Front] = []
        self.postgresql: Service
        self.redis: Service
        self.settings: Settings

    # --- as RunningServer

    @property
    def port(self) -> int:
        return self._balancer.port

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, app_id: int = APP_ID, secret: str = SECRET) -> Client:
        """Each of its calls may reach another front."""
        client = Client(self.base_url, app_id, secret)
        client.http.headers["Connection"] = "close"
        return client

    # --- life

    def __enter__(self) -> RunningCluster:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        from bunraku.nodes.ray import cluster as ray_cluster

        self.postgresql, self.redis = postgresql(self.folder / "pg"), redis(self.folder)
        self.postgresql.start()
        self.redis.start()
        _broken_pack(self.folder / BROKEN)
        self._balancer.start()
        self.config = self.folder / "bunraku.toml"
        self.settings = self._write(self.config, **self._changes)
        self._joined = ray_cluster.start()
        self.ray_address: str = self._joined.ray.get_runtime_context().gcs_address
        # Fronts start while nodes do.
        for i in range(self._count):
            self.add_node(wait=False, index=i)
        for _ in range(self._front_count):
            self.add_front(wait=False)
        asyncio.run(ray_cluster.started(self._joined, self.node_ids))
        for front in self.fronts:
            wait_for(lambda f=front: f.ready, START)

    def _write(self, path: Path, **changes: Any) -> Settings:
        plain: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": 8080,
            "log_format": "json",
            "data_dir": str(self.folder / "nodes"),
            "database_url": self.postgresql.url,
            "packs": [str(self.folder / BROKEN)],
            "apps": [a.model_dump(mode="json") for a in self._apps],
            **changes,
        }
        limits = {"calls_per_second": 0, "address_calls_per_second": 0, "storage": self.redis.url}
        plain["limits"] = limits | changes.get("limits", {})
        path.write_text(toml(plain))
        return load(path)

    def close(self) -> None:
        for front in self._processes:
            if front.process.poll() is None:
                front.kill()
        self._balancer.stop()
        if hasattr(self, "_joined"):
            self._joined.leave()
        for name in ("redis", "postgresql"):
            service = getattr(self, name, None)
            if service is not None and service.running:
                service.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- for tests of failures

    def add_node(self, *, wait: bool = True, index: int | None = None) -> str:
        """Its id."""
        from bunraku.nodes.ray import cluster as ray_cluster

        place = len(self.node_ids) if index is None else index
        self.settings.data_dir.mkdir(exist_ok=True)  # of the machine, as with ``bunraku node start``
        node_id = ray_cluster.add(self._joined, self.settings, place, "INFO", providers=self._providers)
        self.node_ids.append(node_id)
        if wait:
            asyncio.run(ray_cluster.started(self._joined, [node_id]))
        return node_id

    def add_front(self, *, wait: bool = True, **changes: Any) -> Front:
        """Behind the balancer too, unless its settings have ``changes``."""
        port = free_port()
        log, config = self.folder / f"front-{port}.log", self.config
        if changes:
            config = self.folder / f"front-{port}.toml"
            self._write(config, **self._changes | changes)
        command = [sys.executable, "-m", "bunraku", "front", "--config", str(config), "--join", "auto"]
        command += ["--port", str(port), "--data-dir", str(self.folder / f"front-{port}")]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=os.environ | {"RAY_ADDRESS": self.ray_address},  # ours, whatever else runs
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        front = Front(port, process, log)
        self._processes.append(front)
        if not changes:
            self.fronts.append(front)
            self._balancer.ports.append(port)
        if wait:
            wait_for(lambda: front.ready, START)
        return front

    def node_pids(self) -> dict[str, int]:
        """Of the processes that nodes live in now, by the id of the node."""
        from bunraku.nodes.ray import cluster as ray_cluster

        ray = self._joined.ray
        handles = [ray.get_actor(i, namespace=ray_cluster.NAMESPACE) for i in self.node_ids]
        pids = ray.get([h.started.remote() for h in handles], timeout=START)
        return dict(zip(self.node_ids, pids, strict=True))

    def nodes(self) -> list[NodeInfo]:
        """As the database tells of them."""
        from bunraku import cluster

        return asyncio.run(cluster.status(self.settings))

    def settled(self) -> None:
        """Until every node beats as up."""
        deadline = time.monotonic() + START
        while any(n.state != "up" for n in self.nodes()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
