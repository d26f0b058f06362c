"""What a front may ask of a node, and how it finds the one to ask.

Everything that passes here is plain data that can be pickled: records, scripts, commissions, texts.
A node may be this process or one on another machine; what a method raises is an ``ApiError`` or one
of the exceptions it names. Any call may raise ``NodeAway``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bunraku.core.catalogue import DigitalHuman
from bunraku.core.commission import Commission
from bunraku.core.drive import Drive
from bunraku.core.errors import SystemBusy
from bunraku.core.figures import Figures
from bunraku.core.load import NodeInfo
from bunraku.core.output import ErasedFiles, Output, OutputOrder
from bunraku.core.own_human import HumanOrder
from bunraku.core.owner import Elsewhere as Elsewhere
from bunraku.core.report import Outcome, Report
from bunraku.core.script import Script, Timbre
from bunraku.core.stream_task import StreamTask
from bunraku.nodes.rooms import RoomHall
from bunraku.nodes.sockets import SocketDrive, SocketHall


class NodeAway(SystemBusy):
    """system busy, retry later"""


class CatalogueHall(Protocol):
    """What a node has to show; the same on every node."""

    async def humans(self) -> tuple[DigitalHuman, ...]: ...

    async def human(self, digital_human_id: str) -> DigitalHuman:
        """By id or alias. Raises ``DigitalHumanNotFound``, for an unusable one too."""
        ...

    async def timbres(self, app_id: int, digital_human_id: str | None) -> tuple[Timbre, ...]:
        """Public ones, or those bound to one digital human: with the app's own."""
        ...

    async def asset(self, digital_human_id: str, name: str) -> bytes | None:
        """A picture or film of a digital human of everybody's; None when there is none of that name."""
        ...


class PeopleHall(Protocol):
    """Digital humans of single apps (contract section 13.3)."""

    async def receive(self, upload: str, piece: bytes) -> None:
        """The next bytes of a file that a caller brings. ``upload`` is the front's own name for it.
        Raises ``InvalidParams`` or ``SystemBusy``."""
        ...

    async def make_human(self, order: HumanOrder) -> str:
        """Begin to make one; its id. Raises ``InvalidParams``, ``TimbreNotFound``, ``TimbreNotSupported``,
        ``NoResources`` or ``SystemBusy``."""
        ...

    async def own_asset(self, app_id: int, digital_human_id: str, name: str) -> bytes | None:
        """As ``asset``, of an app's own."""
        ...

    async def forget_human(self, app_id: int, digital_human_id: str) -> None:
        """Nothing of it stays here or where packs are kept. Can be repeated. Raises ``SystemBusy``."""
        ...

    async def art(self, app_id: int, name: str) -> bytes | None:
        """What a digital human that the app may see is drawn from (docs/drawing.md), by its content's
        name; None when there is none."""
        ...


class OneTaskHall(Protocol):
    """What is asked of a stream task and its drives (contract section 5), where it is or was."""

    async def stop(self, app_id: int, task_id: str) -> None:
        """Raises ``TaskNotFound`` or ``StreamAlreadyStopped``."""
        ...

    async def drive(self, app_id: int, task_id: str, script: Script, interrupt: bool) -> Drive:
        """Have a script said, after what is being said or instead of it.

        Raises the errors of contract sections 5.5 to 5.8.
        """
        ...

    async def drive_socket(self, app_id: int, task_id: str) -> SocketDrive:
        """A drive that waits for its socket. Raises as the other drives do."""
        ...

    async def gesture(self, app_id: int, task_id: str, action: str) -> None: ...

    async def interrupt(self, app_id: int, task_id: str) -> None: ...

    async def heard(self, app_id: int, task_id: str) -> tuple[Drive, ...]:
        """The drives of a task that are being said, with what has been heard of them by now."""
        ...

    async def figures(self, app_id: int, task_id: str) -> Figures | None:
        """None for a task that is not live here."""
        ...

    async def snapshot(self, app_id: int, task_id: str) -> bytes | None:
        """A small JPEG of what the task shows; of its first picture while nobody watches."""
        ...

    async def add_output(self, app_id: int, task_id: str, order: OutputOrder) -> Output:
        """Send the stream elsewhere too (contract section 13.2).

        Raises ``StreamAlreadyStopped``, ``InvalidParams``, or ``StreamIdExists`` for a name used twice.
        """
        ...

    async def remove_output(self, app_id: int, task_id: str, output_id: str) -> None:
        """Begin to end it. Raises ``InvalidParams`` for one that is not there."""
        ...

    async def outputs(self, app_id: int, task_id: str) -> tuple[Output, ...]:
        """In the order they were added."""
        ...


class TaskHall(OneTaskHall, Protocol):
    """Stream tasks. Each is known to one node."""

    async def create(self, commission: Commission) -> StreamTask:
        """Raises the errors of contract section 5.4, ``Elsewhere`` for a room of another node."""
        ...


class FileHall(Protocol):
    """What outputs left on a node."""

    async def output_file(
        self, app_id: int, task_id: str, output: str, name: str, offset: int, size: int
    ) -> tuple[bytes, int] | None:
        """Up to ``size`` bytes of a file of the output of that name, and the length of the whole; None when
        it is not there."""
        ...

    async def erase_files(self, app_id: int) -> ErasedFiles:
        """Delete what outputs of a dismissed app left on this node, and its digital humans, in bounded
        time."""
        ...

    async def erase_kept_files(self, app_id: int) -> ErasedFiles:
        """Delete the same in storage that all nodes share, in bounded time."""
        ...


class KeeperHall(Protocol):
    """For whoever keeps the server running."""

    async def report(self) -> Report: ...

    async def outcomes(self, app_id: int) -> tuple[Outcome, ...]:
        """The latest attempts to deliver an app's callbacks, oldest first."""
        ...

    async def refresh_voices(self) -> None:
        """Voices of apps have changed in the database."""
        ...

    async def test_callback(self, app_id: int) -> tuple[bool, str]:
        """Send the app's receiver one event, and say what it answered."""
        ...

    async def dismiss(self, app_id: int) -> None:
        """End all of an app that is here: its stream tasks as if stopped, with their callbacks, and its
        people's presence. The front lets none of it in any more."""
        ...

    async def forget_app(self, app_id: int) -> None:
        """What is remembered of a dismissed app."""
        ...


class Node(CatalogueHall, PeopleHall, TaskHall, SocketHall, FileHall, KeeperHall, Protocol):
    """All of it."""


class Records(Protocol):
    """Stream tasks and drives, wherever they are and while they are remembered."""

    async def live(self, app_id: int) -> list[StreamTask]:
        """Those in status 1 or 3: ascending CreateTime, then TaskId (contract section 5.13)."""
        ...

    async def task(self, app_id: int, task_id: str) -> StreamTask:
        """Raises ``TaskNotFound``."""
        ...

    async def drives(self, app_id: int, task_id: str) -> list[Drive]:
        """Oldest first. Raises ``TaskNotFound``."""
        ...

    async def drive(self, app_id: int, drive_id: str) -> Drive:
        """Raises ``TaskNotFound``."""
        ...


class Nodes(Protocol):
    """The nodes there are, from where a front stands."""

    @property
    def records(self) -> Records: ...

    @property
    def rooms(self) -> RoomHall:
        """All rooms, wherever they are."""
        ...

    @property
    def ready(self) -> bool:
        """New tasks are taken."""
        ...

    async def create(self, commission: Commission) -> StreamTask:
        """On the node that has the room, or the one that is placed best."""
        ...

    async def of_task(self, app_id: int, task_id: str) -> OneTaskHall:
        """Who answers for a task, ended or not. Raises ``TaskNotFound``."""
        ...

    async def named(self, id: str) -> Node | None:
        """The node whose id stands before the first dot of a token or of a session's id."""
        ...

    async def any(self) -> Node:
        """Whichever answers soonest."""
        ...

    async def all(self) -> Sequence[Node]: ...

    async def infos(self) -> Sequence[NodeInfo]:
        """For the operator's eyes: the nodes there are, and those that were there a while ago, by id."""
        ...
