"""Digital humans of single apps on this node: brought from the shelf when they are first wanted.

Everything of one lies in one folder, which all nodes of a machine share: its pack, what is decoded of
it, pictures and films of it. It goes with the digital human.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bunraku.core.clock import patience
from bunraku.core.errors import ApiError, DigitalHumanBroken, SystemBusy
from bunraku.core.own_human import OwnHuman, State
from bunraku.node.avatars.base import AvatarPack
from bunraku.node.avatars.kinds import open_pack
from bunraku.node.avatars.label import labelled
from bunraku.node.outputs.storage import StorageAway
from bunraku.node.people import archive
from bunraku.node.people.shelf import Key, NotAsKept, Shelf
from bunraku.store.people_store import PeopleStore

log = logging.getLogger(__name__)

PATIENCE = 4.0  # s a caller waits for one that is on its way; it goes on without him
OPEN = 500  # packs at hand; of those that were not wanted longest only the files stay
UNUSED = 30 * 86400.0  # s after which a folder goes, until it is wanted again


@dataclass(frozen=True, slots=True)
class _Brought:
    tenant: int
    digest: str
    pack: AvatarPack


class OwnPacks:
    """An ``avatars.catalog.BroughtPacks``. On one event loop."""

    def __init__(self, store: PeopleStore, shelf: Shelf, folder: Path, label: str) -> None:
        self._store, self._shelf, self._folder, self._label = store, shelf, folder, label
        self._open: OrderedDict[str, _Brought] = OrderedDict()
        self._coming: dict[str, asyncio.Task[AvatarPack]] = {}

    def find(self, tenant: int, digital_human_id: str) -> AvatarPack | None:
        """One that was brought."""
        found = self._open.get(digital_human_id)
        return found.pack if found is not None and found.tenant == tenant else None

    def of(self, tenant: int) -> tuple[AvatarPack, ...]:
        """All of an app's that were brought."""
        return tuple(found.pack for found in self._open.values() if found.tenant == tenant)

    def folder(self, key: Key) -> Path:
        return self._folder / str(key[0]) / key[1]

    async def bring(self, tenant: int, digital_human_id: str) -> AvatarPack:
        """From the shelf, if it is not here. Raises ``DigitalHumanNotFound``; ``DigitalHumanBroken`` for
        one that is not ready or cannot be had; ``SystemBusy`` while it is on its way."""
        human = await self._store.get(tenant, digital_human_id)
        if human.state is not State.READY:
            why = "it is being made" if human.state is State.MAKING else "it could not be made"
            raise DigitalHumanBroken(why)
        found = self._open.get(human.id)
        if found is not None and found.digest == human.made.digest:
            self._open.move_to_end(human.id)
            return found.pack
        coming = self._coming.get(human.id)
        if coming is None:
            coming = self._coming[human.id] = asyncio.create_task(self._bring(human))
            coming.add_done_callback(lambda _: self._coming.pop(human.id, None))
        try:
            async with patience(PATIENCE):
                return await asyncio.shield(coming)
        except TimeoutError:
            raise SystemBusy("the digital human is on its way") from None

    async def _bring(self, human: OwnHuman) -> AvatarPack:
        try:
            pack = await asyncio.to_thread(self._opened, human)
        except FileNotFoundError:
            log.error("digital human %s is not where packs are kept (people.folder)", human.id)
            raise DigitalHumanBroken("its pack is missing") from None
        except NotAsKept:
            log.error("digital human %s is damaged", human.id)
            raise DigitalHumanBroken("its pack is damaged") from None
        except (StorageAway, OSError) as error:
            log.error("digital human %s cannot be had (%s)", human.id, type(error).__name__)
            raise SystemBusy("the digital human cannot be had now") from None
        self._open[human.id] = _Brought(human.app_id, human.made.digest, pack)
        while len(self._open) > OPEN:
            self._open.popitem(last=False)
        return pack

    def _opened(self, human: OwnHuman) -> AvatarPack:
        """Blocking."""
        key = (human.app_id, human.id)
        folder = self.folder(key)
        place = folder / f"pack-{human.made.digest[:16]}"
        if not place.is_dir():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryDirectory(prefix=".coming-", dir=folder) as work:
                kept, unpacked = Path(work) / "pack.tar", Path(work) / "pack"
                self._shelf.get(key, human.made.digest, kept)
                unpacked.mkdir()
                archive.unpack(kept, unpacked, kept.stat().st_size)
                with suppress(OSError):  # another process was first
                    unpacked.rename(place)
        os.utime(folder)
        pack = open_pack(place, folder / "art")
        if pack.id != human.id:
            raise NotAsKept
        return labelled(pack, self._label) if self._label else pack

    # --- the end

    async def forget(self, key: Key) -> None:
        """Nothing of it stays on this machine. Can be repeated. Raises ``OSError``."""
        coming = self._coming.get(key[1])
        if coming is not None:
            with suppress(ApiError):
                await asyncio.shield(coming)
        self._close(key[1])
        await asyncio.to_thread(_remove, self.folder(key))

    async def forget_app(self, app_id: int) -> None:
        """The same of all of an app's."""
        for human_id in [h for h, found in self._open.items() if found.tenant == app_id]:
            self._close(human_id)
        await asyncio.to_thread(_remove, self._folder / str(app_id))

    def _close(self, human_id: str) -> None:
        found = self._open.pop(human_id, None)
        if found is not None:
            found.pack.close()

    def here(self) -> Iterator[tuple[float, Key]]:
        """Blocking. What lies here, with the Unix seconds of when it was last brought."""
        for folder in self._folder.glob("*/*"):
            with suppress(OSError, ValueError):
                yield folder.stat().st_mtime, (int(folder.parent.name), folder.name)


def _remove(folder: Path) -> None:
    for _ in range(3):
        # Another process may be writing what it decoded.
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            with suppress(OSError):
                folder.parent.rmdir()
            return
    shutil.rmtree(folder)
