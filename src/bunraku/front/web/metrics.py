"""``/metrics`` for Prometheus, ``/healthz`` and ``/readyz``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from starlette.responses import Response

from bunraku.core.meter import Histogram
from bunraku.core.report import Report
from bunraku.front.http import is_forwarded, is_loopback
from bunraku.nodes.asking import of_all
from bunraku.nodes.base import Nodes

TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNTS = {
    "frames": "Pictures rendered.",
    "frames_late": "Pictures skipped because the one before was not ready.",
    "frames_failed": "Pictures lost to a fault.",
    "ticks_skipped": "Ticks skipped after a stall.",
    "rate_changes": "Times an encoder was reopened at another rate.",
}
CALLBACKS = {
    "callbacks_delivered": "Callbacks delivered.",
    "callbacks_given_up": "Callbacks given up.",
}
VOICES = {
    "helpers": "Helper processes of a provider of voices, at most.",
    "busy": "Helpers at work.",
    "waiting": "Requests for sound, and sentences, that wait for a helper.",
    "real_time_factor": "Seconds of work a second of sound, lately.",
    "restarts": "Helpers that another process took the place of.",
}
DURATIONS = {
    "first_audio_ms": "From a drive's turn to its first sample.",
    "interrupt_ms": "From an interrupt to the first packet without it.",
    "av_offset_ms": "How much later than its sound a picture leaves.",
    "render_ms": "CPU time of rendering a picture.",
    "encode_ms": "CPU time of encoding a picture.",
}


class Metrics:
    """Figures are collected when asked for; nothing is counted twice. Scraped from loopback
    only, and not through a proxy there, which would pass strangers on."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/metrics", self.scrape, methods=["GET", "HEAD"])
        router.add_api_route("/healthz", self.health, methods=["GET", "HEAD"])
        router.add_api_route("/readyz", self.readiness, methods=["GET", "HEAD"])
        return router

    async def scrape(self, request: Request) -> Response:
        local = request.client is not None and is_loopback(request.client.host)
        if not local or is_forwarded(request):
            return Response("not found", 404, media_type="text/plain")
        registry = CollectorRegistry()
        reports = await of_all(self._nodes, lambda node: node.report())
        registry.register(_Reports(reports))  # type: ignore[arg-type]  # anything with collect()
        return Response(generate_latest(registry), headers={"Content-Type": TYPE})

    async def health(self) -> Response:
        return Response("ok", media_type="text/plain")

    async def readiness(self) -> Response:
        ready = self._nodes.ready
        return Response("ready" if ready else "not ready", 200 if ready else 503, media_type="text/plain")


class _Reports:
    """What the nodes count, each under its own name."""

    def __init__(self, reports: Sequence[Report]) -> None:
        self._reports = reports

    def collect(self) -> Iterable[Metric]:
        tasks = GaugeMetricFamily(
            "bunraku_stream_tasks", "Stream tasks by status.", labels=["node", "status"]
        )
        for r in self._reports:
            for status, count in r.tasks.items():
                tasks.add_metric([r.node_id, status], count)
        yield tasks
        yield self._each(GaugeMetricFamily, "watchers", "Watchers of all streams.", lambda r: r.watchers)
        yield self._each(GaugeMetricFamily, "drives_queued", "Drives waiting.", lambda r: r.drives_queued)
        yield self._each(
            GaugeMetricFamily,
            "callbacks_waiting",
            "Callbacks not delivered yet.",
            lambda r: r.callbacks_waiting,
        )
        yield from self._voices()
        for name, text in COUNTS.items():
            yield self._each(CounterMetricFamily, name, text, lambda r, n=name: getattr(r.meter, n))
        for name, text in CALLBACKS.items():
            yield self._each(CounterMetricFamily, name, text, lambda r, n=name: getattr(r, n))
        for name, text in DURATIONS.items():
            yield self._histogram(name, text, lambda r, n=name: getattr(r.meter, n))
        yield self._histogram(
            "event_loop_lag_ms", "How late the event loop runs what is due.", lambda r: r.lag
        )

    def _voices(self) -> Iterable[Metric]:
        labels = ["node", "provider"]
        loads = [(r.node_id, load) for r in self._reports for load in r.voices]
        for name, text in VOICES.items():
            kind = CounterMetricFamily if name == "restarts" else GaugeMetricFamily
            family = kind(f"bunraku_voice_{name}", text, labels=labels)
            for node, load in loads:
                family.add_metric([node, load.provider], getattr(load, name))
            yield family
        waits = HistogramMetricFamily(
            "bunraku_voice_wait_ms", "How long speech waited for a helper.", labels=labels
        )
        for node, load in loads:
            waits.add_metric([node, load.provider], buckets(load.waits), load.waits.total)
        yield waits

    def _each(
        self,
        kind: type[GaugeMetricFamily | CounterMetricFamily],
        name: str,
        text: str,
        value: Callable[[Report], float],
    ) -> Metric:
        family = kind(f"bunraku_{name}", text, labels=["node"])
        for report in self._reports:
            family.add_metric([report.node_id], value(report))
        return family

    def _histogram(self, name: str, text: str, figures: Callable[[Report], Histogram]) -> Metric:
        family = HistogramMetricFamily(f"bunraku_{name}", text, labels=["node"])
        for report in self._reports:
            found = figures(report)
            family.add_metric([report.node_id], buckets(found), found.total)
        return family


def buckets(figures: Histogram) -> list[tuple[str, float]]:
    """As Prometheus counts them: each holds those before it."""
    count = 0
    out: list[tuple[str, float]] = []
    for bound, inside in zip((*figures.bounds, float("inf")), figures.counts, strict=True):
        count += inside
        out.append(("+Inf" if bound == float("inf") else str(bound), count))
    return out
