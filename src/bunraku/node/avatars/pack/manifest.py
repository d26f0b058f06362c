"""``manifest.json`` of a digital-human pack, format 1 (``docs/packs.md``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bunraku.core.errors import DigitalHumanBroken, DigitalHumanVersion

FORMAT = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Art(_Part):
    """Size of the art canvas in px and the distance between displacement nodes."""

    width: int
    height: int
    grid: int


class View(_Part):
    """A framing: the centre and size, in art px, of what a picture shows."""

    x: float
    y: float
    width: float
    height: float


class PoseArt(_Part):
    """One baked head pose; rectangles are (x, y, width, height) in art px."""

    yaw: float
    pitch: float
    mouth_rect: tuple[int, int, int, int]
    eyes_rect: tuple[int, int, int, int]


class Rest(_Part):
    smile: float


class Limb(_Part):
    """A raised arm: its place when up and the point it turns about, in art px.

    It rises from ``drop`` px below, ``lean`` degrees over; while it is up it swings by ``swing``
    degrees and bobs by ``bob`` px, ``beats`` times a gesture.
    """

    gesture: str
    image: str
    x: float
    y: float
    pivot_x: float
    pivot_y: float
    drop: float
    lean: float = 0.0
    swing: float = 0.0
    bob: float = 0.0
    beats: float = 1.0


class Manifest(_Part):
    format: Literal[1]
    id: str
    name: str
    art: Art
    portrait: View
    square: View
    bases: tuple[str, ...]
    mouth_axes: tuple[str, ...]
    poses: tuple[PoseArt, ...]
    mouths: tuple[dict[str, float], ...]
    eyes: tuple[dict[str, float], ...]
    rest: Rest
    emotion: Literal["neutral", "warm", "serious", "happy"] = "neutral"
    limbs: tuple[Limb, ...] = ()
    voices: dict[str, tuple[str, ...]] = {}
    """Timbres that fit, by BCP 47 tag, the best first; which of them there are is the server's affair."""


def read(folder: Path) -> Manifest:
    """Parse a pack's manifest.

    Raises ``DigitalHumanVersion`` for another format, ``DigitalHumanBroken`` for anything else
    that is wrong with it.
    """
    try:
        raw = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DigitalHumanBroken(f"manifest unreadable ({type(error).__name__})") from error
    if isinstance(raw, dict) and raw.get("format") != FORMAT:
        raise DigitalHumanVersion(f"pack format {raw.get('format')!r}, this renderer reads {FORMAT}")
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        raise DigitalHumanBroken("manifest incomplete") from error
