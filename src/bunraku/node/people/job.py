"""A worker's job: make a digital human of a file.

Asked: ``{"source": kind, "url" or "file", "folder", "id", "name", "models", "source_bytes", "pack_bytes",
"memory", "seconds"}`` and, with a ``url``, what ``download`` wants. ``folder`` is the job's own and is
deleted by who asked. Answered by ``{"percent", "step"}``, with ``"marks"`` where the maker left some, and
at the end by ``{"unsuitable": sentence}`` or ``{"made": {…}}``, with the pack at ``folder/pack.tar``.
"""

from __future__ import annotations

import json
import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2

from bunraku.core.errors import ApiError
from bunraku.core.framing import Framing
from bunraku.core.media import Pose
from bunraku.core.urls import FetchFailed
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.kinds import open_pack
from bunraku.node.avatars.preview import SILENT, portrait
from bunraku.node.people import archive
from bunraku.node.people.base import MARKS, Unsuitable
from bunraku.node.people.kinds import maker_of
from bunraku.node.workers.download import download
from bunraku.node.workers.zygote import Link, limit_cpu, limit_memory

IDLE = 9  # of niceness, beyond what workers have: every stream goes before it
GUARD = ("allow_private", "connect_timeout", "max_redirects")
LARGEST = Framing(1920, 1920, (0, 0, 0), transparent=True)
"""What a caller may ask a stream to be: a pack that cannot be decoded for it here would break a server."""
MOST_MARKS = 64 * 1024  # bytes
OTHER = "Bring another file."


def run(request: dict[str, Any], link: Link) -> None:
    cv2.setNumThreads(1)
    with suppress(OSError):
        os.nice(IDLE)
    limit_memory(request["memory"])
    limit_cpu(request["seconds"])
    # Of any one file: the source that is fetched, and what is made of it.
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(2 * request["pack_bytes"], request["source_bytes"]),) * 2)
    folder = Path(request["folder"])
    try:
        source = _source(request, folder)
        made = _make(request, source, folder, link)
    except Unsuitable as error:
        link.send({"unsuitable": f"{error.reason} {error.tip}"})
        return
    link.send({"made": made})


def _source(request: dict[str, Any], folder: Path) -> Path:
    """Raises ``Unsuitable``."""
    if "file" in request:
        return Path(request["file"])
    path, asked = folder / "source", {k: request[k] for k in GUARD}
    try:
        with (
            download(request["url"], max_bytes=request["source_bytes"], **asked) as body,
            path.open("wb") as file,
        ):
            for piece in body:
                file.write(piece)
    except FetchFailed as error:
        raise Unsuitable(f"Source.Url could not be fetched: {error}.", "See that anybody can.") from error
    return path


def _make(request: dict[str, Any], source: Path, folder: Path, link: Link) -> dict[str, Any]:
    pack = folder / "pack"
    pack.mkdir()
    told = ""

    def progress(percent: int, step: str) -> None:
        nonlocal told
        said: dict[str, Any] = {"percent": max(0, min(99, percent)), "step": step[:32]}
        marks = _marks(pack / MARKS)
        if marks is not None and marks != told:
            told, said["marks"] = marks, json.loads(marks)
        link.send(said)

    make = maker_of(request["source"]).make
    warnings = make(source, pack, name=request["name"], models=Path(request["models"]), progress=progress)
    progress(95, "pack")
    (pack / MARKS).unlink(missing_ok=True)
    _name(pack / "manifest.json", request)
    found = _tried(pack)
    out = folder / "pack.tar"
    digest = archive.write(pack, out)
    size = out.stat().st_size
    if size > request["pack_bytes"]:
        raise Unsuitable("What came of it is too large for this server.", OTHER)
    return {"digest": digest, "bytes": size, "warnings": warnings} | found


def _marks(path: Path) -> str | None:
    try:
        text = path.read_text("utf-8") if path.stat().st_size <= MOST_MARKS else ""
        return text if isinstance(json.loads(text), dict) else None
    except (OSError, ValueError):
        return None


def _name(manifest: Path, request: dict[str, Any]) -> None:
    """It bears the id it has here, and no other app's."""
    written = json.loads(manifest.read_text("utf-8"))
    named = written | {"id": request["id"], "name": request["name"]}
    manifest.write_text(json.dumps(named, ensure_ascii=False), "utf-8")


def _tried(folder: Path) -> dict[str, Any]:
    """The pack is shown here first, within this process's limits. Raises ``Unsuitable``."""
    try:
        pack = open_pack(folder)
        pack.stage(LARGEST).render(Moment(SILENT, Pose()))
        pack.close()
        if pack.portrait is None:
            portrait(pack, folder / "avatar.jpg")
    except ApiError as error:
        raise Unsuitable(f"The pack cannot be shown: {error.detail}.", OTHER) from error
    except MemoryError as error:
        raise Unsuitable("The pack takes too much memory.", OTHER) from error
    except (cv2.error, ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise Unsuitable(f"The pack cannot be shown ({type(error).__name__}).", OTHER) from error
    return {"gestures": list(pack.gestures), "emotion": pack.emotion}
