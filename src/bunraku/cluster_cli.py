"""Command-line commands of a cluster; Ray is imported only by those that need it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from bunraku.core import logs
from bunraku.core.load import HALL
from bunraku.core.settings import Settings
from bunraku.core.starting import CannotStart
from bunraku.reload import SettingsRefused, Source

Load = Callable[..., Settings]


def _plainly(command: Callable[..., None]) -> Callable[..., None]:
    """What cannot start says why in a line."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except CannotStart as error:
            raise click.ClickException(str(error)) from None

    return run


def again(load_settings: Callable[[], Settings]) -> Source:
    """What ``load_settings`` says to a person is why it is refused."""

    def read() -> Settings:
        try:
            return load_settings()
        except click.ClickException as error:
            raise SettingsRefused(error.message) from None

    return Source(read)


_config = click.option("--config", type=click.Path(path_type=Path), required=True, help="bunraku.toml")
_join = click.option("--join", required=True, help="HOST:PORT of Ray's head; auto for this machine's Ray.")
_deadline = click.option(
    "--deadline", default=300.0, show_default=True, help="Seconds until streams that are left are stopped."
)


def commands(load: Load) -> list[click.Command]:
    """``load`` reads settings and raises ``click.ClickException``."""

    @click.command()
    @_config
    @_join
    @click.option("--host", help="Address to listen on.")
    @click.option("--port", type=int, help="Port to listen on.")
    @click.option("--data-dir", type=click.Path(path_type=Path), help="Of this front alone.")
    @click.option("--log-level", default="INFO", show_default=True)
    @_plainly
    def front(config: Path, join: str, log_level: str, **options: Any) -> None:
        """Serve HTTP for the nodes of a cluster; any number of fronts may."""
        from bunraku import cluster
        from bunraku.nodes.ray import cluster as ray_cluster
        from bunraku.serve import run

        def load_settings() -> Settings:
            found = load(config, **options)
            cluster.check(found, fronts=True)
            return found

        settings = load_settings()
        logs.configure(log_level.upper(), settings.log_format)
        joined = ray_cluster.join(join)
        try:
            run(lambda: cluster.build(settings, joined), settings, 0, again(load_settings))
        finally:
            joined.leave()

    @click.group()
    def node() -> None:
        """Nodes of a cluster."""

    @node.command("start")
    @_config
    @_join
    @click.option("--nodes", default=1, show_default=True, type=click.IntRange(min=1), help="Processes here.")
    @click.option("--data-dir", type=click.Path(path_type=Path), help="Of this machine's nodes.")
    @click.option("--log-level", default="INFO", show_default=True)
    @_deadline
    @_plainly
    def node_start(
        config: Path, join: str, nodes: int, deadline: float, log_level: str, **options: Any
    ) -> None:
        """Add this machine; SIGTERM drains its nodes."""
        from bunraku import cluster
        from bunraku.nodes.ray import cluster as ray_cluster

        settings = load(config, **options)
        cluster.check(settings, fronts=False)
        logs.configure(log_level.upper(), settings.log_format)
        joined = ray_cluster.join(join)
        try:
            source = again(lambda: load(config, **options))
            source.hold()
            asyncio.run(cluster.keep(settings, joined, nodes, deadline, log_level.upper(), source))
        finally:
            joined.leave()

    @node.command("drain")
    @click.argument("node_id")
    @_join
    @_deadline
    @click.option("--restart", is_flag=True, help="Let it begin anew, with the code installed now.")
    @_plainly
    def node_drain(node_id: str, join: str, deadline: float, restart: bool) -> None:
        """Let NODE_ID take no new rooms, wait for its streams, and end it."""
        from bunraku.nodes.ray import cluster as ray_cluster

        joined = ray_cluster.join(join)
        try:
            asyncio.run(ray_cluster.drain(joined, node_id, deadline, restart=restart))
        except KeyError:
            raise click.ClickException(f"no node {node_id}") from None
        finally:
            joined.leave()

    @click.group("cluster")
    def cluster_group() -> None:
        """A cluster as a whole."""

    @cluster_group.command("status")
    @_config
    @_plainly
    def cluster_status(config: Path) -> None:
        """List nodes, their load, rooms and versions."""
        from bunraku import cluster

        settings = load(config)
        cluster.check(settings, fronts=False)
        about = f"{'VERSION':<9} {'HALL':<6} {'TASKS':>9} {'ROOMS':>6} {'LATE':>7}  MACHINE"
        click.echo(f"{'NODE':<26} {'STATE':<9} {about}")
        for n in asyncio.run(cluster.status(settings)):
            tasks = f"{n.load.tasks}/{n.load.capacity}"
            hall = str(n.hall) if n.understood else f"{n.hall} not {HALL}"
            click.echo(
                f"{n.id:<26} {n.state:<9} {n.version:<9} {hall:<6} {tasks:>9} {n.load.rooms:>6} "
                f"{n.load.lateness * 1e3:>5.1f}ms  {n.machine}"
            )

    return [front, node, cluster_group]
