"""Avatar images and gesture previews, made on first use and kept in the data directory."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bunraku.core.errors import ApiError
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.preview import PREVIEW, avatar_png
from bunraku.node.film import film


class Assets:
    """``avatar.png`` and ``{gesture}.mp4`` of each digital human."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog, self._folder = catalog, folder
        self._making = asyncio.Lock()  # one at a time: previews must not starve live pictures

    async def get(self, digital_human_id: str, name: str) -> bytes | None:
        """None when there is nothing of that name."""
        try:
            pack = self._catalog.get(digital_human_id)
        except ApiError:
            return None
        gesture = name.removesuffix(".mp4")
        if name != "avatar.png" and (gesture == name or gesture not in pack.gestures):
            return None
        path = self._folder / pack.id / pack.version / name
        async with self._making:
            if not path.is_file():
                if name == "avatar.png":
                    await asyncio.to_thread(avatar_png, pack, path)
                else:
                    await film(pack, PREVIEW, [], path, gesture=gesture)
        return await asyncio.to_thread(path.read_bytes)
