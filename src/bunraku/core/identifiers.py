"""Names that callers choose: what they may hold and how long they may be.

The same for every door they come in by: a room's name that one of them takes is a room's name at
all of them. Lengths are bytes of UTF-8.
"""

from __future__ import annotations

import re

MAX_ROOM_ID, MAX_STREAM_ID, MAX_USER_ID, MAX_USER_NAME = 128, 128, 64, 256

_ILLEGAL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters, which no encoder would take."""


def has_illegal(text: str) -> bool:
    return _ILLEGAL.search(text) is not None


def legal(text: str, longest: int) -> bool:
    """Whether this names something: not empty, at most ``longest`` bytes, nothing illegal in it."""
    return bool(text) and not has_illegal(text) and len(text.encode()) <= longest
