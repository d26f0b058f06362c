"""What stream tasks need of the world: where changes are kept, how they leave, who plays them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bunraku.core.commission import Role
from bunraku.core.drive import Drive
from bunraku.core.output import Output
from bunraku.core.own_human import OwnHuman
from bunraku.core.owner import Owner
from bunraku.core.stream_task import StreamTask
from bunraku.node.performance.performance import Audience, Performance, Publication
from bunraku.store.tables import CallbackRow


class TaskJournal(Protocol):
    """Where changes are kept; ``store.journal.Journal`` is one, ``testing.journal.MemoryJournal`` another.

    Guaranteed: changes become durable in the order they were noted. Not guaranteed: when.
    """

    @property
    def owner(self) -> Owner: ...

    @property
    def away(self) -> bool:
        """Nothing can be written now; what is noted waits."""
        ...

    @property
    def fenced(self) -> bool:
        """Another has ended these tasks: nothing is told of them any more."""
        ...

    @property
    def overloaded(self) -> bool: ...

    def note(self, *changes: StreamTask | Drive | Output | OwnHuman | CallbackRow) -> None:
        """Never waits."""
        ...

    def forget(self, task_id: str) -> None:
        """Let nothing be left of a task that never came into being."""
        ...

    async def settle(self) -> None:
        """Until what was noted is durable, or it has taken too long. Never raises."""
        ...

    async def birth(
        self, task: StreamTask, places: int, *callbacks: CallbackRow, own: bool = False
    ) -> StreamTask:
        """Make a task durable, with the name of its stream and one of its app's ``places``. ``own``: its
        digital human is the app's own.

        Raises ``store.claims.NameTaken``, ``NoSlot``, ``HumanGone``, ``Elsewhere`` or
        ``store.journal.DatabaseAway``.
        """
        ...

    async def callbacks(self) -> Sequence[CallbackRow]:
        """Undelivered ones in the order they were noted."""
        ...

    def callback_attempted(self, receipt: object, attempts: int, *, over: bool) -> None: ...


class Staging(Protocol):
    """Makes performances; ``performance.stage.Stage`` is one."""

    def cast(self, app_id: int, digital_human_id: str) -> Role:
        """Raises ``DigitalHumanNotFound``, or what makes it unusable."""
        ...

    async def make(
        self, record: StreamTask, background_url: str | None, outlet: Publication, audience: Audience
    ) -> Performance:
        """Raises ``StagingFailed``, ``ApiError``, or whatever breaks."""
        ...
