"""The avatar contract: a moment in, picture and changed rectangle out; a kind of avatar, its opener."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from bunraku.core.framing import Framing
from bunraku.core.media import PCM, Picture, Pose, Rect, Weights

NO_SOUND: PCM = np.zeros(0, np.int16)


class Moment(NamedTuple):
    """What an avatar shows in one tick. ``samples`` is the tick's sound, empty when there is none."""

    weights: Weights
    pose: Pose
    time_us: int = 0
    samples: PCM = NO_SOUND


class Avatar(Protocol):
    """One live figure; owned by one performance and used by one thread at a time.

    Guaranteed: ``render`` touches ``picture`` only inside the rectangle it returns, and what
    lies outside still shows the previous frame. Not guaranteed: that a picture depends on the
    arguments alone (a figure may step through neighbouring mouth shapes), nor that every moment
    is rendered: pictures are shed when a machine falls behind.
    """

    @property
    def picture(self) -> Picture:
        """The figure's own buffer, overwritten by each ``render``."""
        ...

    @property
    def gestures(self) -> Mapping[str, float]:
        """Those of its pack (``AvatarPack.gestures``)."""
        ...

    @property
    def latency(self) -> int:
        """Ticks of program time by which ``picture`` lags behind the moment it was last given.

        Sound and captions are sent as much later (``SoundTrack``), so that lips stay true.
        """
        ...

    def render(self, moment: Moment) -> Rect:
        """Draw one frame and say what changed."""
        ...


@runtime_checkable
class Drawable(Protocol):
    """An ``Avatar`` that the viewer's machine can draw itself (docs/drawing.md).

    Guaranteed: ``trace`` takes microseconds, touches nothing that ``render`` does, and may be called
    beside it, on another thread.
    """

    @property
    def kind(self) -> str:
        """The word for the language of its states."""
        ...

    @property
    def art(self) -> str:
        """``DrawablePack.art`` of its pack; empty when this figure can only be sent as video."""
        ...

    def besides(self) -> Mapping[str, Any]:
        """What ``kind`` needs to be known beforehand and is not in the art, as JSON."""
        ...

    def trace(self, moments: Sequence[Moment]) -> bytes | None:
        """What is needed to draw the first of these, a tick, and those after it if they come about as
        foreseen; None: it was all said before. Called once for every tick that is drawn, unless it was
        ``foretold``."""
        ...

    def foretold(self, moment: Moment) -> bool:
        """Whether this tick, and one more at least, were said before, and it comes as it was said. If so it
        is dealt with."""
        ...


@runtime_checkable
class DrawablePack(Protocol):
    """An ``AvatarPack`` whose figures are ``Drawable``."""

    @property
    def art(self) -> str:
        """Names the content of ``bundle``: another content has another name."""
        ...

    def bundle(self) -> bytes:
        """All that is needed to draw its figures, in one file. Takes time: call it off the event loop.

        Raises ``DigitalHumanBroken``.
        """
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
    def gestures(self) -> Mapping[str, float]:
        """Names that DoAction accepts for this digital human, and how many seconds each takes."""
        ...

    @property
    def portrait(self) -> Path | None:
        """A ready-made JPEG of ``preview.SIZE``; None: it is rendered when it is asked for."""
        ...

    @property
    def voices(self) -> dict[str, tuple[str, ...]]:
        """Ids of timbres that fit this digital human, by BCP 47 tag, the best first."""
        ...

    def close(self) -> None:
        """What is decoded of it and not on a stage is given up. It may be staged again."""
        ...

    def stage(self, framing: Framing) -> Avatar:
        """A new figure. May decode art: call it off the event loop.

        Raises ``DigitalHumanBroken`` when the art is missing or unreadable.
        """
        ...


class PackOpener(Protocol):
    """What the module ``opener`` of a kind's folder holds."""

    def open_pack(self, folder: Path, cache: Path | None) -> AvatarPack:
        """The pack in ``folder``; ``cache`` is a folder for what is decoded of it, shared by the
        processes of the machine. None: what is decoded stays in memory.

        Raises ``DigitalHumanVersion`` or ``DigitalHumanBroken``.
        """
        ...
