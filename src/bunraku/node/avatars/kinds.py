"""Kinds of avatars: every folder here that has an ``opener`` is one, and bears its name."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from pkgutil import iter_modules
from typing import cast

from bunraku.core.errors import DigitalHumanVersion
from bunraku.node import avatars
from bunraku.node.avatars.base import AvatarPack, PackOpener
from bunraku.node.avatars.manifest import kind_of, read_raw


@cache
def kinds() -> tuple[str, ...]:
    """Names of those that are installed; none is imported by this."""
    return tuple(
        found.name
        for found in iter_modules(avatars.__path__)
        if found.ispkg
        and any((Path(place) / found.name / "opener.py").is_file() for place in avatars.__path__)
    )


def open_pack(folder: Path, cache: Path | None = None) -> AvatarPack:
    """The pack in a folder, by the opener of its kind (``PackOpener``).

    Raises ``DigitalHumanVersion`` when there is no such kind, and what the opener raises.
    """
    kind = kind_of(read_raw(folder))
    if kind not in kinds():
        raise DigitalHumanVersion(f"avatar kind {kind[:32]!r}, this server has {', '.join(kinds())}")
    opener = cast(PackOpener, importlib.import_module(f"{avatars.__name__}.{kind}.opener"))
    return opener.open_pack(folder, cache)
