"""What the state machines of stream tasks and drives share."""

from __future__ import annotations


class IllegalTransition(Exception):
    """A record cannot go from the state it is in to the one it was asked to take."""
