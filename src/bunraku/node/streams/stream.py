"""A stream: one publisher's audio and video, and who watches it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from bunraku.core.media import Codec, Drawn, EncodedUnit, Kind


class Watcher(Protocol):
    """Something that plays a stream. ``push`` never blocks and never raises."""

    @property
    def video_codec(self) -> Codec | None: ...

    @property
    def video_limit(self) -> int | None:
        """Bits per second of video it can take; None while it does not complain."""
        ...

    def push(self, unit: EncodedUnit) -> None: ...

    async def close(self) -> None: ...


class Drawer(Protocol):
    """A watcher that draws the figure itself. ``draw`` never blocks and never raises."""

    def draw(self, drawn: Drawn) -> None: ...


def never() -> bool:
    return False


@dataclass(eq=False)
class Stream:
    """The publisher reads ``wanted`` and the keyframe requests; watchers come and go. Units pushed
    here reach every watcher within the same call, unless the ``fence`` is closed: then nothing
    leaves at all.
    """

    app_id: int
    room_id: str
    stream_id: str
    user_id: str
    user_name: str
    watchers: set[Watcher] = field(default_factory=set[Watcher])
    drawers: set[Drawer] = field(default_factory=set[Drawer])
    live: bool = False
    width: int = 0
    height: int = 0
    transparent: bool = False
    is_digital_human: bool = False
    drawing: dict[str, Any] | None = None
    """What a watcher that draws must know (docs/drawing.md); None: this stream is not to be drawn."""
    fence: Callable[[], bool] = never
    _keyframe: set[Codec] = field(default_factory=set[Codec])
    _drawn: Drawn | None = None

    @property
    def wanted(self) -> bool:
        return bool(self.watchers)

    @property
    def video_codecs(self) -> set[Codec]:
        """Video codecs that somebody needs now."""
        return {w.video_codec for w in self.watchers if w.video_codec is not None}

    @property
    def video_limit(self) -> int | None:
        """What the *median* watcher can take: one with a bad path never spoils it for the rest.

        None while at least half of them do not complain.
        """
        limits = [w.video_limit for w in self.watchers if w.video_codec is not None]
        poor = sorted(limit for limit in limits if limit is not None)
        middle = (len(limits) - 1) // 2 if len(limits) % 2 else len(limits) // 2
        return poor[middle] if len(poor) > middle else None

    def push(self, unit: EncodedUnit) -> None:
        if self.fence():
            return
        for watcher in tuple(self.watchers):
            if unit.kind is Kind.AUDIO or watcher.video_codec is unit.codec:
                watcher.push(unit)

    @property
    def drawn(self) -> bool:
        """Whether anybody draws."""
        return bool(self.drawers)

    def draw(self, drawn: Drawn) -> None:
        if self.fence():
            return
        self._drawn = drawn
        for drawer in tuple(self.drawers):
            drawer.draw(drawn)

    def draw_again(self, drawer: Drawer) -> None:
        """Tell one what all were told last: the next news may be two ticks away."""
        if self._drawn is not None and not self.fence():
            drawer.draw(self._drawn)

    def remove_drawer(self, drawer: Drawer) -> None:
        self.drawers.discard(drawer)
        if not self.drawers:
            self._drawn = None

    def request_keyframe(self, codec: Codec) -> None:
        self._keyframe.add(codec)

    def keyframe_requested(self, codec: Codec) -> bool:
        return codec in self._keyframe

    def keyframe_sent(self, codec: Codec) -> None:
        self._keyframe.discard(codec)

    def add_watcher(self, watcher: Watcher) -> None:
        self.watchers.add(watcher)
        if watcher.video_codec is not None:
            self.request_keyframe(watcher.video_codec)

    def remove_watcher(self, watcher: Watcher) -> None:
        self.watchers.discard(watcher)

    async def close(self) -> None:
        await asyncio.gather(*(w.close() for w in tuple(self.watchers)), return_exceptions=True)
        self.watchers.clear()
        self.drawers.clear()

    def describe(self) -> dict[str, Any]:
        """For room members, in the names of our player module."""
        described = {
            "streamID": self.stream_id,
            "user": {"userID": self.user_id, "userName": self.user_name},
            "extraInfo": "",
            "width": self.width,
            "height": self.height,
            "transparent": self.transparent,
        }
        return described if self.drawing is None else {**described, "drawing": self.drawing}
