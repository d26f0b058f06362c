"""What is told of how long things take, for whoever traces calls (OpenTelemetry's words).

``bunraku.telemetry`` has the real one; without it ``UNTRACED`` is told, which does nothing. Moments are
monotonic seconds of the injected clock; None is now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, Protocol

SpanKind = Literal["internal", "server"]
Attributes = Mapping[str, str | int | float | bool]

_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Span(Protocol):
    """A stretch of time in a trace."""

    @property
    def trace(self) -> str:
        """The W3C traceparent of what happens inside it; empty when nobody traces."""
        ...

    def say(self, attributes: Attributes) -> None: ...

    def end(self, at: float | None = None, *, fault: str | None = None) -> None:
        """``fault``: it went wrong, and of which kind (``error.type``). Later calls do nothing."""
        ...


class Tracer(Protocol):
    def begin(
        self,
        name: str,
        parent: str,
        *,
        kind: SpanKind = "internal",
        at: float | None = None,
        attributes: Attributes | None = None,
    ) -> Span:
        """``parent``: a traceparent; the root of a new trace when empty."""
        ...

    def close(self) -> None:
        """Send what is left; blocks for seconds at most."""
        ...


class _Untraced:
    """A ``Tracer`` and its only ``Span``."""

    trace = ""

    def say(self, attributes: Attributes) -> None:
        del attributes

    def end(self, at: float | None = None, *, fault: str | None = None) -> None:
        del at, fault

    def begin(
        self,
        name: str,
        parent: str,
        *,
        kind: SpanKind = "internal",
        at: float | None = None,
        attributes: Attributes | None = None,
    ) -> Span:
        del name, parent, kind, at, attributes
        return self

    def close(self) -> None:
        return


UNTRACED = _Untraced()


def traceparent(header: str | None) -> str:
    """The header as it came if it is one (W3C Trace Context), else nothing."""
    text = (header or "").strip()
    return text[:55] if _PARENT.fullmatch(text[:55]) and (len(text) == 55 or text[:2] != "00") else ""
