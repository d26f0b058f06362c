"""One name is one thing: no two classes of the server have the same one."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "bunraku"
TWICE: dict[str, str] = {}
"""Names that may be there more than once, and why."""


def classes(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        for thing in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(thing, ast.ClassDef):
                found[thing.name].append(f"{path.relative_to(folder)}:{thing.lineno}")
    return found


def test_a_second_class_of_a_name_is_seen(tmp_path):
    (tmp_path / "a.py").write_text("class One: ...\n")
    (tmp_path / "b.py").write_text("def f():\n    class One: ...\n")
    assert classes(tmp_path)["One"] == ["a.py:1", "b.py:2"]


def test_one_name_is_one_class():
    found = {name: places for name, places in classes(SOURCE).items() if len(places) > 1}
    assert {name: places for name, places in found.items() if name not in TWICE} == {}
    assert set(TWICE) <= set(found), "what is there once needs no reason"
