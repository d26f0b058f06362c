"""A watcher's pictures begin with a keyframe, and again with one after any were dropped."""

from __future__ import annotations

from bunraku.core.media import EncodedUnit


class KeyframeGate:
    """Shut at first. What does not pass is not sent: it could not be decoded."""

    __slots__ = ("_shut",)

    def __init__(self) -> None:
        self._shut = True

    def shut(self) -> None:
        self._shut = True

    def passes(self, unit: EncodedUnit) -> bool:
        """Whether this picture may be sent."""
        if self._shut and unit.keyframe:
            self._shut = False
        return not self._shut
