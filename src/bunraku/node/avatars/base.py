"""The avatar contract: visemes and pose in, picture and changed rectangle out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from bunraku.core.media import Picture, Pose, Rect, Weights


@dataclass(frozen=True, slots=True)
class Framing:
    """What the stream's picture looks like.

    ``width`` and ``height`` are even and count the figure's picture; with ``transparent`` the
    stream is twice as wide, colour left and alpha as luma right (contract section 13).
    ``background`` is an opaque sRGB triple; ``backdrop``, of the figure's size, takes its place.
    A transparent stream has neither.
    """

    width: int = 720
    height: int = 1280
    background: tuple[int, int, int] = (0, 0, 0)
    transparent: bool = False
    backdrop: Picture | None = field(default=None, compare=False, repr=False)

    @property
    def stream_width(self) -> int:
        return self.width * 2 if self.transparent else self.width


class Avatar(Protocol):
    """One live figure; owned by one performance and used by one thread at a time.

    Guaranteed: ``render`` touches ``picture`` only inside the rectangle it returns, and what
    lies outside still shows the previous frame. Not guaranteed: that a picture depends on the
    arguments alone; a figure may step through neighbouring mouth shapes.
    """

    @property
    def picture(self) -> Picture:
        """The figure's own buffer, overwritten by each ``render``."""
        ...

    def render(self, mouth: Weights, pose: Pose) -> Rect:
        """Draw one frame and say what changed."""
        ...


class AvatarPack(Protocol):
    """A digital human's art, decoded once and shared by all performances of the process."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str:
        """Changes when the art does: what was rendered of it is then out of date."""
        ...

    @property
    def emotion(self) -> str:
        """The face at rest when nobody asks for another (``Emotion``, contract section 13)."""
        ...

    @property
    def gestures(self) -> tuple[str, ...]:
        """Names that DoAction accepts for this digital human."""
        ...

    @property
    def voices(self) -> dict[str, tuple[str, ...]]:
        """Ids of timbres that fit this digital human, by BCP 47 tag, the best first."""
        ...

    def stage(self, framing: Framing) -> Avatar:
        """A new figure. May decode art: call it off the event loop.

        Raises ``DigitalHumanBroken`` when the art is missing or unreadable.
        """
        ...
