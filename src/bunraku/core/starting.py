"""What keeps a process from starting."""

from __future__ import annotations


class CannotStart(Exception):
    """One line for the operator."""
