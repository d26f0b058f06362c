"""JSON of strangers: what RFC 8259 calls so, and not more of it than can be read between two ticks."""

from __future__ import annotations

import json
from typing import Any

MOST_NESTED = 5_000  # objects and arrays: each costs about a microsecond
MOST_VALUES = 100_000
TOO_MUCH = "more values than are read here"


def loads(text: str | bytes) -> Any:
    """The value; ``bytes`` are UTF-8. NaN and infinities, which Python's own reader takes, are refused.

    Raises ``ValueError``, and nothing else whatever the text is. A megabyte of empty arrays costs a quarter
    of a second to read, so they are counted first: what is counted within strings is counted too.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        if text.count("[") + text.count("{") > MOST_NESTED or text.count(",") > MOST_VALUES:
            raise ValueError(TOO_MUCH)
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError(TOO_MUCH) from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
