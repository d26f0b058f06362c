"""Nobody asks the machine for the time but its clock, and who is named here."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "bunraku"
TOOLS = (
    *("bench", "doctor", "testing"),
    *("backup", "check", "client", "perform", "provenance_cli", "render"),
)
"""Programs of their own, at a caller's side or a developer's: they live in the machine's time."""

WORKER = "runs in a worker's process, whose time is the kernel's"
SOCKETS = "parses what strangers send, at the pace of sockets and of this machine's core"
GIVEN = "may be given another"
DATES = "certificates are dated and judged by the world"
MACHINES = {
    "core.clock": "is the machine's clock",
    "core.call_signature": GIVEN,
    "core.logs": GIVEN,
    "front.acceptor": SOCKETS,
    "front.connections": SOCKETS,
    "front.turns": SOCKETS,
    "node.outputs.file.sink": WORKER,
    "node.outputs.hls.sink": WORKER,
    "node.outputs.images.sink": WORKER,
    "node.outputs.sink_job": WORKER,
    "node.outputs.storage": "waits for disks and for S3, in threads and in workers",
    "node.people.photo.maker": WORKER,
    "node.people.video.maker": WORKER,
    "node.provenance": DATES,
    "node.rtc.port.dtls": DATES,
    "node.speech.helper": "kills a process that goes on",
    "node.workers.download": WORKER,
    "node.workers.pool": "kills a process that goes on",
    "nodes.ray.cluster": "holds up a thread of Ray's",
}

ASYNCIO = {"sleep", "timeout", "timeout_at", "wait_for"}
TIME = {"sleep", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "time", "time_ns"}
DATE = {"now", "today", "utcnow"}


def asked(source: str) -> list[int]:
    """Lines where the machine is asked for the time, or to wait."""
    tree, lines = ast.parse(source), set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("asyncio", "time"):
            if {a.name for a in node.names} & (ASYNCIO | TIME):
                lines.add(node.lineno)
        elif isinstance(node, ast.Call) and (called := _dotted(node.func)):
            *_, owner, name = ["", *called]
            yields = name == "sleep" and ast.unparse(node.args[0]) == "0"  # lets others run
            if (
                (owner == "asyncio" and name in ASYNCIO and not yields)
                or (name in ("call_at", "call_later") and owner in ("loop", "get_running_loop()"))
                or (owner in ("date", "datetime") and name in DATE)
            ):
                lines.add(node.lineno)
        elif isinstance(node, ast.Attribute) and (named := _dotted(node)):
            # Also where it is only handed on: ``now=time.monotonic``.
            owner, name = named[-2:]
            clock = owner == "time" and name in TIME
            if clock or (owner in ("loop", "get_running_loop()") and name == "time"):
                lines.add(node.lineno)
    return sorted(lines)


def _dotted(node: ast.expr) -> list[str]:
    """The names of ``a.b().c``: a, b(), c."""
    if isinstance(node, ast.Attribute):
        return [*_dotted(node.value), node.attr]
    if isinstance(node, ast.Call):
        *before, last = _dotted(node.func) or [""]
        return [*before, f"{last}()"]
    return [node.id] if isinstance(node, ast.Name) else [""]


def test_questions_for_the_time_are_seen():
    for line in (
        "from asyncio import timeout",
        "from time import monotonic as now",
        "await asyncio.sleep(pause)",
        "asyncio.wait_for(x, 3)",
        "asyncio.timeout_at(3)",
        "time.sleep(0)",
        "f(now=time.monotonic)",
        "loop.call_later(1, f)",
        "asyncio.get_running_loop().call_at(1, f)",
        "now = asyncio.get_running_loop().time",
        "loop.time()",
        "datetime.datetime.now(UTC)",
        "datetime.now(UTC)",
    ):
        assert asked(line) == [1], line
    for line in (
        "await asyncio.sleep(0)",
        "self._clock.call_at(1, f)",
        "clock.monotonic()",
        "patience(3)",
        "timeout(clock, 3)",
        "time.strftime(form, time.gmtime(at))",
        "time.thread_time()",
        "datetime.fromtimestamp(at, UTC)",
    ):
        assert asked(line) == [], line


def test_time_comes_from_the_injected_clock():
    found: dict[str, list[int]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        if module.split(".")[0] not in TOOLS and (lines := asked(path.read_text("utf-8"))):
            found[module] = lines
    assert {module: lines for module, lines in found.items() if module not in MACHINES} == {}
    assert set(MACHINES) <= set(found), "who asks no more needs no reason"
