"""What goes back from a node to a front: a value, or an exception that both know."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from bunraku.core.errors import ApiError, SystemFault
from bunraku.core.owner import Elsewhere
from bunraku.nodes.base import Node
from bunraku.nodes.rooms import Refused, RoomHall, SoundHall

KNOWN = (ApiError, Elsewhere, Refused)

_HALLS = (*inspect.getmro(Node), RoomHall, SoundHall)
QUESTIONS = frozenset(name for hall in _HALLS for name in vars(hall) if not name.startswith("_"))
"""What a front, or another node, may ask: the methods of the hall, and nothing else."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Ray pickles it; an exception here keeps its class and says nothing of the node's inside."""

    value: Any = None
    error: Exception | None = None

    def take(self) -> Any:
        """The value. Raises the error."""
        if self.error is not None:
            raise self.error
        return self.value

    @classmethod
    def of(cls, error: Exception) -> Answer:
        known = error if isinstance(error, KNOWN) else SystemFault()
        return cls(error=known.with_traceback(None))
