"""Where performances run."""

from __future__ import annotations

from typing import Protocol

from bunraku.core.stream_task import StreamTask
from bunraku.node.avatars.base import AvatarPack, Framing
from bunraku.node.performance.performance import Audience, Outlet, Performance


class Engine(Protocol):
    """Guaranteed: a performance that fails says so to its audience and touches no other."""

    def has_room(self, running: int) -> bool:
        """Whether one more performance may start beside ``running`` others."""
        ...

    async def stage(
        self, task: StreamTask, framing: Framing, pack: AvatarPack, outlet: Outlet, audience: Audience
    ) -> Performance:
        """Make a performance whose first picture is encoded; its ``run`` is the caller's.

        ``framing`` is the task's, with its backdrop if it has one.
        """
        ...

    async def close(self) -> None: ...
