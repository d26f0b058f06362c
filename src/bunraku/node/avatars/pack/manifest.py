"""``manifest.json`` of a digital-human pack, format 1 (``docs/packs.md``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bunraku.core.errors import DigitalHumanVersion
from bunraku.core.vocabulary import EMOTIONS, GESTURES, LIMB_GESTURES, OWN_GESTURE
from bunraku.node.avatars.manifest import read_raw, validated

FORMAT = 1
KIND = "pack"

BASES = ("yaw", "pitch", "roll", "sway", "breath", "nod", "brow_l", "brow_r", "brow_in")
"""What may displace the picture: parameters of ``Pose`` by the same names."""

SPRITE_MARGIN = 8  # art px: sprites are resampled inside their surroundings

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Box = tuple[int, int, Count, Count]
"""(x, y, width, height), art px."""


def _feeling(value: str) -> str:
    if value not in EMOTIONS:
        raise ValueError(f"must be one of {', '.join(EMOTIONS)}")
    return value


class _ManifestPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Sheet(_ManifestPart):
    """Size of the art canvas in px and the distance between displacement nodes."""

    width: Count
    height: Count
    grid: Count


class View(_ManifestPart):
    """A framing: the centre and size, in art px, of what a picture shows."""

    x: float
    y: float
    width: Positive
    height: Positive


class PoseArt(_ManifestPart):
    """One baked head pose; rectangles are (x, y, width, height) in art px.

    With a ``neck_rect`` the picture of the pose has a hole below the chin, and a picture of the neck lies
    under it, which a turn of the head leaves where it is.
    """

    yaw: float
    pitch: float
    mouth_rect: Box
    eyes_rect: Box
    neck_rect: Box | None = None


class EyesArt(_ManifestPart):
    """What an eye sprite shows (``Pose``)."""

    gaze_x: float
    gaze_y: float
    lid: float
    squint: float = 0.0


class LimbArt(_ManifestPart):
    """A raised arm: its place when up and the point it turns about, in art px.

    It rises from ``drop`` px below, ``lean`` degrees over; while it is up it swings by ``swing``
    degrees and bobs by ``bob`` px, ``beats`` times a gesture. ``seconds`` is the length of the
    gesture, for one of the pack's own or to replace the usual. Limbs of one gesture rise together.
    """

    # The name is part of a URL and of a file's name.
    gesture: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,47}$")]
    image: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")]
    x: float
    y: float
    pivot_x: float
    pivot_y: float
    drop: float
    lean: float = 0.0
    swing: float = 0.0
    bob: float = 0.0
    beats: float = 1.0
    seconds: Annotated[float | None, Field(ge=0.4, le=30)] = None


class Manifest(_ManifestPart):
    format: Literal[1]
    kind: Literal["pack"] = KIND
    id: Annotated[str, Field(min_length=1)]
    name: str
    art: Sheet
    portrait: View
    square: View
    bases: tuple[str, ...]
    poses: Annotated[tuple[PoseArt, ...], Field(min_length=1)]
    mouths: Annotated[tuple[dict[str, float], ...], Field(min_length=1)]
    eyes: Annotated[tuple[EyesArt, ...], Field(min_length=1)]
    emotion: Annotated[str, AfterValidator(_feeling)] = "neutral"
    limbs: tuple[LimbArt, ...] = ()
    voices: dict[str, tuple[str, ...]] = {}
    """Timbres that fit, by BCP 47 tag, the best first; which of them there are is the server's affair."""

    @property
    def gestures(self) -> dict[str, float]:
        """Every gesture of the figure and how many seconds it takes, in the order they are listed."""
        raised = {
            limb.gesture: limb.seconds or LIMB_GESTURES.get(limb.gesture, OWN_GESTURE) for limb in self.limbs
        }
        usual = list(GESTURES.items())
        return dict([*usual[:3], *raised.items(), *usual[3:]])

    @model_validator(mode="after")
    def _sound(self) -> Manifest:
        if unknown := [b for b in self.bases if b not in BASES]:
            raise ValueError(f"bases: no {unknown[0]}; there are {', '.join(BASES)}")
        if len(set(self.bases)) < len(self.bases):
            raise ValueError("bases: one is named twice")
        for i, pose in enumerate(self.poses):
            for name in ("mouth_rect", "eyes_rect"):
                x, y, w, h = getattr(pose, name)
                m = SPRITE_MARGIN
                if x < m or y < m or x + w + m > self.art.width or y + h + m > self.art.height:
                    raise ValueError(f"poses.{i}.{name}: nearer than {m} px to the edge of the art")
        self._check_limbs()
        return self

    def _check_limbs(self) -> None:
        seconds: dict[str, float | None] = {}
        images: set[tuple[str, str]] = set()
        for i, limb in enumerate(self.limbs):
            if limb.gesture in GESTURES:
                raise ValueError(f"limbs.{i}.gesture: {limb.gesture} is a gesture of every figure's head")
            if (limb.gesture, limb.image) in images:
                raise ValueError(f"limbs.{i}: {limb.gesture} raises {limb.image} twice")
            if seconds.setdefault(limb.gesture, limb.seconds) != limb.seconds:
                raise ValueError(f"limbs.{i}.seconds: {limb.gesture} has another length already")
            images.add((limb.gesture, limb.image))


def read(folder: Path) -> Manifest:
    """Parse a pack's manifest.

    Raises ``DigitalHumanVersion`` for another format, ``DigitalHumanBroken`` for anything else
    that is wrong with it; the message names the field.
    """
    raw = read_raw(folder)
    if raw.get("format") != FORMAT:
        raise DigitalHumanVersion(f"pack format {raw.get('format')!r}, this renderer reads {FORMAT}")
    return validated(Manifest, raw)
