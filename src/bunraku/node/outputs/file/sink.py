"""The worker's side of the file output."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bunraku.core.output import OutputFile
from bunraku.node.outputs.file.writer import FileWriter
from bunraku.node.outputs.sink_job import Teller
from bunraku.node.outputs.unfinished import begin


def open_sink(request: dict[str, Any], teller: Teller) -> FileWriter:
    folder = Path(request["folder"])

    def path() -> Path:
        return folder / f"{request['name']}-{_stamp()}.mp4"

    def closed(path: Path, seconds: float) -> None:
        captions = path.with_suffix(".vtt")
        if captions.exists():
            teller.whole(OutputFile(captions.name, captions.stat().st_size, round(seconds, 3)))
        teller.whole(OutputFile(path.name, path.stat().st_size, round(seconds, 3)))

    def opened(path: Path) -> None:
        begin(path)
        teller.file(OutputFile(path.name, 0, 0.0))

    segment = request["segment_seconds"]
    return FileWriter(
        path,
        closed,
        opened=opened,
        segment_us=None if segment is None else segment * 1_000_000,
    )


def _stamp() -> str:
    """When it began, in UTC."""
    now = time.time()
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f"{int(now * 1000) % 1000:03}Z"
