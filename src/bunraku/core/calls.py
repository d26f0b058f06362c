"""Which call this is: ids that every line of the log carries, and the hall passes on.

They are in a context variable, so whatever a call awaits or starts knows them. What outlives the call
that happened to start it begins in ``apart()``.
"""

from __future__ import annotations

import contextvars
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Call:
    """Plain data; empty where nothing is known. ``trace``: the W3C traceparent of the span that goes on
    (https://www.w3.org/TR/trace-context/#traceparent-header)."""

    request: str = ""
    task: str = ""
    drive: str = ""
    node: str = ""
    trace: str = ""


NONE = Call()
_CALL: contextvars.ContextVar[Call] = contextvars.ContextVar("call", default=NONE)


def current() -> Call:
    return _CALL.get()


def note(**ids: str) -> None:
    """From here on to the end of the call, or of the ``during`` this is in, these ids are known."""
    _CALL.set(replace(_CALL.get(), **ids))


@contextmanager
def during(call: Call) -> Generator[None]:
    """Inside, this is the call; afterwards what was before."""
    token = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(token)


def apart() -> contextvars.Context:
    """For work that serves more than the call that starts it: of its ids, only the node's is kept."""
    context = contextvars.copy_context()
    context.run(_CALL.set, Call(node=_CALL.get().node))
    return context
