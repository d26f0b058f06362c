"""Write the reference of all actions into docs/api.md from the OpenAPI document of the code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bunraku.front.rpc.openapi import document

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
MARK = "<!-- actions -->"
DOCUMENT = document()


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Behind references, and without the null of an optional field."""
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            outer = {k: v for k, v in schema.items() if k in ("description", "default")}
            return resolved(one) | outer
    if "$ref" in schema:
        found = DOCUMENT
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return resolved(found) | {k: v for k, v in schema.items() if k == "description"}
    return schema


def kind(schema: dict[str, Any]) -> str:
    name = schema.get("type", "object")
    if "enum" in schema:
        return f"{name}: {', '.join(map(str, schema['enum']))}"
    if "minimum" in schema:
        return f"{name}, {schema['minimum']} to {schema['maximum']}"
    if name == "array":
        return "array"
    return name


def rows(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, str, bool, str]]:
    """Every field, depth first: its dotted name, kind, whether required, and what it is."""
    required = schema.get("required", ())
    for name, raw in schema.get("properties", {}).items():
        field = resolved(raw)
        full = f"{path}{name}"
        yield full, kind(field), name in required, field.get("description", "")
        if field.get("type") == "array":
            yield from rows(resolved(field["items"]), f"{full}[].")
        elif "properties" in field:
            yield from rows(field, f"{full}.")


def action(operation: dict[str, Any]) -> str:
    lines = [f"## {operation['operationId']}", "", operation.get("summary", "") + ".", ""]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    asked = list(rows(resolved(body))) if body else []
    if asked:
        lines += ["| Parameter | Type | Required | |", "|---|---|---|---|"]
        lines += [f"| `{n}` | {k} | {'yes' if must else ''} | {text} |" for n, k, must, text in asked]
    else:
        lines.append("No parameters.")
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    given = list(rows(resolved(answer["properties"].get("Data", {}))))
    if given:
        lines += ["", "| Data | Type | |", "|---|---|---|"]
        lines += [f"| `{n}` | {k} | {text} |" for n, k, _, text in given]
    return "\n".join(lines) + "\n"


def render() -> str:
    head = PAGE.read_text("utf-8").split(MARK)[0] + MARK + "\n\n"
    operations = [
        operation
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    ]
    table = ["| Action | What it does |", "|---|---|"]
    table += [
        f"| [`{o['operationId']}`](#{o['operationId'].lower()}) | {o.get('summary', '')} |"
        for o in operations
    ]
    return head + "\n".join(table) + "\n\n" + "\n".join(action(o) for o in operations)


if __name__ == "__main__":
    text = render()
    if "--check" in sys.argv:
        if PAGE.read_text("utf-8") != text:
            sys.exit("docs/api.md is stale")
    else:
        PAGE.write_text(text, "utf-8")
