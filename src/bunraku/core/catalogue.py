"""Digital humans as callers see them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DigitalHuman:
    """``version`` changes when the art does: what was rendered of it is then out of date."""

    id: str
    name: str
    version: str
    gestures: tuple[str, ...]
    emotion: str
