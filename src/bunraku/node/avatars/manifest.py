"""What every kind of pack has: a folder with a ``manifest.json`` that names its kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bunraku.core.errors import DigitalHumanBroken

DEFAULT_KIND = "pack"

Model = TypeVar("Model", bound=BaseModel)


def read_raw(folder: Path) -> dict[str, Any]:
    """The manifest as written. Raises ``DigitalHumanBroken``."""
    try:
        raw = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DigitalHumanBroken(f"manifest unreadable ({type(error).__name__})") from error
    if not isinstance(raw, dict):
        raise DigitalHumanBroken("manifest is not an object")
    return raw


def validated(model: type[Model], raw: dict[str, Any]) -> Model:
    """The manifest of one kind. Raises ``DigitalHumanBroken``, whose message names the field."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise DigitalHumanBroken(f"manifest: {where + ': ' if where else ''}{said}"[:200]) from error


def kind_of(raw: dict[str, Any]) -> str:
    """``kind``. Raises ``DigitalHumanBroken`` when it is not a word."""
    kind = raw.get("kind", DEFAULT_KIND)
    if not isinstance(kind, str):
        raise DigitalHumanBroken("manifest: kind must be a string")
    return kind


def claimed_id(folder: Path) -> str:
    """The id that a pack claims, however broken; its folder's name when it claims none."""
    try:
        claimed = read_raw(folder).get("id")
    except DigitalHumanBroken:
        return folder.name
    return claimed if isinstance(claimed, str) and claimed else folder.name
