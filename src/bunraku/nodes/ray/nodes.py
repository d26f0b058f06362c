"""All nodes of a cluster, from where a front stands: found in the database, asked through Ray."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from bunraku.core.clock import Clock, patience
from bunraku.core.commission import Commission
from bunraku.core.errors import ApiError, NoResources, StreamConcurrencyLimit, StreamIdExists, SystemBusy
from bunraku.core.load import HALL, NodeInfo
from bunraku.core.owner import Elsewhere
from bunraku.core.stream_task import StreamTask
from bunraku.nodes.base import NodeAway, OneTaskHall
from bunraku.nodes.placement import Placement
from bunraku.nodes.ray.ended import EndedTask
from bunraku.nodes.ray.remote import RemoteNode, named
from bunraku.nodes.rooms import (
    Events,
    Login,
    PublishRequest,
    Refused,
    Session,
    StreamInfo,
    WatchRequest,
    node_of,
)
from bunraku.store.directory import Directory
from bunraku.store.lives import Lives

log = logging.getLogger(__name__)

T = TypeVar("T")
LOOK_EVERY = 0.5  # s
FRESH = 2.5  # s without a beat after which a node is not asked any more
TRIES = 4  # nodes asked for one room
LIVING = ("up", "draining")
MISSED = 600.0  # s that a node which went away is still shown


class RayNodes:
    """A ``nodes.base.Nodes``. Holds no state of a task: any number of fronts may stand side by side."""

    def __init__(self, clock: Clock, directory: Directory, lives: Lives) -> None:
        self._clock, self._directory, self._lives = clock, directory, lives
        self._placement = Placement()
        self._infos: dict[str, NodeInfo] = {}
        self._moved: dict[str, tuple[tuple[int, int], float]] = {}
        self._remotes: dict[tuple[str, int], RemoteNode] = {}
        self._beat_at: dict[str, float] = {}
        """When a node that lived was last seen moving: not what was over before this front looked."""
        self._away = True
        self.rooms = ClusterRooms(self, directory)

    @property
    def records(self) -> Directory:
        return self._directory

    @property
    def ready(self) -> bool:
        return not self._away and any(n.state == "up" and n.understood for n in self.fresh())

    # --- who is there

    async def look(self) -> None:
        """Until cancelled: know who is there."""
        while True:
            try:
                await self.refresh()
            except Exception as error:
                if not self._away:
                    log.warning("the nodes are not known: the database is away (%s)", type(error).__name__)
                self._away = True
            await self._clock.sleep_until(self._clock.monotonic() + LOOK_EVERY)

    async def refresh(self) -> None:
        """Read the nodes now. Raises what the database raises."""
        async with patience(2.0):
            infos = await self._lives.here()
        now = self._clock.monotonic()
        here = {n.id: n for n in infos}
        for node in infos:
            former = self._infos.get(node.id)
            if not node.understood and (former is None or former.hall != node.hall):
                log.warning(
                    "node %s (%s) has hall %d, this front %d: nothing new is placed there",
                    node.id,
                    node.version,
                    node.hall,
                    HALL,
                )
        lost = {i: replace(n, state="lost") for i, n in self._infos.items() if n.state in LIVING}
        self._infos = {**self._infos, **lost, **here}
        for node in infos:
            life = (node.epoch, node.beat)
            if node.id not in self._moved or self._moved[node.id][0] != life:
                if node.id in self._moved and node.state in LIVING:
                    self._beat_at[node.id] = now
                self._moved[node.id] = (life, now)
        over = [i for i, n in self._infos.items() if n.state not in LIVING]
        for node_id in (i for i in over if self._moved[i][1] < now - MISSED):
            for known in (self._infos, self._moved, self._beat_at):
                known.pop(node_id, None)
        if self._away:  # nothing was seen for a while: nobody is blamed for it
            self._moved = {i: (life, now) for i, (life, _) in self._moved.items()}
        self._away = False

    def fresh(self) -> list[NodeInfo]:
        """Nodes that beat lately, draining ones too."""
        since = self._clock.monotonic() - FRESH
        return [n for n in self._infos.values() if n.state in LIVING and self._moved[n.id][1] >= since]

    def remote(self, node_id: str) -> RemoteNode:
        """A node by its id. Raises ``NodeAway`` for one that does not beat."""
        info = self._infos.get(node_id)
        if info is None or self._moved[node_id][1] < self._clock.monotonic() - FRESH:
            raise NodeAway("node is away")
        key = (node_id, info.epoch)
        if key not in self._remotes:
            node = named(node_id)
            self._remotes = {k: r for k, r in self._remotes.items() if k[0] != node_id}
            self._remotes[key] = node
        return self._remotes[key]

    # --- nodes.base.Nodes

    async def create(self, commission: Commission) -> StreamTask:
        async def ask(node: RemoteNode) -> StreamTask:
            record = await node.create(commission)
            self._placement.placed(node.id, self._clock.monotonic())
            return record

        try:
            return await self.in_room(commission.app_id, commission.room_id, ask)
        except (StreamConcurrencyLimit, NoResources) as error:
            raise await self._sooner(commission, error) from None

    async def _sooner(self, commission: Commission, error: ApiError) -> ApiError:
        """The first check that fails in the order of contract section 5.4: a node counts what is its own
        before it asks what others have."""
        app_id = commission.app_id
        if await self._directory.place_of_stream(app_id, commission.stream_id) is not None:
            return StreamIdExists("RTCConfig.StreamId")
        if await self._directory.places_taken(app_id) >= commission.max_tasks:
            return StreamConcurrencyLimit(f"at most {commission.max_tasks} tasks")
        return error

    async def in_room(self, app_id: int, room_id: str, ask: Callable[[RemoteNode], Awaitable[T]]) -> T:
        """Ask the node that has the room; when none has, the best one that takes it.

        The node has the last word: one that refuses a new room is followed by the next.
        """
        known = await self._directory.node_of_room(app_id, room_id)
        fault: Exception = NoResources()
        for _ in range(TRIES):
            if known:
                try:
                    return await ask(self.remote(known))
                except Elsewhere as error:
                    known = error.node_id
                    continue
            fresh = [n for n in self.fresh() if n.understood]
            if not fresh:
                raise NodeAway(
                    "no node is there that this front understands" if self.fresh() else "no node is there"
                )
            # When none can take a task, one says why; and people need no place among the tasks.
            order = self._placement.order(fresh, self._clock.monotonic()) or fresh
            for info in order[:TRIES]:
                try:
                    return await ask(self.remote(info.id))
                except Elsewhere as error:
                    known = error.node_id
                    break
                except (NodeAway, SystemBusy, NoResources) as error:
                    fault = error
            else:
                raise fault
        raise SystemBusy("the room is on its way")

    async def of_task(self, app_id: int, task_id: str) -> OneTaskHall:
        """The node of the task, ended ones included: it knows best what comes before what."""
        record = await self._directory.task(app_id, task_id)
        try:
            return self.remote(record.owner.node_id)
        except NodeAway:
            if record.status.counted:
                raise
            return EndedTask(record, tuple(await self._directory.outputs(app_id, task_id)))

    async def named(self, id: str) -> RemoteNode | None:
        try:
            return self.remote(node_of(id))
        except NodeAway:
            return None

    async def any(self) -> RemoteNode:
        fresh = [n for n in self.fresh() if n.understood]
        for info in self._placement.order(fresh, self._clock.monotonic()) or fresh:
            return self.remote(info.id)
        raise NodeAway("no node is there")

    async def all(self) -> list[RemoteNode]:
        return [self.remote(info.id) for info in self.fresh()]

    async def infos(self) -> list[NodeInfo]:
        since, fresh = self._clock.monotonic() - MISSED, {n.id for n in self.fresh()}
        return [
            replace(n, state="silent") if n.state in LIVING and n.id not in fresh else n
            for n in self._infos.values()
            if n.id in fresh or self._beat_at.get(n.id, since) > since
        ]


class ClusterRooms:
    """A ``nodes.rooms.RoomHall`` over all nodes: each question goes to where its room is."""

    def __init__(self, nodes: RayNodes, directory: Directory) -> None:
        self._nodes, self._directory = nodes, directory

    async def find_stream(self, app_id: int, stream_id: str) -> StreamInfo | None:
        place = await self._directory.place_of_stream(app_id, stream_id)
        if place is None:
            return None
        try:
            return await self._nodes.remote(place[0]).find_stream(app_id, stream_id)
        except NodeAway:
            return None

    async def holds(self, app_id: int, room_id: str | None, user_id: str, token: str) -> bool:
        if room_id is None:
            everywhere = [n.holds(app_id, None, user_id, token) for n in await self._nodes.all()]
            return any(a is True for a in await asyncio.gather(*everywhere, return_exceptions=True))
        node_id = await self._directory.node_of_room(app_id, room_id)
        try:
            return bool(node_id) and await self._nodes.remote(node_id or "").holds(
                app_id, room_id, user_id, token
            )
        except NodeAway:
            return False

    async def join(self, login: Login) -> str:
        return await self._nodes.in_room(login.app_id, login.room_id, lambda node: node.join(login))

    async def events(self, member_id: str, wait: float) -> Events:
        node = await self._nodes.named(member_id)
        try:
            return Events((), True) if node is None else await node.events(member_id, wait)
        except NodeAway:
            return Events((), True)

    async def renew(self, member_id: str, token: str, expire: int) -> None:
        node = await self._nodes.named(member_id)
        if node is not None:
            await node.renew(member_id, token, expire)

    async def leave(self, member_id: str) -> None:
        node = await self._nodes.named(member_id)
        if node is not None:
            await node.leave(member_id)

    async def watch(self, request: WatchRequest) -> Session:
        node_id = await self._directory.node_of_room(request.app_id, request.room_id)
        try:
            if not node_id:
                raise Refused(404, "no such stream")
            return await self._nodes.remote(node_id).watch(request)
        except NodeAway:
            raise Refused(503, "node is away") from None

    async def unwatch(self, session_id: str) -> bool:
        node = await self._nodes.named(session_id)
        return node is not None and await node.unwatch(session_id)

    async def publish(self, request: PublishRequest) -> Session:
        try:
            return await self._nodes.in_room(
                request.app_id, request.room_id, lambda node: node.publish(request)
            )
        except SystemBusy as error:
            raise Refused(503, error.message) from None

    async def unpublish(self, session_id: str) -> bool:
        node = await self._nodes.named(session_id)
        return node is not None and await node.unpublish(session_id)
