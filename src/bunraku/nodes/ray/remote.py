"""A node on the other side of Ray, as a front sees it."""

from __future__ import annotations

import logging
from typing import Any

import ray
from ray.exceptions import RayError

from bunraku.core.calls import current, note
from bunraku.core.catalogue import DigitalHuman
from bunraku.core.clock import patience
from bunraku.core.commission import Commission
from bunraku.core.drive import Drive
from bunraku.core.figures import Figures
from bunraku.core.output import ErasedFiles, Output, OutputOrder
from bunraku.core.own_human import HumanOrder
from bunraku.core.report import Outcome, Report
from bunraku.core.script import Script, Timbre
from bunraku.core.stream_task import StreamTask
from bunraku.nodes.base import NodeAway
from bunraku.nodes.ray import NAMESPACE
from bunraku.nodes.rooms import Events, Login, PublishRequest, Session, Sound, StreamInfo, WatchRequest
from bunraku.nodes.sockets import Closing, SocketDrive

log = logging.getLogger(__name__)

PATIENCE = 4.5  # s for an ordinary question: contract section 2.6 gives a call about five
LONG = 60.0  # s for films that are made first, and frames that wait for room


def named(node_id: str) -> RemoteNode:
    """Raises ``NodeAway`` when Ray knows none of that id."""
    try:
        return RemoteNode(node_id, ray.get_actor(node_id, namespace=NAMESPACE))
    except ValueError:
        raise NodeAway("node is away") from None


class RemoteNode:
    """A ``nodes.base.Node``, a ``nodes.rooms.RoomHall`` and a ``SoundHall``. Every method may raise
    ``NodeAway``."""

    def __init__(self, node_id: str, handle: Any) -> None:
        self.id = node_id
        self._handle = handle

    async def _ask(self, question: str, *arguments: Any, within: float = PATIENCE) -> Any:
        note(node=self.id)
        try:
            async with patience(within):
                answer = await self._handle.ask.remote(question, current(), *arguments)
        except (RayError, TimeoutError, OSError) as error:
            log.warning("node away (%s)", type(error).__name__, extra={"node": self.id, "action": question})
            raise NodeAway("node is away") from None
        return answer.take()

    # --- catalogue

    async def humans(self) -> tuple[DigitalHuman, ...]:
        return await self._ask("humans")

    async def human(self, digital_human_id: str) -> DigitalHuman:
        return await self._ask("human", digital_human_id)

    async def timbres(self, app_id: int, digital_human_id: str | None) -> tuple[Timbre, ...]:
        return await self._ask("timbres", app_id, digital_human_id)

    async def refresh_voices(self) -> None:
        await self._ask("refresh_voices")

    async def asset(self, digital_human_id: str, name: str) -> bytes | None:
        return await self._ask("asset", digital_human_id, name, within=LONG)

    async def art(self, app_id: int, name: str) -> bytes | None:
        return await self._ask("art", app_id, name, within=LONG)

    # --- digital humans of single apps

    async def receive(self, upload: str, piece: bytes) -> None:
        await self._ask("receive", upload, piece)

    async def make_human(self, order: HumanOrder) -> str:
        return await self._ask("make_human", order)

    async def own_asset(self, app_id: int, digital_human_id: str, name: str) -> bytes | None:
        return await self._ask("own_asset", app_id, digital_human_id, name, within=LONG)

    async def forget_human(self, app_id: int, digital_human_id: str) -> None:
        await self._ask("forget_human", app_id, digital_human_id, within=LONG)

    # --- stream tasks

    async def create(self, commission: Commission) -> StreamTask:
        return await self._ask("create", commission, within=2 * PATIENCE)

    async def stop(self, app_id: int, task_id: str) -> None:
        await self._ask("stop", app_id, task_id)

    async def drive(self, app_id: int, task_id: str, script: Script, interrupt: bool) -> Drive:
        return await self._ask("drive", app_id, task_id, script, interrupt, within=2 * PATIENCE)

    async def gesture(self, app_id: int, task_id: str, action: str) -> None:
        await self._ask("gesture", app_id, task_id, action, within=2 * PATIENCE)

    async def interrupt(self, app_id: int, task_id: str) -> None:
        await self._ask("interrupt", app_id, task_id)

    async def heard(self, app_id: int, task_id: str) -> tuple[Drive, ...]:
        return await self._ask("heard", app_id, task_id)

    async def figures(self, app_id: int, task_id: str) -> Figures | None:
        return await self._ask("figures", app_id, task_id)

    async def snapshot(self, app_id: int, task_id: str) -> bytes | None:
        return await self._ask("snapshot", app_id, task_id)

    async def add_output(self, app_id: int, task_id: str, order: OutputOrder) -> Output:
        return await self._ask("add_output", app_id, task_id, order)

    async def remove_output(self, app_id: int, task_id: str, output_id: str) -> None:
        await self._ask("remove_output", app_id, task_id, output_id)

    async def outputs(self, app_id: int, task_id: str) -> tuple[Output, ...]:
        return await self._ask("outputs", app_id, task_id)

    async def output_file(
        self, app_id: int, task_id: str, output: str, name: str, offset: int, size: int
    ) -> tuple[bytes, int] | None:
        return await self._ask("output_file", app_id, task_id, output, name, offset, size)

    async def erase_files(self, app_id: int) -> ErasedFiles:
        return await self._ask("erase_files", app_id, within=LONG)

    async def erase_kept_files(self, app_id: int) -> ErasedFiles:
        return await self._ask("erase_kept_files", app_id, within=LONG)

    # --- drive sockets

    async def drive_socket(self, app_id: int, task_id: str) -> SocketDrive:
        return await self._ask("drive_socket", app_id, task_id, within=2 * PATIENCE)

    async def open_socket(self, token: str) -> str | None:
        return await self._ask("open_socket", token)

    async def frame(self, socket_id: str, frame: str | bytes) -> bool:
        # It waits for room in a buffer of minutes: as long as the sound before it plays.
        return await self._ask("frame", socket_id, frame, within=24 * 3600.0)

    async def socket_closing(self, socket_id: str, wait: float) -> Closing | None:
        return await self._ask("socket_closing", socket_id, wait, within=wait + PATIENCE)

    async def close_socket(self, socket_id: str) -> None:
        await self._ask("close_socket", socket_id)

    # --- keeping it running

    async def report(self) -> Report:
        return await self._ask("report", within=2.0)

    async def outcomes(self, app_id: int) -> tuple[Outcome, ...]:
        return await self._ask("outcomes", app_id, within=2.0)

    async def test_callback(self, app_id: int) -> tuple[bool, str]:
        return await self._ask("test_callback", app_id, within=LONG)

    async def dismiss(self, app_id: int) -> None:
        await self._ask("dismiss", app_id, within=LONG)

    async def forget_app(self, app_id: int) -> None:
        await self._ask("forget_app", app_id)

    # --- rooms

    async def find_stream(self, app_id: int, stream_id: str) -> StreamInfo | None:
        return await self._ask("find_stream", app_id, stream_id)

    async def holds(self, app_id: int, room_id: str | None, user_id: str, token: str) -> bool:
        return await self._ask("holds", app_id, room_id, user_id, token)

    async def join(self, login: Login) -> str:
        return await self._ask("join", login)

    async def events(self, member_id: str, wait: float) -> Events:
        return await self._ask("events", member_id, wait, within=wait + PATIENCE)

    async def renew(self, member_id: str, token: str, expire: int) -> None:
        await self._ask("renew", member_id, token, expire)

    async def leave(self, member_id: str) -> None:
        await self._ask("leave", member_id)

    async def watch(self, request: WatchRequest) -> Session:
        return await self._ask("watch", request)

    async def unwatch(self, session_id: str) -> bool:
        return await self._ask("unwatch", session_id)

    async def publish(self, request: PublishRequest) -> Session:
        return await self._ask("publish", request)

    async def unpublish(self, session_id: str) -> bool:
        return await self._ask("unpublish", session_id)

    # --- sound for a room elsewhere

    async def listen(self, app_id: int, room_id: str, stream_id: str) -> str | None:
        return await self._ask("listen", app_id, room_id, stream_id)

    async def sound(self, listener_id: str, wait: float) -> Sound:
        return await self._ask("sound", listener_id, wait, within=wait + PATIENCE)

    async def unlisten(self, listener_id: str) -> None:
        await self._ask("unlisten", listener_id)
