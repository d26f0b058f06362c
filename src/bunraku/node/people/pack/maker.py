"""Kind ``pack``: a digital human that was made elsewhere, as a zip or tar of its pack."""

from __future__ import annotations

from pathlib import Path

from bunraku.core.errors import ApiError
from bunraku.node.avatars.kinds import open_pack
from bunraku.node.people.archive import Unreadable, unpack
from bunraku.node.people.base import Progress, Unsuitable

NETS = False
MOST = 400 * 1024**2
"""Bytes unpacked; what the server keeps is limited by its settings (``people.pack_bytes``)."""


def make(source: Path, folder: Path, *, name: str, models: Path, progress: Progress) -> list[str]:
    """Raises ``Unsuitable``."""
    del name, models
    progress(10, "pack")
    try:
        unpack(source, folder, MOST)
    except Unreadable as error:
        raise Unsuitable(f"The file is no pack: {error}.", "Bring a zip or tar of one.") from error
    progress(50, "pack")
    try:
        open_pack(folder)
    except ApiError as error:
        raise Unsuitable(f"The pack cannot be used: {error.detail}.", "Have it made anew.") from error
    progress(80, "pack")
    return []
