"""Kinds of sources: every folder here that has a ``maker`` is one, and bears its name."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from pkgutil import iter_modules
from typing import cast

from bunraku.node import people
from bunraku.node.people.base import Maker


@cache
def kinds() -> tuple[str, ...]:
    """Names of those that are installed; none is imported by this."""
    return tuple(
        found.name
        for found in iter_modules(people.__path__)
        if found.ispkg and any((Path(place) / found.name / "maker.py").is_file() for place in people.__path__)
    )


def maker_of(kind: str) -> Maker:
    """Of one of ``kinds``. The first time it is imported, which takes a while."""
    return cast(Maker, importlib.import_module(f"{people.__name__}.{kind}.maker"))
