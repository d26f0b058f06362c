"""The helper's end of the protocol in ``speech.helper``: what every helper process has to do."""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Callable, Iterator
from typing import Any

from bunraku.node.workers.blocks import END, pack

ABORT = "abort"


class Requests:
    """Requests from standard input, replies to standard output. Blocking, one thread."""

    def __init__(self) -> None:
        self._in, self._out = sys.stdin.fileno(), sys.stdout.buffer
        self._held = b""

    def hello(self, head: dict[str, Any]) -> None:
        """The first word: at least ``sample_rate``. It says that ``aborted`` is looked at."""
        self.reply(head | {ABORT: True})

    def serve(self, answer: Callable[[dict[str, Any]], None]) -> None:
        """Answer until input ends. What ``answer`` refuses fails that request alone."""
        for request in self:
            try:
                answer(request)
            except (ValueError, KeyError, OSError) as error:
                self.reply({"error": str(error)})
            self.end()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while (line := self._line()) is not None:
            request = json.loads(line)
            if ABORT not in request:  # else: that reply is over
                yield request

    def _line(self) -> bytes | None:
        # Not by a buffered file: what it has read ahead could not be seen by ``aborted``.
        while b"\n" not in self._held:
            data = os.read(self._in, 65536)
            if not data:
                return None
            self._held += data
        line, self._held = self._held.split(b"\n", 1)
        return line

    def aborted(self) -> bool:
        """Whether nobody waits for the rest of this reply. Cheap: ask often."""
        return b"\n" in self._held or bool(select.select([self._in], [], [], 0)[0])

    def reply(self, head: dict[str, Any], pcm: bytes = b"") -> None:
        self._out.write(pack(head, pcm))
        self._out.flush()

    def end(self) -> None:
        self._out.write(END)
        self._out.flush()
