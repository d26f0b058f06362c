"""A front among nodes: whom it asks, and what it says when none can. Ray itself is a stand-in here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bunraku.core import errors
from bunraku.core.commission import Commission
from bunraku.core.framing import Framing
from bunraku.core.load import Load, NodeInfo
from bunraku.core.owner import Owner
from bunraku.core.script import Prosody, TextScript
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.nodes.rooms import Login
from bunraku.testing.clock import VirtualClock

pytest.importorskip("ray")

from bunraku.nodes.base import NodeAway
from bunraku.nodes.ray import nodes as ray_nodes
from bunraku.nodes.ray import remote
from bunraku.nodes.ray.answer import Answer

COMMISSION = Commission(
    app_id=1,
    max_tasks=2,
    digital_human_id="anna",
    room_id="r",
    stream_id="s",
    framing=Framing(128, 128),
    bitrate=100_000,
    ttl=60,
    max_idle_time=60,
)
TASK = StreamTask(
    id="t",
    app_id=1,
    digital_human_id="anna",
    room_id="r",
    stream_id="s",
    created_at=0.0,
    ttl=60,
    max_idle_time=60,
    framing=Framing(128, 128),
    owner=Owner("gone", 1),
)
SAID = TextScript("x", "tone-a", Prosody.from_contract(0, 0, 50), None)


@dataclass
class Handle:
    """An actor: answers each question as scripted, and remembers them."""

    answers: dict[str, Any]
    asked: list[str] = field(default_factory=list)

    @property
    def ask(self) -> Any:
        return self

    async def remote(self, question: str, *_: Any) -> Answer:
        self.asked.append(question)
        answer = self.answers[question]
        return Answer.of(answer) if isinstance(answer, Exception) else Answer(answer)


@dataclass
class Directory:
    streams: dict[str, tuple[str, str]] = field(default_factory=dict)
    taken: int = 0
    record: StreamTask = TASK

    async def node_of_room(self, *_: Any) -> str | None:
        return None

    async def place_of_stream(self, _: int, stream_id: str) -> tuple[str, str] | None:
        return self.streams.get(stream_id)

    async def places_taken(self, _: int) -> int:
        return self.taken

    async def task(self, *_: Any) -> StreamTask:
        return self.record

    async def outputs(self, *_: Any) -> list[Any]:
        return []


class Lives:
    def __init__(self, *infos: NodeInfo) -> None:
        self.infos = list(infos)

    async def here(self) -> list[NodeInfo]:
        return [n for n in self.infos if n.state in ("up", "draining")]


def info(id: str, tasks: int = 0, state: str = "up", lateness: float = 0.0) -> NodeInfo:
    return NodeInfo(id, 1, state, "m", "1", 0.0, 1, Load(capacity=1, tasks=tasks, lateness=lateness))


@pytest.fixture
def stand(monkeypatch):
    async def make(directory: Directory, handles: dict[str, Handle], *infos: NodeInfo) -> ray_nodes.RayNodes:
        monkeypatch.setattr(remote.ray, "get_actor", lambda name, namespace: handles[name])
        nodes = ray_nodes.RayNodes(VirtualClock(), directory, Lives(*infos))  # type: ignore[arg-type]
        await nodes.refresh()
        return nodes

    return make


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        (Directory({"s": ("b", "r")}, taken=2), errors.StreamIdExists),
        (Directory(taken=2), errors.StreamConcurrencyLimit),
        (Directory(taken=1), errors.NoResources),
    ],
)
async def test_section_5_4_full_nodes_do_not_hide_the_check_that_fails_first(stand, directory, expected):
    full = {i: Handle({"create": errors.NoResources()}) for i in "ab"}
    nodes = await stand(directory, full, info("a", 1), info("b", 1))
    with pytest.raises(expected):
        await nodes.create(COMMISSION)


async def test_section_5_4_a_full_house_says_first_whom_it_does_not_know(stand):
    """No node could take the task: one is asked all the same, for what comes before."""
    full = {i: Handle({"create": errors.DigitalHumanNotFound()}) for i in "ab"}
    nodes = await stand(Directory(), full, info("a", 1), info("b", 1))
    with pytest.raises(errors.DigitalHumanNotFound):
        await nodes.create(COMMISSION)


async def test_section_4_1_late_nodes_are_busy_and_not_full(stand):
    late = {i: Handle({"create": errors.SystemBusy("overloaded")}) for i in "ab"}
    nodes = await stand(Directory(), late, info("a", lateness=0.1), info("b", lateness=0.1))
    with pytest.raises(errors.SystemBusy, match="overloaded"):
        await nodes.create(COMMISSION)


async def test_people_need_no_place_among_the_tasks(stand):
    handles = {"a": Handle({"join": "a.1"})}
    nodes = await stand(Directory(), handles, info("a", 1))
    assert await nodes.rooms.join(Login(1, "r", "u", "u", "04", 0)) == "a.1"


async def test_no_node_at_all_is_busy(stand):
    nodes = await stand(Directory(), {}, info("a", state="gone"))
    with pytest.raises(NodeAway):
        await nodes.create(COMMISSION)


@pytest.mark.parametrize(
    ("status", "drive", "stop"),
    [
        (TaskStatus.FAILED, errors.StreamNotStarted, errors.StreamAlreadyStopped),
        (TaskStatus.STOPPED, errors.StreamAlreadyStopped, errors.StreamAlreadyStopped),
        (TaskStatus.STREAMING, NodeAway, NodeAway),
    ],
)
async def test_section_6_4_a_task_whose_node_is_gone(stand, status, drive, stop):
    nodes = await stand(Directory(record=replace(TASK, status=status)), {}, info("gone", state="gone"))
    with pytest.raises(drive):
        await (await nodes.of_task(1, "t")).drive(1, "t", SAID, False)
    with pytest.raises(stop):
        await (await nodes.of_task(1, "t")).stop(1, "t")


async def test_section_5_5_the_node_of_an_ended_task_answers_for_it(stand):
    handle = Handle({"drive": errors.TimbreNotFound("TTSConfig.TimbreId")})
    ended = replace(TASK, status=TaskStatus.STOPPED, owner=Owner("a", 1))
    nodes = await stand(Directory(record=ended), {"a": handle}, info("a"))
    with pytest.raises(errors.TimbreNotFound):
        await (await nodes.of_task(1, "t")).drive(1, "t", SAID, False)
