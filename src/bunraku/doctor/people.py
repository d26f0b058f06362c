"""Where digital humans of single apps are kept."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from sqlalchemy import distinct, func, select

from bunraku.core.settings import Settings
from bunraku.doctor.finding import FAIL, OK, WARN, Finding
from bunraku.doctor.storage import nearest, takes_files
from bunraku.store.database import Database
from bunraku.store.lives import HERE
from bunraku.store.tables import NodeRow

SHARING = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs"),
    *("gpfs", "lustre", "nfs", "nfs4", "ocfs2", "smb3", "virtiofs"),
}
"""File systems that several machines may have the same of; those of user space count too."""


async def people(settings: Settings) -> list[Finding]:
    if settings.people.s3_url is not None:
        return [Finding("people", OK, f"packs are kept in {settings.people.s3_url}")]
    folder = settings.people.folder or settings.data_dir / "people"
    here = nearest(folder)
    why = "it is a file" if here.is_file() else await asyncio.to_thread(takes_files, here)
    if why:
        remedy = "chown it to the user that serves, or set people.folder elsewhere"
        return [Finding("people", FAIL, f"{here} cannot be written to: {why}", remedy)]
    machines = await _machines(settings)
    kind = await asyncio.to_thread(kind_of, here)
    if machines > 1 and not (kind in SHARING or kind.startswith("fuse.")):
        text = f"{machines} machines serve, and {folder} is on a disk of this one ({kind or 'unknown'})"
        remedy = "set people.folder to a folder that all of them mount, or people.s3_url"
        return [Finding("people", WARN, text, remedy)]
    free = shutil.disk_usage(here).free
    low = free < settings.people.most_bytes
    text = f"{folder} can be written to" if folder.exists() else f"{folder} will be made when it is needed"
    text += f", {free / 2**30:.1f} GiB free" if low else ""
    remedy = "make room: one app's may take people.most_bytes" if low else ""
    return [Finding("people", WARN if low else OK, text, remedy)]


async def _machines(settings: Settings) -> int:
    """On how many nodes live, as far as the database says."""
    if settings.database_url is None:
        return 1  # SQLite: nobody else's
    database = Database.of(settings.database_url, settings.data_dir)
    try:
        async with asyncio.timeout(10.0), database.reads() as session:
            count = select(func.count(distinct(NodeRow.machine))).where(NodeRow.state.in_(HERE))
            return int(await session.scalar(count) or 0)
    except Exception:  # the driver's own: what is wrong with it another check says
        return 1
    finally:
        await database.close()


def kind_of(path: Path) -> str:
    """The file system that it lies on; empty where nothing tells."""
    try:
        rows = [line.split(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    except OSError:
        return ""
    best, kind = -1, ""
    for row, about in ((r[0].split(), r[1].split()) for r in rows if len(r) == 2):
        place = Path(row[4].replace("\\040", " "))
        if path.resolve().is_relative_to(place) and len(place.parts) >= best:
            best, kind = len(place.parts), about[0]
    return kind
