"""Who owns what: a node, in one of its lives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """A node and its epoch. A node that starts again has another epoch; what its former life owned
    is ended by whoever finds it, and the former life may change nothing any more."""

    node_id: str
    epoch: int


NOBODY = Owner("local", 0)
"""Who owned what was written before there were nodes: a life that is over."""


class Elsewhere(Exception):
    """The room is on another node, which the exception names; empty when that cannot be said."""

    def __init__(self, node_id: str) -> None:
        super().__init__(node_id)
        self.node_id = node_id
