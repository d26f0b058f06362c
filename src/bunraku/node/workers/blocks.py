"""How this server and its helper processes talk: in blocks.

A block is two little-endian uint32 (length of the head, length of the body), the head (a JSON
object, UTF-8) and the body. A block of two zeros ends a reply.
"""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<II")
MAX_HEAD, MAX_BODY = 1 << 20, 64 << 20
"""Bytes. Whoever decodes strangers' files may be lying by now."""

END = _LENGTHS.pack(0, 0)

Block = tuple[dict[str, Any], bytes]


class MalformedBlock(OSError):
    """What came is no block."""


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    encoded = json.dumps(head, ensure_ascii=False).encode()
    return _LENGTHS.pack(len(encoded), len(body)) + encoded + body


def _lengths(data: bytes) -> tuple[int, int]:
    head, body = _LENGTHS.unpack(data)
    if head > MAX_HEAD or body > MAX_BODY:
        raise MalformedBlock("block too long")
    return head, body


def _head(data: bytes) -> dict[str, Any]:
    if not data:
        return {}
    try:
        head = json.loads(data)
    except ValueError as error:
        raise MalformedBlock("head is not JSON") from error
    if not isinstance(head, dict):
        raise MalformedBlock("head is not an object")
    return head


async def receive(reader: asyncio.StreamReader) -> Block | None:
    """The next block; None for the one that ends a reply.

    Raises ``asyncio.IncompleteReadError`` when the other side is gone, ``OSError``.
    """
    head, body = _lengths(await reader.readexactly(_LENGTHS.size))
    if not head and not body:
        return None
    return _head(await reader.readexactly(head)), await reader.readexactly(body)


def read(file: BinaryIO) -> Block | None:
    """Blocking. The next block; None for the one that ends, and when the other side is gone."""
    lengths = file.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head, body = _lengths(lengths)
    if not head and not body:
        return None
    return _head(file.read(head)), file.read(body)
