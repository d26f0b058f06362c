"""A receiver of callbacks that can be shut, and what must have come to it (contract section 8)."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType

KEPT = 62.0
"""Seconds from an event to its last attempt (section 8.4): 2, 4, 8, 16 and 32 after one another."""
LINE = 8.0
"""Seconds for which a first attempt may stand in its task's line."""
TASK_EVENT = 3
ENDS = frozenset((3, 4, 5))
"""Statuses of a drive after which nothing more is told of it."""


@dataclass(slots=True)
class TaskTold:
    """What a caller knows of a stream task of his: monotonic times, and the drives it accepted."""

    task_id: str
    created: float
    stopped: float = float("inf")
    drives: list[str] = field(default_factory=list[str])


class CallbackReceiver:
    """Context manager. ``shut`` and ``open`` may be called in turns; the port stays the same."""

    def __init__(self) -> None:
        self.heard: Counter[tuple[str, str, int]] = Counter()
        """How often each (task, drive or empty, status) came."""
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/hook"

    def open(self) -> None:
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                detail = body["Detail"]
                heard[body["TaskId"], str(detail.get("DriveId", "")), int(detail["Status"])] += 1
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        Thread(target=self._server.serve_forever, daemon=True).start()

    def shut(self) -> None:
        """Connections are refused from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> CallbackReceiver:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()


def lacking(
    tasks: Sequence[TaskTold], heard: Counter[tuple[str, str, int]], shut: Sequence[tuple[float, float]]
) -> list[str]:
    """What has not come, of tasks none of whose events the contract gives up.

    ``shut``: from when to when nothing was received. An event of that time is lost unless its
    retries reach past it; so a task counts when it lived outside of what no retry bridges.
    """
    out: list[str] = []
    for task in tasks:
        if any(task.created < end - KEPT + 1 and task.stopped > begin - LINE for begin, end in shut):
            continue
        came = {status for (task_id, drive, status) in heard if task_id == task.task_id and not drive}
        out += [f"{task.task_id}: {TASK_EVENT}/{s}" for s in (1, 3, 4, 5) if s not in came]
        for drive in task.drives:
            if not any(heard[task.task_id, drive, s] for s in ENDS):
                out.append(f"{task.task_id}: drive {drive} did not end")
    return out


async def missing(
    tasks: Sequence[TaskTold], hook: CallbackReceiver, shut: Sequence[tuple[float, float]], deadline: float
) -> list[str]:
    """``lacking``, once nothing lacks or ``deadline`` seconds have passed."""
    over = time.monotonic() + deadline
    while (out := lacking(tasks, hook.heard.copy(), shut)) and time.monotonic() < over:
        await asyncio.sleep(0.5)
    return out
