"""Digital humans as callers see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DigitalHuman:
    """``version`` changes when the art does: what was rendered of it is then out of date."""

    id: str
    name: str
    version: str
    gestures: tuple[str, ...]
    emotion: str
    voices: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Ids of timbres that fit, by BCP 47 tag, the best first."""
