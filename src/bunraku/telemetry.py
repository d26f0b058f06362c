"""OpenTelemetry: spans to a collector by OTLP over HTTP (extra ``otel``). Imported when it is set only.

Spans go out on a thread of the SDK's, in batches, from a bounded queue: a collector that is away costs
spans and delays nothing.
"""

from __future__ import annotations

import logging
from typing import Any

from bunraku import __version__
from bunraku.core.clock import Clock
from bunraku.core.settings import Settings
from bunraku.core.starting import CannotStart
from bunraku.core.tracing import UNTRACED, Attributes, Span, SpanKind, Tracer

EXPORT_TIMEOUT = 5  # s


def tracer(settings: Settings, clock: Clock, instance: str = "") -> Tracer:
    """The one of the settings; ``UNTRACED`` when they name no collector. ``instance``: the node's id.

    Raises ``CannotStart`` when the extra is not installed.
    """
    tracing = settings.tracing
    if tracing.endpoint is None:
        return UNTRACED
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise CannotStart("tracing.endpoint needs OpenTelemetry: pip install bunraku[otel]") from None
    # It logs what a collector answers at length, and the SDK each time that a queue is full.
    for name in ("opentelemetry", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    exporter = OTLPSpanExporter(
        endpoint=f"{str(tracing.endpoint).rstrip('/')}/v1/traces",
        headers=dict(tracing.headers),
        timeout=EXPORT_TIMEOUT,
    )
    return OtelTracer(clock, BatchSpanProcessor(exporter), tracing.ratio, instance)


class OtelTracer:
    """A ``Tracer`` over the SDK. The SDK's own "current span" is not used: parents are told."""

    def __init__(self, clock: Clock, processor: Any, ratio: float, instance: str = "") -> None:
        """``processor``: an SDK ``SpanProcessor``; it is this object's to end. ``ratio``: the share of
        traces that are kept, where the caller has not decided."""
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

        resource = {"service.name": "bunraku", "service.version": __version__}
        if instance:
            resource["service.instance.id"] = instance
        self._clock = clock
        self._provider = TracerProvider(
            resource=Resource.create(dict(resource)),
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("bunraku", __version__)

    def begin(
        self,
        name: str,
        parent: str,
        *,
        kind: SpanKind = "internal",
        at: float | None = None,
        attributes: Attributes | None = None,
    ) -> Span:
        from opentelemetry import trace

        # Wall time at its beginning, monotonic from there: a clock that is set tears no span.
        now = self._clock.monotonic()
        offset = self._clock.wall() - now
        span = self._tracer.start_span(
            name,
            _context(parent),
            trace.SpanKind.SERVER if kind == "server" else trace.SpanKind.INTERNAL,
            attributes=dict(attributes or {}),
            start_time=round(((now if at is None else at) + offset) * 1e9),
        )
        return OtelSpan(self._clock, span, offset)

    def close(self) -> None:
        self._provider.shutdown()


class OtelSpan:
    """A ``Span``."""

    def __init__(self, clock: Clock, span: Any, offset: float) -> None:
        self._clock, self._span, self._offset = clock, span, offset
        self._over = False

    @property
    def trace(self) -> str:
        c = self._span.get_span_context()
        return f"00-{c.trace_id:032x}-{c.span_id:016x}-{c.trace_flags & 1:02x}"

    def say(self, attributes: Attributes) -> None:
        if not self._over:
            self._span.set_attributes(dict(attributes))

    def end(self, at: float | None = None, *, fault: str | None = None) -> None:
        from opentelemetry.trace import Status, StatusCode

        if self._over:
            return
        self._over = True
        if fault is not None:
            self._span.set_attribute("error.type", fault)
            self._span.set_status(Status(StatusCode.ERROR))
        moment = self._clock.monotonic() if at is None else at
        self._span.end(round((moment + self._offset) * 1e9))


def _context(parent: str) -> Any:
    """Of a traceparent; one without any span when it is empty."""
    from opentelemetry import context, trace

    if not parent:
        return context.Context()
    _, trace_id, span_id, flags = parent.split("-")[:4]
    remote = trace.SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=trace.TraceFlags(int(flags, 16) & 1)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(remote), context.Context())
