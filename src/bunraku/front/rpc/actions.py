"""The actions: what each call does (contract section 5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from bunraku.core.apps import App
from bunraku.core.calls import current
from bunraku.core.catalogue import DigitalHuman
from bunraku.core.commission import Commission
from bunraku.core.drive import Drive, DriveStatus
from bunraku.core.errors import InvalidParams, TaskNotFound
from bunraku.core.framing import Framing, default_bitrate
from bunraku.core.output import Output, OutputOrder, Protocol
from bunraku.core.own_human import HumanOrder, OwnHuman, SourceKind, State
from bunraku.core.script import AudioScript, Prosody, Script, StreamScript, TextScript, Timbre
from bunraku.core.settings import Settings
from bunraku.core.stream_task import TaskStatus
from bunraku.core.urls import FetchRefused, check_url
from bunraku.front.edge.outputs import OutputLinks
from bunraku.front.own_people import OwnPeople
from bunraku.front.rpc import messages as m
from bunraku.front.rpc.parameters import Params
from bunraku.nodes.base import NodeAway, Nodes

DEFAULT_SIZE = (720, 1280)
MIN_SIDE, MAX_SIDE = 128, 1920
MIN_BITRATE, MAX_BITRATE = 100_000, 3_000_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and by which base URL they reach us (``http://host:port``)."""

    app: App
    base_url: str


@dataclass(frozen=True, slots=True)
class Action:
    """One row of the API."""

    name: str
    params: type[Params]
    reply: type[BaseModel] | None
    run: Callable[[Actions, Caller, Any], Awaitable[BaseModel | None]]
    summary: str
    most_file: Callable[[Actions], int] | None = None
    """Its body may be a form with a file of so many bytes."""


@dataclass(frozen=True, slots=True)
class Actions:
    """What the actions work on."""

    settings: Settings
    nodes: Nodes
    links: OutputLinks
    people: OwnPeople

    # --- catalogue

    def _info(self, human: DigitalHuman, base_url: str) -> m.DigitalHumanInfo:
        root = f"{base_url}/assets/{human.id}"
        return m.DigitalHumanInfo(
            digital_human_id=human.id,
            name=human.name,
            avatar_url=f"{root}/avatar.jpg",
            is_public=True,
            actions=[m.Gesture(action=g, preview_url=f"{root}/{g}.mp4") for g in human.gestures],
        )

    def _own_info(self, human: OwnHuman, base_url: str) -> m.DigitalHumanInfo:
        root = base_url + self.people.links.root(human.app_id, human.id)
        ready = human.state is State.READY
        return m.DigitalHumanInfo(
            digital_human_id=human.id,
            name=human.name,
            avatar_url=f"{root}/avatar.jpg" if ready else "",
            is_public=False,
            actions=[m.Gesture(action=g, preview_url=f"{root}/{g}.mp4") for g in human.made.gestures],
        )

    async def get_digital_human_list(self, caller: Caller, p: m.GetDigitalHumanList) -> m.DigitalHumanList:
        humans = () if p.fetch_mode == 3 else await (await self.nodes.any()).humans()
        own = () if p.fetch_mode == 2 else await self.people.store.of(caller.app.id)
        page = _page([*humans, *own], p.offset, p.limit)
        return m.DigitalHumanList(
            total=len(humans) + len(own),
            digital_humans=[
                self._own_info(x, caller.base_url)
                if isinstance(x, OwnHuman)
                else self._info(x, caller.base_url)
                for x in page
            ],
        )

    async def get_digital_human_info(self, caller: Caller, p: m.DigitalHumanRequest) -> m.OwnHumanInfo:
        human = await self.people.human(caller.app.id, p.digital_human_id)
        if not isinstance(human, OwnHuman):
            return m.OwnHumanInfo.model_validate(self._info(human, caller.base_url).model_dump())
        return m.OwnHumanInfo(
            **self._own_info(human, caller.base_url).model_dump(by_alias=False),
            state=human.state.value,
            progress=human.progress,
            fail_reason=human.fail_reason,
            warnings=list(human.made.warnings),
            timbre_id=human.timbre_id,
        )

    async def get_timbre_list(self, caller: Caller, p: m.GetTimbreList) -> m.TimbreList:
        node, bound = await self.nodes.any(), None
        fits: tuple[Timbre, ...] = ()
        if p.digital_human_id is not None:
            human = await self.people.human(caller.app.id, p.digital_human_id)
            bound = human.id
            if isinstance(human, OwnHuman) and human.timbre_id is not None:
                every = await node.timbres(caller.app.id, None)
                fits = tuple(t for t in every if t.id == human.timbre_id)
        timbres = (*fits, *await node.timbres(caller.app.id, bound))
        page = _page(timbres, p.offset, p.limit)
        return m.TimbreList(
            total=len(timbres),
            timbres=[m.TimbreInfo(timbre_id=t.id, name=t.name, avatar_url="") for t in page],
        )

    async def get_render_info(self, caller: Caller, p: m.DigitalHumanRequest) -> m.RenderInfo:
        await self.people.human(caller.app.id, p.digital_human_id)
        return m.RenderInfo()

    # --- people of one's own

    async def create_human(self, caller: Caller, p: m.CreateDigitalHuman) -> m.CreatedHuman:
        file, url = p.file, p.source.url
        if (file is None) == (url is None):
            needs = "Source.Url is required" if file is None else "Source.Url and File are both given"
            raise InvalidParams(needs)
        if url is not None:
            self._check_url("Source.Url", url)
        source = SourceKind(p.source.type)
        most = self.settings.people.of(source).source_bytes
        if file is not None and (file.size or 0) > most:
            raise InvalidParams(f"File is larger than the {most} bytes that a {source} may have")
        order = HumanOrder(caller.app.id, p.name, source, current().request, url, timbre_id=p.timbre_id)
        return m.CreatedHuman(digital_human_id=await self.people.create(order, file))

    async def delete_human(self, caller: Caller, p: m.DigitalHumanRequest) -> None:
        await self.people.delete(caller.app.id, p.digital_human_id)

    def most_file(self) -> int:
        return self.settings.people.most_file

    # --- stream tasks

    async def create(self, caller: Caller, p: m.CreateDigitalHumanStreamTask) -> m.CreatedTask:
        extra = p.extra_config or m.ExtraConfig()
        if extra.background_url is not None:
            self._check_url("ExtraConfig.BackgroundUrl", extra.background_url)
        outputs = tuple(self._order(o, "ExtraConfig.Outputs") for o in extra.outputs or ())
        barge_in = extra.barge_in and extra.barge_in.user_stream_id
        if barge_in == p.rtc_config.stream_id:
            raise InvalidParams("ExtraConfig.BargeIn.UserStreamId is the task's own stream")
        width, height, bitrate = _video(p.video_config or {})
        human = p.digital_human_config
        # A transparent stream's colour lies over black, which makes it premultiplied by its alpha.
        behind = (0, 0, 0) if extra.transparent else background(human.background_color)
        record = await self.nodes.create(
            Commission(
                app_id=caller.app.id,
                max_tasks=caller.app.max_tasks,
                digital_human_id=human.digital_human_id,
                room_id=p.rtc_config.room_id,
                stream_id=p.rtc_config.stream_id,
                framing=Framing(width, height, behind, bool(extra.transparent)),
                bitrate=bitrate,
                ttl=p.ttl or 86400,
                max_idle_time=p.max_idle_time or 900,
                emotion=extra.emotion,
                background_url=None if extra.transparent else extra.background_url,
                outputs=outputs,
                drawing=self.settings.rtc.drawable and extra.drawing != "never",
                barge_in=barge_in,
            ),
        )
        return m.CreatedTask(task_id=record.id)

    def _check_url(self, field: str, url: str) -> None:
        try:
            check_url(url, allow_private=self.settings.fetch.allow_private)
        except (ValueError, FetchRefused) as error:
            raise InvalidParams(f"{field} {error}") from None

    # --- outputs

    def _order(self, o: m.OutputConfig, field: str) -> OutputOrder:
        protocol = Protocol(o.protocol)
        if protocol.stored:
            url = None
        elif o.url is None:
            raise InvalidParams(f"{field}.Url is required")
        else:
            url = o.url
            schemes = ("http", "https") if protocol is Protocol.WHIP else (protocol, f"{protocol}s")
            try:
                check_url(
                    url,
                    allow_private=self.settings.fetch.allow_private,
                    schemes=schemes,
                    listed=self.settings.outputs.private_targets,
                )
            except (ValueError, FetchRefused) as error:
                raise InvalidParams(f"{field}.Url {error}") from None
        return OutputOrder(protocol, url, o.bearer_token, o.segment_seconds, o.name or "")

    async def add_output(self, caller: Caller, p: m.AddStreamOutput) -> m.CreatedOutput:
        order = self._order(p.output, "Output")
        node = await self.nodes.of_task(caller.app.id, p.task_id)
        return m.CreatedOutput(output_id=(await node.add_output(caller.app.id, p.task_id, order)).id)

    async def remove_output(self, caller: Caller, p: m.RemoveStreamOutput) -> None:
        node = await self.nodes.of_task(caller.app.id, p.task_id)
        await node.remove_output(caller.app.id, p.task_id, p.output_id)

    async def query_outputs(self, caller: Caller, p: m.TaskRequest) -> m.OutputList:
        node = await self.nodes.of_task(caller.app.id, p.task_id)
        outputs = await node.outputs(caller.app.id, p.task_id)
        task = await self.nodes.records.task(caller.app.id, p.task_id)
        node_id = task.owner.node_id
        return m.OutputList(outputs=[self._shown(caller, node_id, o) for o in outputs])

    def _shown(self, caller: Caller, node_id: str, o: Output) -> m.OutputInfo:
        def link(file: str) -> str:
            return caller.base_url + self.links.path(node_id, caller.app.id, o.task_id, o.name, file)

        files = [m.OutputFileInfo(name=f.name, url=link(f.name), bytes=f.bytes, seconds=f.seconds)
                 for f in o.files]  # fmt: skip
        playlist = next((f.url for f in files if f.name.endswith(".m3u8")), None)
        return m.OutputInfo(
            output_id=o.id,
            protocol=o.protocol,
            url=playlist or o.url,
            name=o.name,
            status=o.status,
            start_time=int(o.started_at),
            end_time=None if o.ended_at is None else int(o.ended_at),
            bytes=o.bytes,
            fail_reason=o.fail_reason,
            files=files or None,
        )

    async def stop(self, caller: Caller, p: m.TaskRequest) -> None:
        node = await self.nodes.of_task(caller.app.id, p.task_id)
        await node.stop(caller.app.id, p.task_id)

    async def task_status(self, caller: Caller, p: m.TaskRequest) -> m.TaskState:
        r = await self.nodes.records.task(caller.app.id, p.task_id)
        failed = r.status is TaskStatus.FAILED
        return m.TaskState(
            room_id=r.room_id,
            stream_id=r.stream_id,
            status=int(r.status),
            create_time=int(r.created_at),
            fail_reason=(r.fail_reason or "failed") if failed else None,
        )

    async def query(self, caller: Caller, p: m.Nothing) -> m.TaskList:
        return m.TaskList(
            task_list=[
                m.ListedTask(
                    task_id=r.id,
                    room_id=r.room_id,
                    stream_id=r.stream_id,
                    status=int(r.status),
                    create_time=int(r.created_at),
                )
                for r in await self.nodes.records.live(caller.app.id)
            ]
        )

    # --- drives

    async def _drive(self, caller: Caller, task_id: str, script: Script, interrupt: bool) -> m.CreatedDrive:
        node = await self.nodes.of_task(caller.app.id, task_id)
        drive = await node.drive(caller.app.id, task_id, script, interrupt)
        return m.CreatedDrive(drive_id=drive.id)

    async def drive_by_text(self, caller: Caller, p: m.DriveByText) -> m.CreatedDrive:
        tts = p.tts_config
        prosody = Prosody.from_contract(tts.speech_rate or 0, tts.pitch_rate or 0, tts.volume or 50)
        script = TextScript(p.text, tts.timbre_id, prosody, p.emotion)
        return await self._drive(caller, p.task_id, script, p.interrupt_mode == 1)

    async def drive_by_audio(self, caller: Caller, p: m.DriveByAudio) -> m.CreatedDrive:
        self._check_url("AudioUrl", p.audio_url)
        script = AudioScript(p.audio_url, p.voice_channel or 0, p.transcript, p.emotion)
        return await self._drive(caller, p.task_id, script, p.interrupt_mode == 1)

    async def drive_by_ws_stream(self, caller: Caller, p: m.TaskRequest) -> m.CreatedSocketDrive:
        node = await self.nodes.of_task(caller.app.id, p.task_id)
        drive = await node.drive_socket(caller.app.id, p.task_id)
        root = "ws" + caller.base_url.removeprefix("http")
        return m.CreatedSocketDrive(drive_id=drive.drive_id, wss_address=f"{root}/ws?Token={drive.token}")

    async def drive_by_rtc_stream(self, caller: Caller, p: m.DriveByRTCStream) -> m.CreatedDrive:
        source = p.rtc_config
        script = StreamScript(source.room_id, source.stream_id)
        return await self._drive(caller, p.task_id, script, True)

    async def do_action(self, caller: Caller, p: m.DoAction) -> None:
        node = await self.nodes.of_task(caller.app.id, p.task_id)
        await node.gesture(caller.app.id, p.task_id, p.action)

    async def interrupt(self, caller: Caller, p: m.TaskRequest) -> None:
        node = await self.nodes.of_task(caller.app.id, p.task_id)
        await node.interrupt(caller.app.id, p.task_id)

    async def drive_status(self, caller: Caller, p: m.GetDriveStatus) -> m.DriveList:
        if p.task_id is None and p.drive_id is None:
            raise InvalidParams("TaskId or DriveId is required")
        if p.drive_id is None:
            assert p.task_id is not None
            drives = await self.nodes.records.drives(caller.app.id, p.task_id)
        else:
            drive = await self.nodes.records.drive(caller.app.id, p.drive_id)
            if p.task_id is not None and drive.task_id != p.task_id:
                raise TaskNotFound("DriveId does not belong to TaskId")
            drives = [drive]
        return m.DriveList(drive_list=[_drive_state(d) for d in await self._as_heard(caller, drives)])

    async def _as_heard(self, caller: Caller, drives: Sequence[Drive]) -> Sequence[Drive]:
        """Of what is being said a record knows the beginning; its node knows how far it is."""
        running = next((d.task_id for d in drives if d.status is DriveStatus.DRIVING), None)
        if running is None:
            return drives
        now: dict[str, Drive] = {}
        with suppress(NodeAway, TaskNotFound):
            node = await self.nodes.of_task(caller.app.id, running)
            now = {d.id: d for d in await node.heard(caller.app.id, running)}
        return [now.get(d.id, d) for d in drives]


def _drive_state(drive: Drive) -> m.DriveState:
    return m.DriveState(
        drive_id=drive.id,
        status=int(drive.status),
        played_ms=drive.played_ms,
        spoken_text=drive.spoken_text,
    )


def _page(items: Sequence[T], offset: int | None, limit: int | None) -> Sequence[T]:
    first = offset or 0
    return items[first : first + (20 if limit is None else limit)]


def background(colour: str | None) -> tuple[int, int, int]:
    """``#RRGGBB`` or ``#AARRGGBB`` over black (section 5.4); black when not given."""
    if colour is None:
        return (0, 0, 0)
    digits = colour[1:]
    alpha = int(digits[:2], 16) / 255 if len(digits) == 8 else 1.0
    rgb = bytes.fromhex(digits[-6:])
    return (round(rgb[0] * alpha), round(rgb[1] * alpha), round(rgb[2] * alpha))


def _video(hint: dict[str, Any]) -> tuple[int, int, int]:
    """Width, height, bitrate from the withdrawn VideoConfig, in either spelling, clamped."""

    def number(*names: str) -> int | None:
        for name in names:
            value = hint.get(name)
            if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
                value = int(value)
            if isinstance(value, int | float) and not isinstance(value, bool) and value:
                return int(min(max(value, 1), 1_000_000_000))
        return None

    width, height = number("Width", "width"), number("Height", "height")
    if width is None and height is None:
        width, height = DEFAULT_SIZE
    elif width is None or height is None:
        ratio = DEFAULT_SIZE[1] / DEFAULT_SIZE[0]
        width = width or int((height or 0) / ratio)
        height = height or int(width * ratio)
    scale = min(1.0, MAX_SIDE / max(width, height))
    width = max(MIN_SIDE, int(width * scale)) // 2 * 2
    height = max(MIN_SIDE, int(height * scale)) // 2 * 2
    bitrate = number("Bitrate", "bitrate")
    if bitrate is None:
        return width, height, min(MAX_BITRATE, default_bitrate(width, height))
    return width, height, min(MAX_BITRATE, max(MIN_BITRATE, bitrate))


ACTIONS = (
    Action("GetDigitalHumanList", m.GetDigitalHumanList, m.DigitalHumanList,
           Actions.get_digital_human_list, "Digital humans the app may use"),
    Action("GetDigitalHumanInfo", m.DigitalHumanRequest, m.OwnHumanInfo,
           Actions.get_digital_human_info, "One digital human"),
    Action("CreateDigitalHuman", m.CreateDigitalHuman, m.CreatedHuman,
           Actions.create_human, "Make a digital human of one's own", Actions.most_file),
    Action("DeleteDigitalHuman", m.DigitalHumanRequest, None,
           Actions.delete_human, "Delete one's own, with its files"),
    Action("GetTimbreList", m.GetTimbreList, m.TimbreList, Actions.get_timbre_list, "Voices"),
    Action("CreateDigitalHumanStreamTask", m.CreateDigitalHumanStreamTask, m.CreatedTask,
           Actions.create, "Bring a digital human to life in a room"),
    Action("DriveByText", m.DriveByText, m.CreatedDrive, Actions.drive_by_text, "Speak a text"),
    Action("DriveByAudio", m.DriveByAudio, m.CreatedDrive, Actions.drive_by_audio, "Speak an audio file"),
    Action("DriveByWsStream", m.TaskRequest, m.CreatedSocketDrive,
           Actions.drive_by_ws_stream, "An address to send PCM to"),
    Action("DriveByRTCStream", m.DriveByRTCStream, m.CreatedDrive,
           Actions.drive_by_rtc_stream, "Repeat another stream's sound"),
    Action("DoAction", m.DoAction, None, Actions.do_action, "Make a gesture"),
    Action("InterruptDriveTask", m.TaskRequest, None, Actions.interrupt, "Fall silent, empty the queue"),
    Action("StopDigitalHumanStreamTask", m.TaskRequest, None, Actions.stop, "End a stream task"),
    Action("GetDigitalHumanStreamTaskStatus", m.TaskRequest, m.TaskState,
           Actions.task_status, "State of one stream task"),
    Action("QueryDigitalHumanStreamTasks", m.Nothing, m.TaskList, Actions.query, "What runs now"),
    Action("AddStreamOutput", m.AddStreamOutput, m.CreatedOutput,
           Actions.add_output, "Send a stream elsewhere too"),
    Action("RemoveStreamOutput", m.RemoveStreamOutput, None, Actions.remove_output, "End an output"),
    Action("QueryStreamOutputs", m.TaskRequest, m.OutputList,
           Actions.query_outputs, "Where a stream goes, and the files it left"),
    Action("GetDriveStatus", m.GetDriveStatus, m.DriveList, Actions.drive_status, "State of drives"),
    Action("GetDigitalHumanRenderInfo", m.DigitalHumanRequest, m.RenderInfo,
           Actions.get_render_info, "Mobile render package (none)"),
)  # fmt: skip

ACTION_NAMES = frozenset(a.name for a in ACTIONS)
