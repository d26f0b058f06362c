"""AMF 0 (Adobe, 2007), as much of it as a publisher says and hears."""

from __future__ import annotations

import struct
from typing import Any

DEEPEST = 8


class MalformedAmf(ValueError):
    """What came is not AMF 0, or holds what a server has no reason to say."""


def encode(*values: Any) -> bytes:
    """``bool``, ``int`` and ``float``, ``str``, ``None``, and ``dict`` with text as keys."""
    return b"".join(map(_encode, values))


def _encode(value: Any) -> bytes:
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return b"\x01" + bytes([value])
    if isinstance(value, int | float):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\x02" + _text(value)
    pairs = b"".join(_text(k) + _encode(v) for k, v in value.items())
    return b"\x03" + pairs + b"\x00\x00\x09"


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def decode(data: bytes) -> list[Any]:
    """All values in ``data``. Raises ``MalformedAmf``."""
    reader, out = _Reader(data), list[Any]()
    while not reader.over:
        out.append(reader.value(0))
    return out


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def over(self) -> bool:
        return self._at >= len(self._data)

    def _take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) < count:
            raise MalformedAmf("cut short")
        self._at += count
        return piece

    def _string(self) -> str:
        (length,) = struct.unpack(">H", self._take(2))
        return self._take(length).decode("utf-8", "replace")

    def value(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise MalformedAmf("too deep")
        marker = self._take(1)[0]
        match marker:
            case 0:
                return struct.unpack(">d", self._take(8))[0]
            case 1:
                return self._take(1) != b"\x00"
            case 2:
                return self._string()
            case 3:
                return self._pairs(depth)
            case 5 | 6:
                return None
            case 8:
                self._take(4)  # a hint of how many follow
                return self._pairs(depth)
            case 10:
                (count,) = struct.unpack(">I", self._take(4))
                if count > len(self._data):
                    raise MalformedAmf("cut short")
                return [self.value(depth + 1) for _ in range(count)]
            case 12:
                (length,) = struct.unpack(">I", self._take(4))
                return self._take(length).decode("utf-8", "replace")
            case _:
                raise MalformedAmf(f"marker {marker}")

    def _pairs(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            name = self._string()
            if not name and self._data[self._at : self._at + 1] == b"\x09":
                self._at += 1
                return found
            found[name] = self.value(depth + 1)
