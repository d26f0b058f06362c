"""The figure of a performance for those who draw it themselves: a few bytes a tick (docs/drawing.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bunraku.core.framing import Framing
from bunraku.core.media import DRAWN_VERSION, Drawn
from bunraku.node.avatars.base import Avatar, Drawable, Moment


class DrawnOutlet(Protocol):
    """Where it goes. Nothing here blocks or raises."""

    @property
    def drawn(self) -> bool:
        """Whether anybody draws."""
        ...

    def draw(self, drawn: Drawn) -> None: ...


class DrawnTrack:
    def __init__(self, figure: Drawable, framing: Framing, outlet: DrawnOutlet) -> None:
        self._figure, self._outlet = figure, outlet
        self._art = int(figure.art[:2], 16)
        self.about: dict[str, Any] = {
            "version": DRAWN_VERSION,
            "kind": figure.kind,
            "art": figure.art,
            "width": framing.width,
            "height": framing.height,
            "background": list(framing.background),
            **figure.besides(),
        }
        """What who draws must know beforehand, as JSON."""

    @property
    def wanted(self) -> bool:
        """Whether anybody draws."""
        return self._outlet.drawn

    def send(self, moment: Moment, ahead: Callable[[], Sequence[Moment]]) -> None:
        """A tick; ``ahead`` gives those after it as far as they are foreseen, and is asked when somebody is
        to be told. To be called for every tick while ``wanted``."""
        if self._figure.foretold(moment):
            return
        state = self._figure.trace([moment, *ahead()])
        if state is not None:
            self._outlet.draw(Drawn(moment.time_us, self._art, state))


def drawn_track(avatar: Avatar, framing: Framing, outlet: DrawnOutlet) -> DrawnTrack | None:
    """None for a figure that is not drawn from its art: of another kind, or before a picture."""
    if not isinstance(avatar, Drawable) or not avatar.art or framing.backdrop is not None:
        return None
    return DrawnTrack(avatar, framing, outlet)
