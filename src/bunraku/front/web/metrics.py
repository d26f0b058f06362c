"""``/metrics`` for Prometheus, ``/healthz`` and ``/readyz``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from starlette.responses import Response

from bunraku.core.clock import Clock, next_beat
from bunraku.core.stream_task import TaskStatus
from bunraku.front.http import is_forwarded, is_loopback
from bunraku.node.callbacks.delivery import Delivery
from bunraku.node.performance.meter import BOUNDS, Histogram
from bunraku.node.tasks.manager import TaskManager

TYPE = "text/plain; version=0.0.4; charset=utf-8"


class LoopLag:
    """Asks the event loop for a turn at every beat and notes how late it comes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.figures = Histogram()

    async def watch(self) -> None:
        while True:
            due = next_beat(self._clock.monotonic())
            await self._clock.sleep_until(due)
            self.figures.observe(max(0.0, self._clock.monotonic() - due) * 1e3)


class Metrics:
    """Figures are collected when asked for; nothing is counted twice. Scraped from loopback
    only, and not through a proxy there, which would pass strangers on."""

    def __init__(
        self, manager: TaskManager, delivery: Delivery, lag: LoopLag, ready: Callable[[], bool]
    ) -> None:
        self._manager, self._delivery, self._lag, self._ready = manager, delivery, lag, ready
        self._registry = CollectorRegistry()
        self._registry.register(self)  # type: ignore[arg-type]  # a collector is anything with collect()

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
        return Response(generate_latest(self._registry), headers={"Content-Type": TYPE})

    async def health(self) -> Response:
        return Response("ok", media_type="text/plain")

    async def readiness(self) -> Response:
        ready = self._ready()
        return Response("ready" if ready else "not ready", 200 if ready else 503, media_type="text/plain")

    def collect(self) -> Iterable[Metric]:
        live = self._manager.all_live()
        tasks = GaugeMetricFamily("bunraku_stream_tasks", "Stream tasks by status.", labels=["status"])
        for status in TaskStatus:
            count = sum(t.record.status is status for t in live)
            if not status.final:
                tasks.add_metric([status.name.lower()], count)
        yield tasks
        yield GaugeMetricFamily(
            "bunraku_watchers", "Watchers of all streams.", sum(len(t.stream.watchers) for t in live)
        )
        queued = sum(t.performance.queued for t in live if t.performance)
        yield GaugeMetricFamily("bunraku_drives_queued", "Drives waiting.", queued)
        total = self._manager.totals()
        for name, text, value in (
            ("frames", "Pictures rendered.", total.frames),
            ("frames_late", "Pictures skipped because the one before was not ready.", total.frames_late),
            ("frames_failed", "Pictures lost to a fault.", total.frames_failed),
            ("ticks_skipped", "Ticks skipped after a stall.", total.ticks_skipped),
            ("rate_changes", "Times an encoder was reopened at another rate.", total.rate_changes),
            ("callbacks_delivered", "Callbacks delivered.", self._delivery.delivered),
            ("callbacks_given_up", "Callbacks given up.", self._delivery.given_up),
        ):
            yield CounterMetricFamily(f"bunraku_{name}", text, value)
        yield GaugeMetricFamily(
            "bunraku_callbacks_waiting", "Callbacks not delivered yet.", self._delivery.waiting
        )
        for name, text, figures in (
            ("first_audio_ms", "From a drive's turn to its first sample.", total.first_audio_ms),
            ("interrupt_ms", "From an interrupt to the first packet without it.", total.interrupt_ms),
            ("av_offset_ms", "How much later than its sound a picture leaves.", total.av_offset_ms),
            ("render_ms", "CPU time of rendering a picture.", total.render_ms),
            ("encode_ms", "CPU time of encoding a picture.", total.encode_ms),
            ("event_loop_lag_ms", "How late the event loop runs what is due.", self._lag.figures),
        ):
            yield histogram(f"bunraku_{name}", text, figures)


def histogram(name: str, text: str, figures: Histogram) -> HistogramMetricFamily:
    count = 0
    buckets: list[tuple[str, float]] = []
    for bound, inside in zip((*BOUNDS, float("inf")), figures.counts, strict=True):
        count += inside
        buckets.append(("+Inf" if bound == float("inf") else str(bound), count))
    return HistogramMetricFamily(name, text, buckets, figures.total)
