"""A digital human of one app: made of what it brought, and shown to it alone (contract section 13.3)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from bunraku.core.catalogue import DigitalHuman
from bunraku.core.owner import Owner

LONGEST_NAME = 64
LONGEST_REASON = 500
WARNINGS = 20


class SourceKind(StrEnum):
    """Of what it is made."""

    PHOTO = "photo"
    VIDEO = "video"
    PACK = "pack"


ENDINGS = {
    **dict.fromkeys(("mp4", "m4v", "mov", "webm", "mkv", "avi", "3gp", "mts", "m2ts"), SourceKind.VIDEO),
    **dict.fromkeys(("zip", "tar", "tgz", "gz", "xz", "bz2"), SourceKind.PACK),
}


def kind_of_name(name: str) -> SourceKind:
    """As a file's name or address ends; what is not known is a photo."""
    ending = name.partition("?")[0].partition("#")[0].rpartition(".")[2].lower()
    return ENDINGS.get(ending, SourceKind.PHOTO)


class State(StrEnum):
    """``making`` becomes ``ready`` or ``failed``, once. What is ``deleting`` nobody sees any more."""

    MAKING = "making"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class Made:
    """What came of making: the pack as one archive, by its SHA-256 in hex and its size in bytes."""

    digest: str
    bytes: int
    gestures: tuple[str, ...]
    emotion: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnHuman:
    """``owner`` makes it, as long as that life of a node goes on. Times are Unix seconds.

    ``consent`` is the RequestId of the call that said, at ``created_at``, that the person pictured agreed.
    """

    id: str
    app_id: int
    name: str
    source: SourceKind
    created_at: float
    consent: str
    owner: Owner
    timbre_id: str | None = None
    state: State = State.MAKING
    progress: int = 0
    step: str = ""
    marks: dict[str, Any] | None = None
    """What the maker sees in the picture (``node.people.base.MARKS``); only while it is made."""
    fail_reason: str | None = None
    ended_at: float | None = None
    made: Made = field(default_factory=lambda: Made("", 0, (), "neutral"))

    def ready(self, made: Made, now: float) -> OwnHuman:
        return replace(self, state=State.READY, progress=100, marks=None, made=made, ended_at=now)

    def failed(self, reason: str, now: float) -> OwnHuman:
        reason = reason[:LONGEST_REASON]
        return replace(self, state=State.FAILED, marks=None, fail_reason=reason, ended_at=now)

    def described(self) -> DigitalHuman:
        voices = {} if self.timbre_id is None else {"": (self.timbre_id,)}
        made = self.made
        return DigitalHuman(self.id, self.name, made.digest[:32], made.gestures, made.emotion, voices)


@dataclass(frozen=True, slots=True)
class HumanOrder:
    """What CreateDigitalHuman asks for. Exactly one of ``url`` and ``upload`` is given; ``upload`` names
    what was handed to the node before."""

    app_id: int
    name: str
    source: SourceKind
    consent: str
    url: str | None = None
    upload: str | None = None
    timbre_id: str | None = None
