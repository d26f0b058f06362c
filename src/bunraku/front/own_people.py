"""Digital humans of single apps, as fronts ask for them: looked up in the database, made and deleted on
the nodes."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace

from starlette.datastructures import UploadFile

from bunraku.core.catalogue import DigitalHuman
from bunraku.core.clock import Clock
from bunraku.core.errors import DigitalHumanNotFound, InvalidParams
from bunraku.core.own_human import HumanOrder, OwnHuman
from bunraku.front.edge.people import PeopleLinks
from bunraku.nodes.base import NodeAway, Nodes
from bunraku.store.people_store import PeopleStore

PIECE = 1024 * 1024
LATE, AGAIN = 1.0, 0.1
"""Seconds by which the end of a task may be known before it is durable, and until it is looked again."""


@dataclass(frozen=True, slots=True)
class OwnPeople:
    """Holds no state. Any method may raise ``NodeAway`` or ``SystemBusy``."""

    store: PeopleStore
    nodes: Nodes
    links: PeopleLinks
    clock: Clock

    async def human(self, app_id: int, digital_human_id: str) -> DigitalHuman | OwnHuman:
        """Everybody's, by id or alias, or the app's own. Raises ``DigitalHumanNotFound``."""
        try:
            return await (await self.nodes.any()).human(digital_human_id)
        except DigitalHumanNotFound:
            return await self.store.get(app_id, digital_human_id)
        except NodeAway:
            # The app's own are known without any node.
            with suppress(DigitalHumanNotFound):
                return await self.store.get(app_id, digital_human_id)
            raise

    async def create(self, order: HumanOrder, file: UploadFile | None) -> str:
        """Its id, when it is being made. Raises what ``PeopleHall`` does."""
        node = await self.nodes.any()
        if file is not None:
            order = replace(order, upload=str(uuid.uuid4()))
            assert order.upload is not None
            await file.seek(0)
            piece = await file.read(PIECE)
            while True:
                await node.receive(order.upload, piece)
                piece = await file.read(PIECE)
                if not piece:
                    break
        return await node.make_human(order)

    async def delete(self, app_id: int, digital_human_id: str) -> None:
        """All of it is gone when this returns. Where a node or the storage is away it can be repeated, and
        nodes do so themselves within minutes.

        Raises ``DigitalHumanNotFound``, or ``InvalidParams`` while it is on a stage.
        """
        await self._begin_deleting(app_id, digital_human_id)
        nodes = await self.nodes.all()
        if not nodes:
            raise NodeAway("no node is there")
        await asyncio.gather(*(node.forget_human(app_id, digital_human_id) for node in nodes))
        await self.store.deleted(app_id, digital_human_id)

    async def _begin_deleting(self, app_id: int, digital_human_id: str) -> None:
        until = self.clock.monotonic() + LATE
        while True:
            try:
                await self.store.begin_deleting(app_id, digital_human_id)
            except InvalidParams:
                if self.clock.monotonic() > until:
                    raise
                await self.clock.sleep_until(self.clock.monotonic() + AGAIN)
            else:
                return
