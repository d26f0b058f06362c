"""A worker's job: sign a recording that is whole (``sealing``), or send it to S3 (``bucket``).

Answers ``{"unsigned": why}`` or ``{"away": true}`` when it could not; then the file is as it was.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bunraku.node.outputs.keeping import Keeping
from bunraku.node.outputs.storage import StorageAway
from bunraku.node.workers.zygote import Link, limit_memory

NICENESS = 5  # as who writes the file: an output that ends waits for this
MEMORY = 2 * 1024 * 1024 * 1024  # address space; see ``Seal`` for what is used of it


@dataclass(frozen=True, slots=True)
class _Sealing:
    certificate: Path
    key: Path
    timestamps: str | None


def run(request: dict[str, Any], link: Link) -> None:
    path = Path(request["folder"]) / request["name"]
    limit_memory(MEMORY)
    with suppress(OSError):  # only root may be less nice than before
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    if request["sealing"] is not None:
        if reason := _unsigned(path, request["sealing"]):
            link.send({"unsigned": reason})
        return
    try:
        Keeping.of(request).keep(path)
    except StorageAway:
        link.send({"away": True})


def _unsigned(path: Path, sealing: dict[str, Any]) -> str:
    """Why it could not be signed. The certificate is read each time: one that was renewed holds at once."""
    from bunraku.node.provenance import ProvenanceUnusable, seal_of

    os.environ["TMPDIR"] = str(path.parent)  # /tmp may be small, or memory
    try:
        seal = seal_of(_Sealing(Path(sealing["certificate"]), Path(sealing["key"]), sealing["timestamps"]))
        if seal is not None:
            seal.sign(path, path.name)
    except (ProvenanceUnusable, OSError) as error:
        return str(error)
    return ""
