"""The command line."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from bunraku import __version__
from bunraku.apps_cli import apps
from bunraku.cluster_cli import again
from bunraku.cluster_cli import commands as cluster_commands
from bunraku.core import logs
from bunraku.core.config import explain, mistakes, unknown_names
from bunraku.core.settings import Settings, load
from bunraku.people_cli import people
from bunraku.provenance_cli import provenance
from bunraku.remote import COMMANDS
from bunraku.voices_cli import voices

if TYPE_CHECKING:
    from fastapi import FastAPI

    from bunraku.reload import Source


def _settings(config: Path | None, **overrides: Any) -> Settings:
    unknown = unknown_names()
    try:
        found = load(config, **overrides)
    except ValidationError as error:
        raise click.ClickException("settings:\n" + "\n".join([*explain(error, config), *unknown])) from None
    except tomllib.TOMLDecodeError as error:
        raise click.ClickException(f"settings: {config}: {error}") from None
    except OSError as error:
        raise click.ClickException(f"settings: {error}") from None
    if unknown:
        raise click.ClickException("settings:\n" + "\n".join(unknown))
    return found


def _server_options(command: Any) -> Any:
    options = (
        click.option("--host", help="Address to listen on."),
        click.option("--port", type=int, help="Port to listen on."),
        click.option("--data-dir", type=click.Path(path_type=Path), help="Database and secrets."),
        click.option("--log-level", default="INFO", show_default=True),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
@click.version_option(__version__)
def main() -> None:
    """Bunraku: live digital humans over WebRTC."""


@main.command()
@click.option("--config", type=click.Path(path_type=Path), help="bunraku.toml")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="PEM certificate chain: serve HTTPS.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="PEM key of --tls-cert.")
@click.option("--nodes", type=click.IntRange(min=1), help="Node processes on this machine (extra: cluster).")
@_server_options
def serve(
    config: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    nodes: int | None,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    log_level: str,
) -> None:
    """Serve the API, the rooms and the console."""
    given = {"host": host, "port": port, "data_dir": data_dir, "tls_cert": tls_cert, "tls_key": tls_key}

    def load_settings() -> Settings:
        found = _settings(config, **given)
        if not found.apps and not found.console.enabled:
            raise click.ClickException("no [[apps]] in the configuration: nobody could call this server")
        return found

    settings, source = load_settings(), None if config is None else again(load_settings)

    def make() -> FastAPI:
        from bunraku.app import build

        return build(settings)

    if nodes is None:
        _run(make, settings, log_level, source=source)
    else:
        _serve_with_nodes(settings, nodes, log_level, source)


def _serve_with_nodes(settings: Settings, count: int, log_level: str, source: Source | None) -> None:
    from bunraku import cluster
    from bunraku.nodes.ray import cluster as ray_cluster
    from bunraku.process import CannotStart

    try:
        cluster.check(settings, fronts=False)
        logs.configure(log_level.upper(), settings.log_format)
        joined = ray_cluster.start()
    except CannotStart as error:
        raise click.ClickException(str(error)) from None

    def make() -> FastAPI:
        own = [ray_cluster.add(joined, settings, i, log_level.upper()) for i in range(count)]
        return cluster.build(settings, joined, own)

    try:
        _run(make, settings, log_level, count, source)
    finally:
        joined.leave()


@main.command()
@_server_options
def demo(host: str | None, port: int | None, data_dir: Path | None, log_level: str) -> None:
    """Serve with one ready app; the console opens at the address printed."""
    from bunraku.demo import demo_app

    settings = _settings(None, host=host, port=port, data_dir=data_dir)

    def build() -> FastAPI:
        from bunraku.app import build

        ours = settings.model_copy(update={"apps": (demo_app(settings.data_dir),)})
        scheme = "https" if settings.tls_cert else "http"
        click.echo(f"\n  Bunraku is at {scheme}://{settings.host}:{settings.port}/\n")
        click.echo(f"  AppId         {ours.apps[0].app_id}")
        click.echo(f"  ServerSecret  in {settings.data_dir / 'demo.json'}\n")
        return build(ours)

    _run(build, settings, log_level)


def _run(
    make: Callable[[], FastAPI],
    settings: Settings,
    log_level: str,
    nodes: int = 1,
    source: Source | None = None,
) -> None:
    from bunraku.process import CannotStart
    from bunraku.serve import run

    logs.configure(log_level.upper(), settings.log_format)
    try:
        run(make, settings, nodes, source)
    except CannotStart as error:
        raise click.ClickException(str(error)) from None


@main.group()
def config() -> None:
    """Look at a configuration before it is used."""


@config.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("bunraku.toml"))
def check(path: Path) -> None:
    """Name the line of every mistake in PATH, and mistakes in the environment."""
    try:
        found = mistakes(path)
    except OSError as error:
        raise click.ClickException(f"{path}: {(error.strerror or str(error)).lower()}") from None
    for mistake in found:
        click.echo(mistake)
    if found:
        raise SystemExit(1)
    click.echo(f"{path}: no mistakes")


_of_data = (
    click.option("--config", type=click.Path(path_type=Path), help="bunraku.toml"),
    click.option("--data-dir", type=click.Path(path_type=Path), help="Database and secrets."),
)


@main.command()
@click.argument("out", type=click.Path(path_type=Path))
@_of_data[0]
@_of_data[1]
def backup(out: Path, config: Path | None, data_dir: Path | None) -> None:
    """Write the data directory to OUT, a .tar.gz, while the server runs or not. It holds secrets."""
    from bunraku.backup import Impossible
    from bunraku.backup import backup as write

    try:
        write(_settings(config, data_dir=data_dir), out)
    except Impossible as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{out}: {out.stat().st_size} bytes")


@main.command()
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_of_data[0]
@_of_data[1]
@click.option("--force", is_flag=True, help="Also over what is there.")
def restore(archive: Path, config: Path | None, data_dir: Path | None, force: bool) -> None:
    """Make the data directory what ARCHIVE, a backup, says. No server may run on it."""
    from bunraku.backup import Impossible
    from bunraku.backup import restore as read

    settings = _settings(config, data_dir=data_dir)
    try:
        read(settings, archive, force=force)
    except Impossible as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{settings.data_dir}: restored")


@main.command()
@click.option("--config", "path", type=click.Path(path_type=Path), help="bunraku.toml")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Database and secrets.")
@click.option("--json", "plain", is_flag=True, help="A list of objects.")
def doctor(path: Path | None, data_dir: Path | None, plain: bool) -> None:
    """See whether a server can run here: ports, TURN, clock, codecs, voices, database, disk, limits.

    Changes nothing, also beside a running server. Exit status 1 when anything fails.
    """
    import asyncio
    import logging

    from bunraku import doctor as surgery
    from bunraku.doctor.finding import FAIL, OK, Finding

    try:
        wrong = mistakes(path)
        settings = None if wrong else _settings(path, data_dir=data_dir)
    except OSError as error:
        raise click.ClickException(f"{path}: {(error.strerror or str(error)).lower()}") from None
    found = [Finding("settings", FAIL, text, "docs/settings.md has them all") for text in wrong]
    if settings is not None:
        logging.disable(logging.ERROR)  # what matters is among the findings
        found = [Finding("settings", OK, surgery.named(path)), *asyncio.run(surgery.examine(settings))]
    click.echo(surgery.as_json(found) if plain else surgery.table(found))
    if any(f.state == FAIL for f in found):
        raise SystemExit(1)


@main.command()
@click.option("--config", "path", type=click.Path(path_type=Path), help="bunraku.toml")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Database and secrets.")
@click.option("--tail", default=100, show_default=True, type=click.IntRange(min=1), help="The newest.")
def audit(path: Path | None, data_dir: Path | None, tail: int) -> None:
    """Who did what in the console, oldest first, a JSON object a line."""
    import asyncio
    import json

    from bunraku.core.clock import SystemClock
    from bunraku.store.audit import AuditLog
    from bunraku.store.database import Database

    settings = _settings(path, data_dir=data_dir)
    if settings.database_url is None and not (settings.data_dir / "bunraku.db").exists():
        raise click.ClickException(f"no database in {settings.data_dir}")
    log = AuditLog(Database.of(settings.database_url, settings.data_dir), SystemClock())
    for row in reversed(asyncio.run(log.last(tail))):
        click.echo(json.dumps(row))


@main.command()
def avatars() -> None:
    """List the digital humans that are installed."""
    from bunraku.node.avatars.catalog import Catalog

    for pack in Catalog().list():
        click.echo(f"{pack.id}  {pack.name:<12} {', '.join(pack.gestures)}")


@main.command()
@click.option("--text", help="What to say.")
@click.option("--audio", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="What to play.")
@click.option("--transcript", help="The words of --audio, for better lips and captions.")
@click.option("--human", help="Name or id of the digital human; the first when not given.")
@click.option("--voice", help="TimbreId; one that fits --human and the language of --text when not given.")
@click.option("--size", default="720x1280", show_default=True, help="WIDTHxHEIGHT, even numbers.")
@click.option("--background", default="#dfe5ee", show_default=True, help="#RRGGBB or a picture file.")
@click.option("--captions", is_flag=True, help="Write WebVTT beside the film.")
@click.option("--config", type=click.Path(path_type=Path), help="bunraku.toml, for its voices.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="An .mp4 file; .opus for sound alone."
)
def render(out: Path, **options: Any) -> None:
    """Make a performance into a film, or its sound alone, faster than real time."""
    from bunraku.render import OptionsRefused, make

    with click.progressbar(length=1000, label="Rendering") as bar:

        def progress(share: float) -> None:
            bar.update(int(share * 1000) - bar.pos)

        try:
            settings = _settings(options.pop("config"))
            took = make(settings, out, progress, **options)
        except OptionsRefused as error:
            raise click.ClickException(str(error)) from None
    by = f", spoken by {took.voice}" if took.voice else ""
    click.echo(f"{out}: {took.seconds:.1f} s in {took.wall:.1f} s{by}")
    if took.note:
        click.echo(f"note: {took.note}", err=True)


@main.command()
@click.option("--quick", is_flag=True, help="Fewer samples; of simulation a twentieth.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="build/bench.json, or bench-voices.json, bench-cluster.json.",
)
@click.option(
    "--database-url",
    envvar="BUNRAKU_BENCH_DATABASE_URL",
    help="An empty PostgreSQL for cluster and simulation; one of their own when not given.",
)
@click.option("--nodes", type=click.IntRange(min=4), default=1000, show_default=True, help="Simulated.")
@click.option("--tasks", type=click.IntRange(min=100), default=100_000, show_default=True, help="Simulated.")
@click.option("--births", type=click.IntRange(min=20), help="Of these through the real transaction.")
@click.option("--turns", default=60.0, show_default=True, help="Beats a second that are simulated.")
@click.option("--only", type=click.Choice(["latency", "density"]), help="A part of voices or cluster.")
@click.argument(
    "what", type=click.Choice(["all", "density", "drawn", "voices", "cluster", "simulation"]), default="all"
)
def bench(
    what: str,
    quick: bool,
    out: Path | None,
    database_url: str | None,
    nodes: int,
    tasks: int,
    births: int | None,
    turns: float,
    only: str | None,
) -> None:
    """Measure latency and CPU of a real server; print a table, write JSON.

    ``density`` finds how many watched streams this machine holds before sound comes late, ``drawn`` what
    streams cost that their watchers draw, and how many of them it holds, ``voices`` how
    soon each kind of voice is heard and how many talk at once on one core; ``cluster`` measures a front
    and two nodes, ``simulation`` pretends very many on a real database.
    """
    if what in ("all", "density", "drawn", "voices"):
        from bunraku.bench.run import main as run_bench

        out = out or Path(f"build/bench{f'-{what}' if what in ('voices', 'drawn') else ''}.json")
        click.echo(run_bench(out, quick, None if what == "all" else what, only if what == "voices" else None))
        return
    from bunraku.bench.cluster import main as bench_cluster
    from bunraku.bench.postgresql import NoServer
    from bunraku.bench.simulation import scaled

    scale = None if what == "cluster" else scaled(nodes, tasks, births, turns, quick)
    out = out or Path("build/bench-cluster.json")
    try:
        click.echo(bench_cluster(out, quick, database_url, scale, partial(click.echo, err=True), only))
    except NoServer as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.option("--minutes", type=click.FloatRange(min=0.2), default=60.0, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the random life.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/soak.html"), show_default=True)
def soak(minutes: float, seed: int, out: Path) -> None:
    """Use a real server at random for a long time; write a page that shows what grew."""
    from bunraku.bench.soak import soak as run_soak

    found = run_soak(minutes, seed, out)
    for name, figure in found.slopes.items():
        grows = ", grows" if figure.grows else ""
        click.echo(f"{name:<14} {figure.per_hour:+} ± {figure.margin} an hour{grows}")
    if found.callbacks_lost:
        raise click.ClickException("callbacks that did not come: " + "; ".join(found.callbacks_lost))


for _command in (*COMMANDS, apps, people, provenance, voices, *cluster_commands(_settings)):
    main.add_command(_command)
