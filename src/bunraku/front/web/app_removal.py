"""The end of an app: it calls no more, what runs is ended with its callbacks, and what is stored goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bunraku.core.apps import Apps
from bunraku.core.clock import Clock
from bunraku.core.errors import ApiError
from bunraku.core.output import ErasedFiles
from bunraku.nodes.base import Node, NodeAway, Nodes
from bunraku.store.app_store import AppStore
from bunraku.store.erasure import Erasure

Counting = Callable[[int], Awaitable[int]]
LOOK_EVERY = 0.2  # s
ENDING = 30.0  # s that another node may take to end what a lost one left


class StillNamed(Exception):
    """The operator's file lets the app call: what is deleted would come again."""


class StillRuns(Exception):
    """Some of its tasks did not end; nothing was deleted."""


@dataclass(frozen=True, slots=True)
class Removed:
    """``undelivered``: callbacks that nobody took in the time there was. ``rows`` by table. ``files`` of
    outputs; ``left`` says why some of them may be there still."""

    undelivered: int
    rows: dict[str, int] = field(default_factory=dict[str, int])
    files: int = 0
    left: str = ""


class AppRemoval:
    """Every step can be repeated: whoever was interrupted asks again."""

    def __init__(self, apps: Apps, store: AppStore, nodes: Nodes, erasure: Erasure, clock: Clock) -> None:
        self._apps, self._store, self._nodes = apps, store, nodes
        self._erasure, self._clock = erasure, clock

    async def remove(self, app_id: int, *, data: bool, wait: float) -> Removed:
        """Give callbacks ``wait`` seconds to be taken. ``data``: erase everything of the app, which
        need not be known any more.

        Raises ``StillNamed``, ``StillRuns``, ``NodeAway``, or what the database raises.
        """
        app = self._apps.get(app_id)
        if app is not None and not app.editable and (app.enabled or not data):
            raise StillNamed
        if app is not None and app.editable and app.enabled:
            await self._store.close(app_id)
        # Also of one that somebody disabled a moment ago: other processes may not know yet.
        await self._sleep(self._store.spreads_within)
        nodes = await self._nodes.all()
        await asyncio.gather(*(node.dismiss(app_id) for node in nodes))
        if await self._until_none(self._erasure.unfinished, app_id, ENDING):
            raise StillRuns
        undelivered = await self._until_none(self._erasure.undelivered, app_id, wait)
        await self._store.delete(app_id)
        if not data:
            return Removed(undelivered)
        # Until nobody knows the app a refused call may still leave its nonce.
        await self._sleep(self._store.spreads_within)
        await asyncio.gather(*(node.forget_app(app_id) for node in nodes))
        erased = await self._erase_files(app_id, nodes)
        left = "; ".join(dict.fromkeys(e.left for e in erased if e.left))
        rows = await self._erasure.erase(app_id)
        return Removed(undelivered, rows, sum(e.files for e in erased), left)

    async def _erase_files(self, app_id: int, nodes: Sequence[Node]) -> list[ErasedFiles]:
        """On each node, then once in what they share."""
        erased = await asyncio.gather(*(_or_left(node.erase_files(app_id)) for node in nodes))
        shared = await _or_left(_erase_kept(app_id, nodes))
        return [*erased, shared]

    async def _until_none(self, count: Counting, app_id: int, wait: float) -> int:
        deadline = self._clock.monotonic() + wait
        while (left := await count(app_id)) and self._clock.monotonic() < deadline:
            await self._sleep(LOOK_EVERY)
        return left

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep_until(self._clock.monotonic() + seconds)


async def _erase_kept(app_id: int, nodes: Sequence[Node]) -> ErasedFiles:
    if not nodes:
        raise NodeAway("no node is there")
    return await nodes[0].erase_kept_files(app_id)


async def _or_left(erasing: Awaitable[ErasedFiles]) -> ErasedFiles:
    try:
        return await erasing
    except ApiError:
        return ErasedFiles(0, "a node did not answer")
