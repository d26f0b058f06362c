"""What CreateDigitalHumanStreamTask asks for, validated: plain data on its way to a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bunraku.core.framing import Framing
from bunraku.core.output import OutputOrder


class Role(NamedTuple):
    """Who a task shows: the digital human's own id, the emotion it shows unless asked for another, and
    whether it is the app's own."""

    id: str
    emotion: str
    own: bool = False


@dataclass(frozen=True, slots=True)
class Commission:
    """``ttl`` and ``max_idle_time`` in seconds, ``bitrate`` in bits per second. ``max_tasks`` is how many
    stream tasks the app may have at once."""

    app_id: int
    max_tasks: int
    digital_human_id: str
    room_id: str
    stream_id: str
    framing: Framing
    bitrate: int
    ttl: int = 86400
    max_idle_time: int = 900
    emotion: str | None = None
    """None for the digital human's own."""
    background_url: str | None = None
    outputs: tuple[OutputOrder, ...] = ()
    drawing: bool = True
    """Viewers may draw the figure themselves."""
    barge_in: str | None = None
    """The stream whose speech cuts the figure short."""
