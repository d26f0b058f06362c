"""Avatar images and gesture previews. What a pack does not bring ready-made is rendered on first use
and kept in the data directory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from bunraku.core.errors import ApiError
from bunraku.node.avatars.base import AvatarPack, DrawablePack
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.preview import PREVIEW, portrait
from bunraku.node.film import film

KEPT = 4  # art of so many digital humans stays at hand, 5 MB each
AVATARS = ("avatar.jpg", "avatar.png")
AT_REST, REST_SECONDS = "preview.mp4", 4.0


class AssetCache:
    """``avatar.jpg``, a larger ``avatar.png``, ``{gesture}.mp4``, and ``preview.mp4`` of each at rest."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog, self._folder = catalog, folder
        self._art: dict[str, bytes] = {}
        self._bundling = asyncio.Lock()
        self._making = asyncio.Lock()  # one at a time: previews must not starve live pictures

    async def get(self, digital_human_id: str, name: str) -> bytes | None:
        """None when there is nothing of that name."""
        try:
            pack = self._catalog.get(digital_human_id)
        except ApiError:
            return None
        return await self.of(pack, name, self._folder / pack.id)

    async def of(self, pack: AvatarPack, name: str, folder: Path) -> bytes | None:
        """Of a pack that may be an app's own; what is made is kept in ``folder``."""
        gesture = name.removesuffix(".mp4")
        if name not in (*AVATARS, AT_REST) and (gesture == name or gesture not in pack.gestures):
            return None
        if name == "avatar.jpg" and pack.portrait is not None:
            return await asyncio.to_thread(pack.portrait.read_bytes)
        path = folder / pack.version / name
        async with self._making:
            if not path.is_file():
                if name in AVATARS:
                    await asyncio.to_thread(portrait, pack, path)
                elif gesture not in pack.gestures:
                    await film(pack, PREVIEW, [], path, still=REST_SECONDS)
                else:
                    await film(pack, PREVIEW, [], path, gesture=gesture)
        return await asyncio.to_thread(path.read_bytes)

    async def art_of(self, pack: AvatarPack, name: str, folder: Path) -> bytes | None:
        """The same of a pack that is an app's own; kept in ``folder``."""
        if not isinstance(pack, DrawablePack) or pack.art != name:
            return None
        path = folder / f"{name}.art"
        async with self._bundling:
            if not path.is_file():
                await asyncio.to_thread(_write, path, pack.bundle)
        return await asyncio.to_thread(path.read_bytes)

    async def art(self, name: str) -> bytes | None:
        """What a digital human is drawn from, by its content's name; None when there is none."""
        packs = (pack for pack in self._catalog.list() if isinstance(pack, DrawablePack))
        pack = next((pack for pack in packs if pack.art == name), None)
        if pack is None:
            return None
        async with self._bundling:
            kept = self._art.get(name)
            if kept is None:
                kept = self._art[name] = await asyncio.to_thread(pack.bundle)
                while len(self._art) > KEPT:
                    del self._art[next(iter(self._art))]
            return kept


def _write(path: Path, bundle: Callable[[], bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(bundle())
    partial.replace(path)
