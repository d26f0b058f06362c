"""Write docs/conformance.md: which section of the contract is shown by which test.

A test says so by its name: ``test_section_5_4_...`` or, for the WebSocket protocol,
``test_7_5_a_...``. ``--check`` fails when the page is stale.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "conformance.md"
NAME = re.compile(r"^(?:async )?def (test_(?:section_)?(\d+)_(\d+)(?:_[a-f])?_(\w+))", re.M)
WHOLE = re.compile(r"^(?:async )?def (test_section_(\d+)_(?!\d)(\w+))", re.M)
SECTIONS = {
    "2.1": "URL", "2.2": "Methods", "2.3": "Request body", "2.4": "Where parameters may sit", "2.5": "The envelope",
    "3.3": "Signature vectors", "3.4": "Nonce", "3.5": "Time window", "3.6": "Order of checks",
    "3.7": "Rate limit", "4.1": "Return codes", "5": "Actions, shared rules",
    "5.1": "GetDigitalHumanList", "5.2": "GetDigitalHumanInfo", "5.3": "GetTimbreList",
    "5.4": "CreateDigitalHumanStreamTask", "5.5": "DriveByText", "5.6": "DriveByAudio",
    "5.7": "DriveByWsStream", "5.8": "DriveByRTCStream",
    "5.9": "DoAction", "5.10": "InterruptDriveTask", "5.11": "StopDigitalHumanStreamTask",
    "5.13": "QueryDigitalHumanStreamTasks", "5.14": "GetDriveStatus",
    "5.15": "GetDigitalHumanRenderInfo", "5.16": "Unknown actions", "6.1": "Task states",
    "6.2": "TTL and MaxIdleTime", "6.3": "Drive states", "6.4": "Drives and task status",
    "6.5": "Queue", "7.1": "WebSocket connection", "7.3": "WebSocket Start",
    "7.4": "WebSocket audio", "7.5": "WebSocket Stop and end of utterance",
    "8.2": "Callback signature", "8.4": "Callback delivery", "8.5": "Callback sequence",
    "9": "Room messages", "10.2": "Token vectors", "10.3": "Token verification",
    "11.4": "Room events", "11.5": "Room errors", "13": "Our extensions",
    "13.1": "Further fields", "13.2": "Outputs", "13.3": "People of one's own",
}  # fmt: skip


def key(section: str) -> tuple[int, ...]:
    return tuple(int(p) for p in section.split("."))


def render() -> str:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        text = file.read_text()
        where = file.relative_to(ROOT).as_posix()
        for match in NAME.finditer(text):
            found[f"{match[2]}.{match[3]}"].append((match[1], where))
        for match in WHOLE.finditer(text):
            found[match[2]].append((match[1], where))
    unknown = set(found) - set(SECTIONS)
    if unknown:
        raise SystemExit(f"tests name sections that are not listed: {sorted(unknown)}")
    lines = [
        "# Conformance",
        "",
        "Which section of the wire contract is shown by which test. Made by",
        "`python scripts/docs_conformance.py`; any server can be checked from outside with",
        "`bunraku check --base-url URL --app-id ID --secret SECRET`.",
        "",
        "| Section | About | Tests |",
        "|---|---|---|",
    ]
    for section in sorted(SECTIONS, key=key):
        tests = [f"`{name}` ({where.split('/')[-1]})" for name, where in found.get(section, [])]
        lines.append(f"| {section} | {SECTIONS[section]} | {'<br>'.join(tests) or 'none'} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == render() else "docs/conformance.md is stale")
    PAGE.write_text(render())
