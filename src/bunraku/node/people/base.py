"""The contract of making a digital human: a file in, a pack out, or the reason why not.

Every kind of source is a folder here whose module ``maker`` has ``make``. A maker runs in a process
of its own, which may be ended at any moment: what lies in the folder counts once ``make`` has returned.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

STEPS = ("clip", "face", "landmarks", "cut-out", "loop", "mouth", "eyes", "head", "pack")
"""What a maker may say it does now, in the order in which it comes; a kind leaves out what is not its own:
only a video has a clip that is read, and a loop."""

MARKS = "marks.json"
"""A maker may leave what it sees in ``folder`` under this name before it says its next step: ``{"width",
"height", "points": [[x, y], …]}`` in pixels of the picture as it is shown upright, and with ``"at"`` of the
picture so many seconds into a video. It is drawn over the picture while it is made, and becomes no part of
the pack."""

Progress: TypeAlias = Callable[[int, str], None]
"""Called with per cent, which never fall, and one of ``STEPS``."""


class Unsuitable(Exception):
    """Nothing can be made of the source. Both are sentences for the person who brought it."""

    def __init__(self, reason: str, tip: str) -> None:
        super().__init__(f"{reason} {tip}")
        self.reason, self.tip = reason, tip

    def __reduce__(self) -> tuple[type[Unsuitable], tuple[str, str]]:
        """As two fields: it crosses from one process to another."""
        return type(self), (self.reason, self.tip)


class Maker(Protocol):
    """What the module ``maker`` of a kind's folder holds."""

    NETS: bool
    """It wants the nets that find a face (``models.ensure``) in the folder ``models``."""

    def make(self, source: Path, folder: Path, *, name: str, models: Path, progress: Progress) -> list[str]:
        """Write a complete pack of the file ``source`` into the empty ``folder``; gives warnings.

        ``name`` is the digital human's. ``models`` is the folder of the nets, which is only read. Raises
        ``Unsuitable``; anything else that it raises is a fault of ours.
        """
        ...
