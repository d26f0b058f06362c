"""A node: what ``nodes.base.Node`` asks for, answered by the parts of this process."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bunraku.core.apps import Apps
from bunraku.core.catalogue import DigitalHuman
from bunraku.core.commission import Commission
from bunraku.core.drive import Drive
from bunraku.core.errors import (
    DigitalHumanNotFound,
    InvalidParams,
    StreamNotStarted,
    TimbreNotFound,
    TimbreNotSupported,
)
from bunraku.core.figures import Figures
from bunraku.core.load import Load
from bunraku.core.output import ErasedFiles, Output, OutputOrder
from bunraku.core.own_human import HumanOrder
from bunraku.core.report import Outcome, Report
from bunraku.core.script import AudioScript, Script, SocketScript, StreamScript, TextScript, Timbre
from bunraku.core.settings import Settings
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.node.assets import AssetCache
from bunraku.node.avatars.base import AvatarPack
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.preview import thumbnail
from bunraku.node.callbacks.delivery import Delivery
from bunraku.node.lag import LoopLag
from bunraku.node.memory import resident_bytes
from bunraku.node.outputs.storage import Place, Storage
from bunraku.node.people.people import People
from bunraku.node.performance.drive_queue import Mode
from bunraku.node.rooms.desk import RoomDesk
from bunraku.node.speech.voices import Voices
from bunraku.node.streams import voice_activity
from bunraku.node.tasks.base import TaskJournal
from bunraku.node.tasks.drive_socket import DriveSockets
from bunraku.node.tasks.ended import EndedTasks
from bunraku.node.tasks.live_task import LiveTask
from bunraku.node.tasks.manager import TaskManager
from bunraku.nodes.sockets import Closing, SocketDrive

MOST_AT_ONCE = 1024 * 1024
"""Bytes of a file in one answer."""


@dataclass(frozen=True, slots=True)
class LocalNode:
    """A ``nodes.base.Node``. Holds no state of its own."""

    settings: Settings
    apps: Apps
    catalog: Catalog
    voices: Voices
    assets: AssetCache
    desk: RoomDesk
    manager: TaskManager
    ended: EndedTasks
    sockets: DriveSockets
    journal: TaskJournal
    delivery: Delivery
    lag: LoopLag
    storage: Storage
    people: People

    # --- catalogue

    async def humans(self) -> tuple[DigitalHuman, ...]:
        return tuple(_described(pack) for pack in self.catalog.list())

    async def human(self, digital_human_id: str) -> DigitalHuman:
        return _described(self.catalog.get_usable(digital_human_id))

    async def timbres(self, app_id: int, digital_human_id: str | None) -> tuple[Timbre, ...]:
        return tuple(self.voices.list(digital_human_id, tenant=app_id))

    async def refresh_voices(self) -> None:
        await self.voices.refresh()

    async def asset(self, digital_human_id: str, name: str) -> bytes | None:
        return await self.assets.get(digital_human_id, name)

    async def art(self, app_id: int, name: str) -> bytes | None:
        """Of everybody's, and of the app's own that were brought here: whoever asks watches one."""
        found = await self.assets.art(name)
        for pack in () if found is not None else self.people.packs.of(app_id):
            found = await self.assets.art_of(pack, name, self._assets_of(app_id, pack))
            if found is not None:
                break
        return found

    def _assets_of(self, app_id: int, pack: AvatarPack) -> Path:
        return self.people.packs.folder((app_id, pack.id)) / "assets"

    # --- digital humans of single apps

    async def receive(self, upload: str, piece: bytes) -> None:
        self.people.workshop.uploads.add(upload, piece)

    async def make_human(self, order: HumanOrder) -> str:
        if order.timbre_id is not None:
            timbre = self.voices.timbre(order.timbre_id, tenant=order.app_id)
            if timbre is None:
                raise TimbreNotFound("TimbreId")
            if timbre.digital_human_id is not None:
                raise TimbreNotSupported("TimbreId")
            order = replace(order, timbre_id=timbre.id)
        return await self.people.workshop.take(order)

    async def own_asset(self, app_id: int, digital_human_id: str, name: str) -> bytes | None:
        pack = await self.people.packs.bring(app_id, digital_human_id)
        return await self.assets.of(pack, name, self._assets_of(app_id, pack))

    async def forget_human(self, app_id: int, digital_human_id: str) -> None:
        await self.people.forget((app_id, digital_human_id))

    # --- stream tasks

    async def create(self, commission: Commission) -> StreamTask:
        if self.catalog.is_own(commission.digital_human_id):
            with suppress(DigitalHumanNotFound):  # said in the order of section 5.4
                await self.people.packs.bring(commission.app_id, commission.digital_human_id)
        if commission.barge_in is not None and not voice_activity.available():
            raise InvalidParams("ExtraConfig.BargeIn needs the extra bunraku[vad] on the server")
        return await self.manager.create(commission)

    async def stop(self, app_id: int, task_id: str) -> None:
        await self.manager.stop(app_id, task_id)

    async def _on_stage(self, app_id: int, task_id: str, grace: float | None = None) -> LiveTask:
        """The live task, streaming. Codes of contract section 6.4."""
        if self.manager.record(app_id, task_id).status is TaskStatus.FAILED:
            raise StreamNotStarted("the stream failed to start")
        live = self.manager.get(app_id, task_id)
        await live.streaming(self.settings.tasks.grace_wait if grace is None else grace)
        return live

    async def drive(self, app_id: int, task_id: str, script: Script, interrupt: bool) -> Drive:
        record = self.manager.record(app_id, task_id)
        script = self._checked(record, script)
        live = await self._on_stage(app_id, task_id)
        drive = live.drive(script, self._mode(script, interrupt))
        await self.journal.settle()
        return drive

    def _checked(self, record: StreamTask, script: Script) -> Script:
        """The script with names of our own. Raises what is wrong with it for this task."""
        match script:
            case TextScript():
                timbre = self.voices.timbre(script.timbre_id, tenant=record.app_id)
                if timbre is None:
                    raise TimbreNotFound("TTSConfig.TimbreId")
                if timbre.digital_human_id not in (None, record.digital_human_id):
                    raise TimbreNotSupported("TTSConfig.TimbreId")
                prosody = script.prosody.in_mood(script.mood or record.emotion)
                return TextScript(script.text, timbre.id, prosody, script.mood)
            case StreamScript(stream_id=record.stream_id):
                raise InvalidParams("RTCConfig.StreamId is the task's own stream")
            case AudioScript() | StreamScript() | SocketScript():
                return script

    def _mode(self, script: Script, interrupt: bool) -> Mode:
        if isinstance(script, StreamScript):
            return Mode.REPLACE  # interrupts and discards at once (contract section 5.8)
        if not interrupt:
            return Mode.APPEND
        return Mode.REPLACE if self.settings.tasks.interrupt_drops_queue else Mode.INTERRUPT

    async def gesture(self, app_id: int, task_id: str, action: str) -> None:
        live = await self._on_stage(app_id, task_id)
        gestures = self.catalog.get(live.record.digital_human_id, tenant=app_id).gestures
        if not gestures:
            raise InvalidParams("Action: this digital human has no gestures")
        if action not in gestures:
            raise InvalidParams(f"Action must be one of {', '.join(gestures)}")
        live.gesture(action)

    async def interrupt(self, app_id: int, task_id: str) -> None:
        live = await self._on_stage(app_id, task_id, grace=0)
        live.interrupt()
        await self.journal.settle()

    async def heard(self, app_id: int, task_id: str) -> tuple[Drive, ...]:
        live = self._find(app_id, task_id)
        return () if live is None else live.heard()

    async def figures(self, app_id: int, task_id: str) -> Figures | None:
        live = self._find(app_id, task_id)
        return None if live is None else live.figures()

    async def snapshot(self, app_id: int, task_id: str) -> bytes | None:
        live = self._find(app_id, task_id)
        picture = None if live is None else live.picture()
        if live is None or picture is None:
            return None
        # The buffer may change while it is copied: a torn thumbnail is no harm.
        width, label = live.record.framing.width, self.settings.provenance.label
        return await asyncio.to_thread(thumbnail, picture.buffer.copy(), width, label)

    def _find(self, app_id: int, task_id: str) -> LiveTask | None:
        return next(
            (t for t in self.manager.all() if t.record.id == task_id and t.record.app_id == app_id), None
        )

    # --- outputs

    async def add_output(self, app_id: int, task_id: str, order: OutputOrder) -> Output:
        (output,) = self.manager.get(app_id, task_id).add_outputs([order])
        await self.journal.settle()
        return output

    async def remove_output(self, app_id: int, task_id: str, output_id: str) -> None:
        self.manager.get(app_id, task_id).remove_output(output_id)

    async def outputs(self, app_id: int, task_id: str) -> tuple[Output, ...]:
        return self.manager.outputs(app_id, task_id)

    async def output_file(
        self, app_id: int, task_id: str, output: str, name: str, offset: int, size: int
    ) -> tuple[bytes, int] | None:
        place, size = Place(app_id, task_id, output), min(size, MOST_AT_ONCE)
        found = await asyncio.to_thread(self.storage.read_local, place, name, offset, size)
        return found or await self.storage.read_kept(place, name, offset, size)

    async def erase_files(self, app_id: int) -> ErasedFiles:
        people = await self.people.erase_files(app_id)
        return people.and_also(await asyncio.to_thread(self.storage.erase_local, app_id))

    async def erase_kept_files(self, app_id: int) -> ErasedFiles:
        people = await self.people.shelf.erase_kept(app_id)
        return people.and_also(await self.storage.erase_kept(app_id))

    # --- drive sockets

    async def drive_socket(self, app_id: int, task_id: str) -> SocketDrive:
        live = await self._on_stage(app_id, task_id)
        ticket = self.sockets.ticket(live)
        await self.journal.settle()
        return ticket

    async def open_socket(self, token: str) -> str | None:
        return await self.sockets.open(token)

    async def frame(self, socket_id: str, frame: str | bytes) -> bool:
        return await self.sockets.frame(socket_id, frame)

    async def socket_closing(self, socket_id: str, wait: float) -> Closing | None:
        return await self.sockets.closing(socket_id, wait)

    async def close_socket(self, socket_id: str) -> None:
        await self.sockets.close(socket_id)

    # --- keeping it running

    def load(self) -> Load:
        return Load(
            capacity=self.manager.capacity,
            tasks=self.manager.counted,
            lateness=self.manager.lateness,
            watchers=sum(t.figures().watchers for t in self.manager.all()),
            memory=resident_bytes(),
        )

    async def report(self) -> Report:
        live = self.manager.all()
        figures = [t.figures() for t in live]
        statuses = Counter(t.record.status.name.lower() for t in live)
        return Report(
            self.journal.owner.node_id,
            self.manager.accepting and not self.journal.away,
            tasks={s.name.lower(): statuses[s.name.lower()] for s in TaskStatus if not s.final},
            watchers=sum(f.watchers for f in figures),
            drives_queued=sum(f.drives_queued for f in figures),
            meter=self.manager.totals(),
            lag=self.lag.figures,
            callbacks_delivered=self.delivery.delivered,
            callbacks_given_up=self.delivery.given_up,
            callbacks_waiting=self.delivery.waiting,
            voices=self.voices.loads(),
        )

    async def outcomes(self, app_id: int) -> tuple[Outcome, ...]:
        return tuple(o for o in self.delivery.outcomes if o.app_id == app_id)

    async def test_callback(self, app_id: int) -> tuple[bool, str]:
        app = self.apps.get(app_id)
        return (False, "no such app") if app is None else await self.delivery.test(app)

    async def dismiss(self, app_id: int) -> None:
        await self.people.workshop.cancel(app_id)
        await self.manager.dismiss(app_id)
        await self.desk.dismiss(app_id)

    async def forget_app(self, app_id: int) -> None:
        self.ended.forget_app(app_id)
        self.delivery.forget_app(app_id)


def _described(pack: AvatarPack) -> DigitalHuman:
    return DigitalHuman(pack.id, pack.name, pack.version, tuple(pack.gestures), pack.emotion, pack.voices)
