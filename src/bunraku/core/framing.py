"""What a stream's picture looks like."""

from __future__ import annotations

from dataclasses import dataclass, field

from bunraku.core.media import Picture


@dataclass(frozen=True, slots=True)
class Framing:
    """Size and ground of a picture.

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


def default_bitrate(width: int, height: int) -> int:
    """Cap for a talking figure: 800 kbit/s at 512x512, growing slower than the area."""
    return int(800_000 * (width * height / (512 * 512)) ** 0.75)
