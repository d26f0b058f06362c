"""A worker's job: take the units of one output and put them where they belong.

Asked at first for the module of its sink and what that needs. Then come, in blocks, units
(``{"c": codec, "t": time, "k": keyframe}`` and the data), words (``{"word": text, "t", "e"}``) and at last
``{"end": true}``. Answers ``{"bytes": sum}`` as it goes, ``{"file": …}`` or ``{"whole": …}`` for each file,
and when it breaks ``{"gone": why, "final": bool}``. A target that takes nothing stops this process, and
nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import time
from dataclasses import asdict
from typing import Any, Protocol

from bunraku.core.media import Codec, EncodedUnit
from bunraku.core.output import OutputFile
from bunraku.core.urls import FetchRefused
from bunraku.node.outputs.base import Caption, OutputFailed, OutputLost
from bunraku.node.outputs.storage import StorageAway
from bunraku.node.workers.zygote import Link, limit_memory

MEMORY = 512 * 1024 * 1024
REPORT_EVERY = 0.5  # s
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NICENESS = 5  # below ticks, above fetching: a live target hears when this comes late


class Sink(Protocol):
    """Where units end up. All of it blocks as the target does, and raises ``OSError``, ``OutputLost`` or
    ``OutputFailed``."""

    def write(self, unit: EncodedUnit) -> None: ...

    def caption(self, word: Caption) -> None: ...

    def close(self) -> None:
        """The stream ended in order: finish what was begun."""
        ...


class Teller:
    """What a sink says of itself to the server."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def file(self, file: OutputFile) -> None:
        """It is there."""
        self._link.send({"file": asdict(file)})

    def whole(self, file: OutputFile) -> None:
        """It is there, will not be touched any more, and may be finished (``Finishing``)."""
        self._link.send({"whole": asdict(file)})


def run(request: dict[str, Any], link: Link) -> None:
    limit_memory(MEMORY)
    with contextlib.suppress(OSError):  # only root may be less nice than before
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    try:
        _run(request, link)
    except OutputFailed as error:
        link.send({"gone": str(error), "final": True})
    except StorageAway:
        link.send({"gone": "the storage is away", "final": True})
    except FetchRefused as error:
        link.send({"gone": str(error), "final": True})
    except OutputLost as error:
        link.send({"gone": str(error), "final": False})
    except OSError as error:
        full = error.errno in FULL
        text = "the disk is full" if full else f"the target is gone ({type(error).__name__})"
        link.send({"gone": text, "final": full})


def _run(request: dict[str, Any], link: Link) -> None:
    sink: Sink = importlib.import_module(request["sink"]).open_sink(request, Teller(link))
    taken, told = 0, 0.0
    while (block := link.receive()) is not None:
        head, body = block
        if "end" in head:
            break
        if "word" in head:
            sink.caption(Caption(head["t"], head["e"], head["word"]))
            continue
        sink.write(EncodedUnit(Codec(head["c"]), head["t"], body, head["k"]))
        taken += len(body)
        now = time.monotonic()
        if now - told >= REPORT_EVERY:
            told = now
            link.send({"bytes": taken})
    sink.close()
    link.send({"bytes": taken})
