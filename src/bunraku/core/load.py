"""What a node says of itself, for placement and for the operator's eyes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

HALL = 1
"""Of what fronts ask of nodes (``nodes.base``). Raised with each change that an older half would not
understand: a front places nothing on nodes of another, so both may stand side by side during an update."""


@dataclass(frozen=True, slots=True)
class Load:
    """``tasks`` counts those that hold a place; ``capacity`` is how many may. ``lateness`` is the worst of
    its running performances, seconds; ``memory`` resident bytes."""

    capacity: int = 0
    tasks: int = 0
    rooms: int = 0
    watchers: int = 0
    lateness: float = 0.0
    memory: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Load:
        """Tolerates fields that this version does not know, or does not find."""
        return cls(**{k: v for k, v in values.items() if k in cls.__slots__})


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node as its row tells of it. ``state``: ``up``, ``draining``, ``lost`` or ``gone``; fronts also say
    ``silent`` of one that has not beaten lately. ``started_at`` in Unix seconds."""

    id: str
    epoch: int
    state: str
    machine: str
    version: str
    started_at: float
    beat: int
    load: Load
    hall: int = HALL
    """0 of a release that did not say."""

    @property
    def understood(self) -> bool:
        """Whether this process may ask it for something new."""
        return self.hall == HALL
