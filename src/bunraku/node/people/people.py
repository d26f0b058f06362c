"""All that a node has to do with digital humans of single apps, and what it sweeps of them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from bunraku.core.clock import Clock
from bunraku.core.errors import SystemBusy
from bunraku.core.output import ErasedFiles
from bunraku.core.own_human import State
from bunraku.node.people.own_packs import UNUSED, OwnPacks
from bunraku.node.people.shelf import Key, Shelf
from bunraku.node.people.workshop import Workshop
from bunraku.store.people_store import PeopleStore

log = logging.getLogger(__name__)

YOUNG = 3600.0  # s: what is kept of one that the database does not know may be on its way there
SWEEP_EVERY = 3600.0


@dataclass(slots=True)
class People:
    store: PeopleStore
    shelf: Shelf
    workshop: Workshop
    packs: OwnPacks
    clock: Clock
    swept: float = float("-inf")

    async def forget(self, key: Key) -> None:
        """End its making, and delete all of it that is on this machine and on the shelf. Can be repeated.
        Raises ``SystemBusy``."""
        await self.workshop.drop(*key)
        try:
            await self.packs.forget(key)
            await asyncio.to_thread(self.shelf.erase, key)
        except Exception as error:  # of a disk, and obstore's own
            log.error("digital human %s is not all gone (%s)", key[1], type(error).__name__)
            raise SystemBusy("its files cannot be deleted now") from error

    async def erase_files(self, app_id: int) -> ErasedFiles:
        """Of an app, on this machine."""
        await self.workshop.drop(app_id)
        await self.packs.forget_app(app_id)
        return await asyncio.to_thread(self.shelf.erase_app, app_id)

    async def sweep(self) -> None:
        """Finish what others began to delete, and forget what nobody knows any more. Raises what the
        database raises."""
        there = await self.store.there()
        for key in [k for k, state in there.items() if state is State.DELETING]:
            await self.forget(key)
            await self.store.deleted(*key)
        old = self.clock.wall() - UNUSED
        for used, key in await asyncio.to_thread(lambda: list(self.packs.here())):
            if key not in there or (used < old and self.packs.find(*key) is None):
                await self.packs.forget(key)
        if self.clock.monotonic() - self.swept >= SWEEP_EVERY:
            self.swept = self.clock.monotonic()
            await self._sweep_shelf(there)

    async def _sweep_shelf(self, there: dict[Key, State]) -> None:
        """A node that was lost between keeping a pack and saying so leaves one that is nobody's."""
        young = self.clock.wall() - YOUNG
        for modified, key in await asyncio.to_thread(lambda: list(self.shelf.listed())):
            if key not in there and modified < young:
                await asyncio.to_thread(self.shelf.erase, key)
