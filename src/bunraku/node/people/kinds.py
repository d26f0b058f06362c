"""Kinds of sources: every folder here that has a ``maker`` is one, and bears its name."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from pkgutil import iter_modules
from typing import cast

from bunraku.core.own_human import SourceKind, kind_of_name
from bunraku.node import people
from bunraku.node.people.base import Maker

PICTURES = (b"heic", b"heix", b"heim", b"mif1", b"avif")  # brands: ISO/IEC 23008-12, AV1 Image File Format


@cache
def kinds() -> tuple[str, ...]:
    """Names of those that are installed; none is imported by this."""
    return tuple(
        found.name
        for found in iter_modules(people.__path__)
        if found.ispkg and any((Path(place) / found.name / "maker.py").is_file() for place in people.__path__)
    )


def kind_of(path: Path) -> SourceKind:
    """Of a file, by how it begins; by its name where that says nothing. Raises ``OSError``."""
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")) or head[8:12] == b"WEBP":
        return SourceKind.PHOTO
    if head[4:8] == b"ftyp":  # ISO/IEC 14496-12: pictures and films are told apart by their brand
        return SourceKind.PHOTO if head[8:12] in PICTURES else SourceKind.VIDEO
    if head.startswith((b"\x1a\x45\xdf\xa3", b"\0\0\x01\xba")) or head[8:11] == b"AVI":
        return SourceKind.VIDEO
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")) or head[257:262] == b"ustar":
        return SourceKind.PACK
    return kind_of_name(path.name)


def maker_of(kind: str) -> Maker:
    """Of one of ``kinds``. The first time it is imported, which takes a while."""
    return cast(Maker, importlib.import_module(f"{people.__name__}.{kind}.maker"))
