"""Finds what comments, docs and names of tests refer to: sections of the wire contract, decisions.

A "section" is the contract's unless the name of another standard stands right before it; a number
that is neither is an error, so that nothing refers to a page that the reader does not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONTRACT, DECISIONS = ROOT / "docs/contract.md", ROOT / "docs/decisions.md"
PLACES = ("src", "tests", "docs", "web", "studio", "scripts", "examples")
SUFFIXES = {
    ".py", ".md", ".toml", ".sh", ".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx", ".vue", ".html", ".css",
}  # fmt: skip
SKIP = {"node_modules", "dist", "build"}
OWN = {"references.py", "test_docs.py"}

_NUMBER = r"\d+(?:\.\d+)*"
_SECTION = re.compile(
    rf"\bsections?\s+(?P<numbers>{_NUMBER}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s+to\s+|-){_NUMBER})*)"
    r"(?:,?\s+rows?\s+(?P<row>\d+))?",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"(?:RFC\s*\d+|draft-[\w-]+|W3C\s(?!contract)[\w-]+|WebVTT|WebRTC|ISO(?:/IEC)?\s[\d-]+|ITU-T\s[\w.]+),?\s*$"
)
_DECISION = re.compile(r"(?:\b(?P<word>[Dd]ecisions?|[Dd]esign)\s+)?\b(?P<name>D\d{1,2})\b")
_TEST = re.compile(r"def test_(?:section_(?P<a>\d+(?:_\d+)?)|(?P<b>\d+_\d+))_(?!\d)")
_LINE_START = re.compile(r"\n[ \t]*(?:#:?|//+|\*|>|--)?[ \t]*")


@dataclass(frozen=True, slots=True)
class Reference:
    """``target`` is ``"6.3"``, ``"12 row 14"`` or ``"D9"``; ``text`` is how it is written."""

    target: str
    text: str


def unfold(text: str) -> str:
    """One line, without the marks that begin a comment's lines: references may be wrapped."""
    return _LINE_START.sub(" ", text)


def to_sections(text: str) -> Iterator[Reference]:
    """References to the wire contract in prose or comments."""
    text = unfold(text)
    for match in _SECTION.finditer(text):
        if _OTHERS.search(text[max(0, match.start() - 60) : match.start()]):
            continue
        numbers = re.findall(_NUMBER, match["numbers"])
        for number in numbers:
            yield Reference(number, match[0])
        if match["row"]:
            yield Reference(f"{numbers[-1]} row {match['row']}", match[0])


def to_decisions(text: str) -> Iterator[Reference]:
    """References to decisions. Raises ``ValueError`` where one is not called a decision."""
    for match in _DECISION.finditer(unfold(text)):
        if (match["word"] or "").lower() not in ("decision", "decisions"):
            raise ValueError(f"write “decision {match['name']}”, not “{match[0]}”")
        yield Reference(match["name"], match[0])


def of_test_names(text: str) -> Iterator[Reference]:
    for match in _TEST.finditer(text):
        yield Reference((match["a"] or match["b"]).replace("_", "."), match[0])


def within_contract(text: str) -> Iterator[Reference]:
    """The contract's own references to itself are bare numbers such as 6.3; code is not read."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", " ", text, flags=re.S)
    prose = re.sub(r"^#+ .*$", " ", prose, flags=re.M)
    for number in re.findall(r"(?<![\d.])\d{1,2}\.\d{1,2}(?![\d.]*\d)", prose):
        yield Reference(number, number)


def headings(contract: str) -> set[str]:
    """Sections that exist, and the rows of section 12's table."""
    sections = set(re.findall(rf"^#+ ({_NUMBER})\.? ", contract, re.M))
    table = re.search(r"^## 12\..*?^### 12\.1", contract, re.M | re.S)
    rows = re.findall(r"^\| (\d+) \|", table[0], re.M) if table else []
    return sections | {f"12 row {row}" for row in rows}


def decided(decisions: str) -> set[str]:
    return set(re.findall(r"^### (D\d+) ", decisions, re.M))


def files() -> Iterator[Path]:
    """All that a person wrote, this module and its tests aside: they hold wrong numbers on purpose."""
    found = [*ROOT.glob("*.md"), *(file for place in PLACES for file in sorted((ROOT / place).rglob("*")))]
    for file in found:
        parts = file.relative_to(ROOT).parts
        if file.suffix in SUFFIXES and not SKIP.intersection(parts) and not OWN.intersection(parts):
            yield file
