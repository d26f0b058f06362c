"""``manifest.json`` of a pack of kind ``loop``, format 1 (``docs/packs.md``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bunraku.core.errors import DigitalHumanVersion
from bunraku.core.vocabulary import EMOTIONS
from bunraku.node.avatars.manifest import read_raw, validated
from bunraku.node.avatars.pack.manifest import View

FORMAT = 1
MOST_FRAMES = 3000
"""Two minutes: the index of a longer file is of no use to a loop, and a stranger's file may be any length."""

LONGEST_SIDE = 1280  # px of the footage


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even")
    return value


def _feeling(value: str) -> str:
    if value not in EMOTIONS:
        raise ValueError(f"must be one of {', '.join(EMOTIONS)}")
    return value


Side = Annotated[int, Field(ge=64, le=LONGEST_SIDE), AfterValidator(_even)]
PatchSide = Annotated[int, Field(ge=8, le=512), AfterValidator(_even)]


class _LoopPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class FootageSize(_LoopPart):
    """Of the footage, upright, px: "art px" of everything else."""

    width: Side
    height: Side


class PatchSize(_LoopPart):
    """Of every mouth patch, px."""

    width: PatchSide
    height: PatchSide


class Join(_LoopPart):
    """How the last frame meets the first.

    ``turn``: played to and fro, each end shown once. ``fade``: played round and round; the file's last
    ``frames`` frames lead into its first already.
    """

    kind: Literal["turn", "fade"]
    frames: Annotated[int, Field(ge=0)] = 0


class LoopManifest(_LoopPart):
    format: Literal[1]
    kind: Literal["loop"]
    id: Annotated[str, Field(min_length=1)]
    name: str
    art: FootageSize
    frames: Annotated[int, Field(ge=2, le=MOST_FRAMES)]
    portrait: View
    square: View
    join: Join
    patch: PatchSize
    emotion: Annotated[str, AfterValidator(_feeling)] = "neutral"
    voices: dict[str, tuple[str, ...]] = {}
    """Timbres that fit, by BCP 47 tag, the best first; which of them there are is the server's affair."""

    @model_validator(mode="after")
    def _sound(self) -> LoopManifest:
        if self.patch.width > self.art.width or self.patch.height > self.art.height:
            raise ValueError("patch: larger than the footage")
        return self

    def frame_at(self, tick: int) -> int:
        """Index of the frame shown at a tick of program time; any integer, on and on without a cut."""
        if self.join.kind == "fade":
            return tick % self.frames
        at = tick % (2 * self.frames - 2)
        return at if at < self.frames else 2 * self.frames - 2 - at


def read_loop(folder: Path) -> LoopManifest:
    """Parse the manifest.

    Raises ``DigitalHumanVersion`` for another format, ``DigitalHumanBroken`` for anything else that is
    wrong with it; the message names the field.
    """
    raw = read_raw(folder)
    if raw.get("format") != FORMAT:
        raise DigitalHumanVersion(f"loop format {raw.get('format')!r}, this player reads {FORMAT}")
    return validated(LoopManifest, raw)
