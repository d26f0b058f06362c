"""Kind ``loop``: real footage that goes round, with the person's own mouth laid into it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from bunraku.node.avatars.loop.pack import LoopPack


@lru_cache(256)
def open_pack(folder: Path, cache: Path | None) -> LoopPack:
    """One ``LoopPack`` per folder and process, however many servers and tasks show it.

    Raises ``DigitalHumanVersion`` or ``DigitalHumanBroken``, which are not remembered.
    """
    return LoopPack(folder, cache)
