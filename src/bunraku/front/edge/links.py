"""Addresses that are good for whoever has them, for a while."""

from __future__ import annotations

from bunraku.core.clock import Clock
from bunraku.front.edge.outputs import OutputLinks
from bunraku.front.edge.people import PeopleLinks


class Links:
    """All of them are made from one key that fronts share."""

    def __init__(self, clock: Clock, output_seconds: int) -> None:
        self.outputs = OutputLinks(clock, output_seconds)
        self.people = PeopleLinks(clock)

    def open(self, key: bytes) -> None:
        """From now on addresses are made and believed. ``key`` is 32 random bytes."""
        self.outputs.open(key)
        self.people.open(key)
