"""What a watcher that draws is sent for each tick (docs/drawing.md)."""

from __future__ import annotations

import struct

from bunraku.core.media import DRAWN_VERSION, Codec, Drawn

_HEAD = struct.Struct("!BBL")
_RATE = Codec.OPUS.clock_rate


def message(drawn: Drawn, offset: int) -> bytes:
    """``offset`` is that of the watcher's sound: both name the same time by the same number."""
    time = (drawn.time_us * _RATE // 1_000_000 + offset) & 0xFFFFFFFF
    return _HEAD.pack(DRAWN_VERSION, drawn.art, time) + drawn.state
