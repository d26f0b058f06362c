"""Write the list of actions into docs/api.md from the OpenAPI document of the code."""

from __future__ import annotations

import sys
from pathlib import Path

from bunraku.rpc.openapi import document

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
MARK = "<!-- actions -->"


def render() -> str:
    head = PAGE.read_text("utf-8").split(MARK)[0] + MARK + "\n\n"
    rows = ["| Action | What it does |", "|---|---|"]
    rows += [
        f"| `{operation['operationId']}` | {operation.get('summary', '')} |"
        for path in document()["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    ]
    return head + "\n".join(rows) + "\n"


if __name__ == "__main__":
    text = render()
    if "--check" in sys.argv:
        if PAGE.read_text("utf-8") != text:
            sys.exit("docs/api.md is stale")
    else:
        PAGE.write_text(text, "utf-8")
