"""A visible label in every picture of a digital human: that it is artificial, in the operator's words.

An opaque badge at the top left. Opaque, because a figure draws anew only what changed: laid over the
same place twice it looks as it did once.

Who draws the figure gets the badge as a picture. Its kind is another word then (``LABELLED``), so that
nobody who does not know of badges draws it without.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bunraku.core.framing import Framing
from bunraku.core.media import Picture, Rect
from bunraku.node.avatars.base import Avatar, AvatarPack, Drawable, DrawablePack, Moment

U8 = npt.NDArray[np.uint8]
SHARE = 0.042  # height of the letters, of the picture's shorter side
SMALLEST = 9  # px
WEIGHT = 500
GROUND, INK = (38, 32, 28), (255, 255, 255)  # BGR: 16 to 1
LABELLED = "+label"
"""Behind the kind of a figure that bears a badge, for those who draw it."""

LOSSLESS = 101
"""OpenCV's quality of such a WebP."""

OPAQUE = 235  # of alpha as luma, limited range

_cv2: Any = cv2


class Badge:
    """Of one text for pictures of one size; shared, never changed."""

    def __init__(self, text: str, width: int, height: int) -> None:
        side = min(width, height)
        self.bgr = _badge(text, max(SMALLEST, round(SHARE * side)), width)
        rows, columns = self.bgr.shape[:2]
        edge = round(0.02 * side) // 2 * 2
        self.rect = Rect(edge, edge, min(columns, width - edge), min(rows, height - edge))
        self.bgr = self.bgr[: self.rect.height, : self.rect.width]
        small = Picture(self.rect.width, self.rect.height)
        small.buffer[:] = cv2.cvtColor(self.bgr, cv2.COLOR_BGR2YUV_I420)
        self._planes = small

    def about(self) -> dict[str, Any]:
        """Where it lies, in px of the picture, and its own picture, for who draws; as JSON."""
        r = self.rect
        webp = cv2.imencode(".webp", self.bgr, [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS])[1].tobytes()
        picture = base64.b64encode(webp).decode()
        return {"x": r.x, "y": r.y, "width": r.width, "height": r.height, "picture": picture}

    def lay(self, picture: Picture) -> None:
        r = self.rect
        picture.y[r.y : r.y + r.height, r.x : r.x + r.width] = self._planes.y
        half = slice(r.y // 2, (r.y + r.height) // 2), slice(r.x // 2, (r.x + r.width) // 2)
        picture.u[half], picture.v[half] = self._planes.u, self._planes.v

    def lay_alpha(self, picture: Picture, width: int) -> None:
        """In the right half of a transparent picture, whose figure is ``width`` px wide."""
        r = self.rect
        picture.y[r.y : r.y + r.height, width + r.x : width + r.x + r.width] = OPAQUE

    def lay_bgr(self, image: U8) -> None:
        r = self.rect
        image[r.y : r.y + r.height, r.x : r.x + r.width] = self.bgr


@lru_cache(64)
def badge(text: str, width: int, height: int) -> Badge:
    return Badge(text, width, height)


def _badge(text: str, size: int, widest: int) -> U8:
    """The text on its ground, even sides; letters get smaller until it is as wide as the picture."""
    pad = max(2, size // 3)
    while size > SMALLEST and _width(text, size) + 4 * pad > widest:
        size -= 1
    width, height = _width(text, size) + 2 * pad, size + 2 * pad
    image = np.full((height + height % 2, width + width % 2, 3), GROUND, np.uint8)
    line = pad + round(0.86 * size)
    if hasattr(_cv2, "FontFace"):  # OpenCV 5 knows the letters of most languages
        _cv2.putText(image, text, (pad, line), INK, _cv2.FontFace("sans"), size, WEIGHT)
    else:
        cv2.putText(image, text, (pad, line), cv2.FONT_HERSHEY_SIMPLEX, size / 30, INK, 2, cv2.LINE_AA)
    return image


def _width(text: str, size: int) -> int:
    if hasattr(_cv2, "FontFace"):
        box = _cv2.getTextSize((4096, 4096), text, (0, 0), _cv2.FontFace("sans"), size, WEIGHT)
        return int(box[0] + box[2])
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size / 30, 2)[0][0])


class LabelledAvatar:
    """An ``Avatar`` that bears a badge."""

    def __init__(self, avatar: Avatar, framing: Framing, text: str) -> None:
        self._avatar, self._framing = avatar, framing
        self.badge = badge(text, framing.width, framing.height)

    @property
    def picture(self) -> Picture:
        return self._avatar.picture

    @property
    def gestures(self) -> Mapping[str, float]:
        return self._avatar.gestures

    @property
    def latency(self) -> int:
        return self._avatar.latency

    def render(self, moment: Moment) -> Rect:
        changed, r = self._avatar.render(moment), self.badge.rect
        if changed.x < r.x + r.width and changed.y < r.y + r.height and not changed.empty:
            self.badge.lay(self._avatar.picture)
            if self._framing.transparent:
                self.badge.lay_alpha(self._avatar.picture, self._framing.width)
        return changed


class DrawableLabelledAvatar(LabelledAvatar):
    """The same of one that is ``Drawable``."""

    def __init__(self, avatar: Avatar, figure: Drawable, framing: Framing, text: str) -> None:
        """``figure`` is the very avatar."""
        super().__init__(avatar, framing, text)
        self._figure = figure

    @property
    def kind(self) -> str:
        return self._figure.kind + LABELLED

    @property
    def art(self) -> str:
        return self._figure.art

    def besides(self) -> Mapping[str, Any]:
        return {**self._figure.besides(), "label": self.badge.about()}

    def trace(self, moments: Sequence[Moment]) -> bytes | None:
        return self._figure.trace(moments)

    def foretold(self, moment: Moment) -> bool:
        return self._figure.foretold(moment)


def labelled(pack: AvatarPack, text: str) -> AvatarPack:
    """The pack with a badge of this text on all its figures."""
    return (
        DrawableLabelledPack(pack, pack, text) if isinstance(pack, DrawablePack) else LabelledPack(pack, text)
    )


class LabelledPack:
    """An ``AvatarPack`` whose figures all bear a badge: what is streamed, filmed or kept of them."""

    def __init__(self, pack: AvatarPack, text: str) -> None:
        self._pack, self._text = pack, text

    @property
    def id(self) -> str:
        return self._pack.id

    @property
    def name(self) -> str:
        return self._pack.name

    @property
    def version(self) -> str:
        return f"{self._pack.version}-{hashlib.sha256(self._text.encode()).hexdigest()[:8]}"

    @property
    def emotion(self) -> str:
        return self._pack.emotion

    @property
    def gestures(self) -> Mapping[str, float]:
        return self._pack.gestures

    @property
    def portrait(self) -> Path | None:
        """The ready-made one bears no badge."""
        return None

    @property
    def voices(self) -> dict[str, tuple[str, ...]]:
        return self._pack.voices

    def close(self) -> None:
        self._pack.close()

    def stage(self, framing: Framing) -> LabelledAvatar:
        avatar = self._pack.stage(framing)
        if isinstance(avatar, Drawable):
            return DrawableLabelledAvatar(avatar, avatar, framing, self._text)
        return LabelledAvatar(avatar, framing, self._text)


class DrawableLabelledPack(LabelledPack):
    """The same of one whose figures are ``Drawable``: the badge is no part of the art."""

    def __init__(self, pack: AvatarPack, drawn: DrawablePack, text: str) -> None:
        """``drawn`` is the very pack."""
        super().__init__(pack, text)
        self._drawn = drawn

    @property
    def art(self) -> str:
        return self._drawn.art

    def bundle(self) -> bytes:
        return self._drawn.bundle()
