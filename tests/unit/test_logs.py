"""Lines of the log that strangers can cause."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import bunraku
from bunraku.core.logs import Formatter, Merged
from bunraku.testing.clock import VirtualClock


def record(text, level=logging.WARNING):
    return logging.LogRecord("somewhere", level, "", 0, text, (), None)


async def test_what_repeats_is_merged_and_counted():
    clock = VirtualClock()
    merged = Merged(clock.monotonic)
    assert [merged.filter(record("full")) for _ in range(8)] == [True] * 5 + [False] * 3
    assert merged.filter(record("another"))
    assert all(merged.filter(record("call", logging.INFO)) for _ in range(20))
    await clock.advance(10.5)
    later = record("full")
    assert merged.filter(later)
    assert "full repeated=3" in Formatter().format(later)
    assert "repeated" not in Formatter().format(record("full"))
    for i in range(3000):
        merged.filter(record(f"text {i}"))
    assert len(merged) <= 1001


def test_every_field_that_a_record_is_given_is_written():
    """One by another name would be left out without a word."""
    given = {}
    for path in Path(bunraku.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "extra" and isinstance(node.value, ast.Dict):
                given |= {key.value: path.name for key in node.value.keys if isinstance(key, ast.Constant)}
    assert {"task", "drive", "node"} <= given.keys()
    for name, file in given.items():
        record = logging.makeLogRecord({"msg": "m", name: "told"})
        assert f"{name}=told" in Formatter().format(record), (name, file)
