"""The schema of the database: which one it has, and how it gets the newest.

Alembic is imported only where there is something to migrate: it is ten megabytes of every process.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from bunraku.core.starting import CannotStart

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
TABLE = "alembic_version"
KNOWN: tuple[str, ...] = tuple(
    sorted(p.name.partition("_")[0] for p in (MIGRATIONS / "versions").glob("[0-9]*.py"))
)
"""Revisions of this release, the newest last: a migration's file begins with its name."""


def migrate(connection: Connection) -> None:
    """To the newest schema. Raises ``CannotStart`` for one that this release does not know."""
    found = None
    if inspect(connection).has_table(TABLE):
        found = connection.scalar(text(f"SELECT version_num FROM {TABLE}"))  # noqa: S608 - our own name
    if found is not None:
        refuse_newer(str(found))
    if found == KNOWN[-1]:
        return
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def alembic_config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def refuse_newer(revision: str) -> None:
    """Raises ``CannotStart`` for a schema that this release does not know."""
    if revision not in KNOWN:
        raise CannotStart(
            f"the database was written by a newer release: its schema is {revision}, "
            f"this one knows up to {KNOWN[-1]}"
        )
