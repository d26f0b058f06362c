"""Which digital humans there are."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

from bunraku.core.errors import ApiError, DigitalHumanNotFound
from bunraku.node.avatars.base import AvatarPack
from bunraku.node.avatars.kinds import open_pack
from bunraku.node.avatars.label import labelled
from bunraku.node.avatars.manifest import claimed_id

log = logging.getLogger(__name__)

BUILT_IN = Path(__file__).parent / "pack" / "data"


class BroughtPacks(Protocol):
    """Digital humans of single apps that have been brought to this node."""

    def find(self, tenant: int, digital_human_id: str) -> AvatarPack | None: ...


class NoPacks:
    """A ``BroughtPacks`` of nobody."""

    def find(self, tenant: int, digital_human_id: str) -> AvatarPack | None:
        del tenant, digital_human_id


class Catalog:
    """Packs by id, built-in ones first, each group in order of name; apps' own beside them.

    ``cache`` is a folder for decoded art, which processes of one machine may share. ``label`` is drawn
    into every picture of them; nothing when empty.
    """

    def __init__(
        self,
        folders: tuple[Path, ...] = (),
        aliases: dict[str, str] | None = None,
        *,
        cache: Path | None = None,
        label: str = "",
        own: BroughtPacks | None = None,
    ) -> None:
        self._aliases, self._cache, self._label = aliases or {}, cache, label
        self._own = own or NoPacks()
        self._packs: dict[str, AvatarPack] = {}
        self._broken: dict[str, ApiError] = {}
        found = sorted(p for p in BUILT_IN.iterdir() if (p / "manifest.json").is_file())
        for folder in (*found, *folders):
            self._load(folder)

    def _load(self, folder: Path) -> None:
        try:
            pack = open_pack(folder.resolve(), self._cache)
        except ApiError as error:
            # Create then says why, under its id when that much can be read of it.
            log.error("digital human %s: %s", folder.name, error.message)
            self._broken[claimed_id(folder)] = error
            return
        self._packs[pack.id] = labelled(pack, self._label) if self._label else pack

    def list(self) -> list[AvatarPack]:
        """Without those of single apps."""
        return list(self._packs.values())

    def resolve(self, digital_human_id: str) -> str:
        return self._aliases.get(digital_human_id, digital_human_id)

    def is_own(self, digital_human_id: str) -> bool:
        """Not everybody's; then some app's, or nobody's at all."""
        key = self.resolve(digital_human_id)
        return key not in self._packs and key not in self._broken

    def get(self, digital_human_id: str, *, tenant: int = 0) -> AvatarPack:
        """Everybody's, or an own one of the app ``tenant``. Raises ``DigitalHumanNotFound``, or what made
        the pack unusable."""
        key = self.resolve(digital_human_id)
        if key in self._broken:
            error = self._broken[key]
            # With no traceback: a kept one would grow by every call.
            raise error.with_traceback(None) from None
        return self._own.find(tenant, digital_human_id) or self.get_usable(digital_human_id)

    def get_usable(self, digital_human_id: str) -> AvatarPack:
        """Raises ``DigitalHumanNotFound`` for an unusable one too (contract sections 5.2, 5.3, 5.15)."""
        pack = self._packs.get(self.resolve(digital_human_id))
        if pack is None:
            raise DigitalHumanNotFound(digital_human_id[:64])
        return pack
