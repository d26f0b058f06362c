"""Which digital humans there are."""

from __future__ import annotations

import logging
from pathlib import Path

from bunraku.avatars.base import AvatarPack
from bunraku.avatars.pack.pack import open_pack
from bunraku.errors import ApiError, DigitalHumanNotFound

log = logging.getLogger(__name__)

BUILT_IN = Path(__file__).parent / "pack" / "data"


class Catalog:
    """Packs by id, built-in ones first, each group in order of name."""

    def __init__(self, folders: tuple[Path, ...] = (), aliases: dict[str, str] | None = None) -> None:
        self._aliases = aliases or {}
        self._packs: dict[str, AvatarPack] = {}
        self._broken: dict[str, ApiError] = {}
        found = sorted(p for p in BUILT_IN.iterdir() if (p / "manifest.json").is_file())
        for folder in (*found, *folders):
            self._load(folder)

    def _load(self, folder: Path) -> None:
        try:
            pack = open_pack(folder.resolve())
        except ApiError as error:
            # Its id is unknown, so it is known by its folder's name: Create then says why.
            log.error("digital human %s: %s", folder.name, error.message)
            self._broken[folder.name] = error
            return
        self._packs[pack.id] = pack

    def list(self) -> list[AvatarPack]:
        return list(self._packs.values())

    def resolve(self, digital_human_id: str) -> str:
        return self._aliases.get(digital_human_id, digital_human_id)

    def get(self, digital_human_id: str) -> AvatarPack:
        """Raises ``DigitalHumanNotFound``, or what made the pack unusable."""
        key = self.resolve(digital_human_id)
        if key in self._broken:
            raise self._broken[key]
        pack = self._packs.get(key)
        if pack is None:
            raise DigitalHumanNotFound(digital_human_id)
        return pack
