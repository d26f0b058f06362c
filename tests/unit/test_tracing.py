"""Spans on virtual time, from a call to the first sound; and what a collector is sent."""

from __future__ import annotations

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from bunraku.core.calls import Call, during
from bunraku.core.settings import Settings
from bunraku.core.starting import CannotStart
from bunraku.core.tracing import UNTRACED, traceparent
from bunraku.node.performance.drive_queue import Mode
from bunraku.telemetry import OtelTracer, tracer
from bunraku.testing.clock import VirtualClock

from ..support.stage import TICK, Node

pytest.importorskip("opentelemetry.sdk", reason="bunraku[otel] is not installed")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = CALLER[:-2] + "00"


@pytest.fixture
async def traced():
    clock, memory = VirtualClock(), InMemorySpanExporter()
    node = Node(tracer=OtelTracer(clock, SimpleSpanProcessor(memory), 1.0, "n1"), clock=clock)
    await node.open()
    yield node, memory
    await node.close()


def spans(memory):
    return {s.name: s for s in memory.get_finished_spans()}


def times(span, clock):
    """Seconds of the clock's monotonic scale, to the millisecond."""
    offset = clock.wall() - clock.monotonic()
    return tuple(round(t / 1e9 - offset, 3) for t in (span.start_time, span.end_time))


async def test_from_create_to_the_first_sound(traced):
    node, memory = traced
    clock = node.clock
    node.staging.delay = 1.0
    begun = clock.monotonic()
    with during(Call(request="c", trace=CALLER)):
        live = await node.create()
        await clock.advance(1.0)
    start = spans(memory)["stream_task.start"]
    assert times(start, clock) == (round(begun, 3), round(begun + 1.0, 3))
    assert start.attributes["bunraku.task.status"] == "streaming"
    assert f"{start.context.trace_id:032x}" == CALLER[3:35], "the caller's own trace"
    assert f"{start.parent.span_id:016x}" == CALLER[36:52]
    assert start.parent.is_remote

    with during(Call(request="d", trace=CALLER)):
        first = live.drive(node.script(10), Mode.APPEND)
    with during(Call(request="e")):
        second = live.drive(node.script(2), Mode.APPEND)
    queued = clock.monotonic()
    await clock.settle()
    await node.ticks(14)
    drives = {s.attributes["bunraku.drive.id"]: s for s in memory.get_finished_spans() if s.name == "drive"}
    assert set(drives) == {first.id, second.id}
    assert all(d.attributes["bunraku.drive.status"] == "ended" for d in drives.values())
    assert f"{drives[first.id].parent.span_id:016x}" == CALLER[36:52]
    assert drives[second.id].parent is None, "a trace of its own"
    inside = {
        (drive, s.name): times(s, clock)
        for drive, span in drives.items()
        for s in memory.get_finished_spans()
        if s.parent is not None and s.parent.span_id == span.context.span_id
    }
    q, r = round(queued, 3), round
    began = inside[first.id, "drive.send"][1]
    assert q < began <= r(queued + TICK, 3), "with the next tick"
    over = r(began + 9 * TICK, 3)  # its tenth tick is taken
    assert inside == {
        (first.id, "drive.wait"): (q, q),
        (first.id, "drive.voice"): (q, q),
        (first.id, "drive.send"): (q, began),
        # Its sound is made while the first is said.
        (second.id, "drive.voice"): (q, q),
        (second.id, "drive.wait"): (q, over),
        (second.id, "drive.send"): (over, r(over + TICK, 3)),
    }
    assert times(drives[first.id], clock) == (q, over)


async def test_a_failed_drive_and_a_failed_start_are_faults(traced):
    node, memory = traced
    live = await node.create()
    live.drive(node.script(1, fails="no voice"), Mode.APPEND)
    await node.ticks(4)
    assert spans(memory)["drive"].attributes["error.type"] == "drive_failed"
    assert not spans(memory)["drive"].status.is_ok
    memory.clear()
    node.staging.error = RuntimeError("secret")
    await node.create("other")
    assert spans(memory)["stream_task.start"].attributes["error.type"] == "stream_task_failed"
    assert "secret" not in "".join(s.to_json() for s in memory.get_finished_spans())


async def test_what_a_caller_does_not_sample_is_not_kept(traced):
    node, memory = traced
    with during(Call(trace=UNSAMPLED)):
        await node.create()
    assert memory.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        (CALLER, CALLER),
        (f" {CALLER} ", CALLER),
        ("cc" + CALLER[2:] + "-what-comes-later", "cc" + CALLER[2:]),
        (CALLER + "-more", ""),
        ("ff" + CALLER[2:], ""),
        (CALLER.upper(), ""),
        ("00-" + "0" * 32 + CALLER[35:], ""),
        (CALLER[:36] + "0" * 16 + CALLER[52:], ""),
        ("x", ""),
        (None, ""),
    ],
)
def test_the_callers_traceparent(header, taken):
    assert traceparent(header) == taken


def test_a_collector_is_sent_spans_by_otlp():
    bodies = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            bodies.append((self.path, self.headers["authorization"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            return

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        ours = tracer(
            Settings(tracing={"endpoint": url, "headers": {"authorization": "key"}}), VirtualClock(), "n1"
        )
        ours.begin("drive", CALLER).end()
        ours.close()
    finally:
        server.shutdown()
    ((path, key, body),) = bodies
    assert (path, key) == ("/v1/traces", "key")
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    named = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert (named["service.name"], named["service.instance.id"]) == ("bunraku", "n1")
    (span,) = resource.scope_spans[0].spans
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == (
        "drive",
        CALLER[3:35],
        CALLER[36:52],
    )


def test_without_the_setting_nothing_is_imported():
    assert tracer(Settings(), VirtualClock()) is UNTRACED
    code = (
        "import sys, bunraku.app, bunraku.telemetry\n"
        "from bunraku.core.settings import Settings\n"
        "from bunraku.core.clock import SystemClock\n"
        "bunraku.telemetry.tracer(Settings(), SystemClock())\n"
        "sys.exit(any(m.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_without_the_extra_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(CannotStart, match=r"bunraku\[otel\]"):
        tracer(Settings(tracing={"endpoint": "http://127.0.0.1:4318"}), VirtualClock())
