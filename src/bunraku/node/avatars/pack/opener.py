"""Kind ``pack``: baked layers, composed on the CPU."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from bunraku.node.avatars.pack.pack import Pack


@lru_cache(256)  # far more than a server has of everybody's; those of apps come and go
def open_pack(folder: Path, cache: Path | None) -> Pack:
    """One ``Pack`` per folder and process, however many servers and tasks show it.

    Raises ``DigitalHumanVersion`` or ``DigitalHumanBroken``, which are not remembered.
    """
    return Pack(folder, cache)
