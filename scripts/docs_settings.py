"""Write docs/settings.md from the settings themselves; ``--check`` fails when it is stale."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bunraku.core.settings import AppSettings, Settings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"


def default_of(field: Any) -> str:
    if field.default_factory is not None:
        return "`{}`"
    if field.default is PydanticUndefined:
        return "required"
    value = field.default
    return "none" if value is None else f"`{list(value) if isinstance(value, tuple) else value}`"


def section(model: type[BaseModel], name: str) -> list[str]:
    """A section, then those in it."""
    inner = [(f"{name}.{n}", type(f.default)) for n, f in model.model_fields.items()
             if isinstance(f.default, BaseModel)]  # fmt: skip
    own = [f"## `[{name}]`", "", *table(model, f"{name}.")] if len(inner) < len(model.model_fields) else []
    return own + [line for title, one in inner for line in section(one, title)]


def table(model: type[BaseModel], prefix: str) -> list[str]:
    lines = ["| Setting | Default | Meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            continue
        if not field.description:
            raise SystemExit(f"undocumented setting: {prefix}{name}")
        lines.append(f"| `{prefix}{name}` | {default_of(field)} | {field.description} |")
    return [*lines, ""]


def render() -> str:
    out = [
        "# Settings",
        "",
        "Read once at start: defaults, then `bunraku.toml`, then `BUNRAKU_*` in the environment (two",
        "underscores between section and name: `BUNRAKU_RTC__PORT`), then the command line.",
        "This page is made by `python scripts/docs_settings.py`.",
        "",
        *table(Settings, ""),
        "## `[[apps]]`",
        "",
        *table(AppSettings, "apps."),
    ]
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            out += section(type(field.default), name)
    return "\n".join(out).rstrip() + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == render() else "docs/settings.md is stale")
    PAGE.write_text(render())
