"""What becomes of a recording that is whole: it is signed, then sent to S3, both where the settings say so.

Workers do it, beside the one that writes on: a long file, a slow authority or slow storage delays no media.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

from bunraku.core.output import OutputFile
from bunraku.core.settings import ProvenanceSettings
from bunraku.node.outputs.base import Feed, OutputFailed, Told
from bunraku.node.outputs.keeping import Keeping
from bunraku.node.outputs.storage import Place, Storage
from bunraku.node.outputs.unfinished import Mark
from bunraku.node.provenance import half_signed
from bunraku.node.workers.pool import JobFailed, Workers

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Signings of a node: each may take as much memory as its file has bytes, 600 MB at most."""
SIGNING, SENDING = 300.0, 3600.0  # s that one file may take, while its output goes on
SIGNED = (".mp4",)


class Finisher:
    """A node's; used on the event loop. ``patience``: seconds that signing may take once an output ends."""

    def __init__(
        self, workers: Workers, storage: Storage, sealing: ProvenanceSettings, patience: float
    ) -> None:
        self._workers, self._storage, self.patience = workers, storage, patience
        self._sealing = None if sealing.certificate is None else sealing.model_dump(mode="json")
        self._places = asyncio.Semaphore(AT_ONCE)

    async def finish(self, place: Place, file: OutputFile, feed: Feed, told: Told) -> None:
        """``file`` is one of ``place``'s folder. Raises ``OutputFailed`` when the storage is away; what
        cannot be signed is kept all the same, and logged."""
        path = self._storage.folder(place) / file.name
        mark = Mark(path)
        await asyncio.to_thread(mark.take)
        try:
            if self._sealing is not None and path.suffix in SIGNED:
                if reason := await self._sign(place, path, feed):
                    self._unsigned(place, path, reason)
                size = await asyncio.to_thread(_size, path)
                file = OutputFile(file.name, file.bytes if size is None else size, file.seconds)
            if self._storage.bucket is not None:
                await self._keep(place, path)
            await asyncio.to_thread(mark.remove)
        finally:
            mark.release()
        told.file(file)

    async def late(self, place: Place, name: str, *, signed: bool = False) -> None:
        """The same for a file whose output is over, and whose mark, if it has one, the caller holds;
        ``signed``: it is already. Raises ``OutputFailed``."""
        path = self._storage.folder(place) / name
        if self._sealing is not None and path.suffix in SIGNED and not signed:
            try:
                reason = await self._signed(place, path)
            finally:
                await asyncio.to_thread(_forget_half, path)
            if reason:
                self._unsigned(place, path, reason)
        if self._storage.bucket is not None:
            await self._keep(place, path)

    async def _sign(self, place: Place, path: Path, feed: Feed) -> str:
        """Why it is not."""
        signing = asyncio.create_task(self._signed(place, path))
        ending = asyncio.create_task(feed.ended())
        try:
            await asyncio.wait([signing, ending], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([signing], timeout=self.patience)
            if not signing.done():
                return "it took too long"
            return signing.result()
        finally:
            for job in (signing, ending):
                job.cancel()
            await asyncio.gather(signing, ending, return_exceptions=True)
            await asyncio.to_thread(_forget_half, path)

    def _unsigned(self, place: Place, path: Path, reason: str) -> None:
        log.warning("recording not signed: %s: %s", path.name, reason, extra={"task": place.task_id})

    async def _signed(self, place: Place, path: Path) -> str:
        async with self._places:
            try:
                answer = await self._ask(place, path, self._sealing, SIGNING)
            except JobFailed as error:
                return str(error)
        return str(answer.get("unsigned", ""))

    async def _keep(self, place: Place, path: Path) -> None:
        try:
            answer = await self._ask(place, path, None, SENDING)
        except JobFailed as error:
            raise OutputFailed(f"the storage did not take a file ({error})") from None
        if "away" in answer:
            raise OutputFailed("the storage is away")

    async def _ask(
        self, place: Place, path: Path, sealing: dict[str, Any] | None, seconds: float
    ) -> dict[str, Any]:
        request = Keeping.asked(self._storage, place) | {"name": path.name, "sealing": sealing}
        async with self._workers.job("finish", request, seconds) as job:
            answer: dict[str, Any] = {}
            while (block := await job.receive(seconds)) is not None:
                answer |= block[0]
            return answer


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _forget_half(path: Path) -> None:
    """What a signing that was cut off left behind."""
    with suppress(OSError):
        half_signed(path).unlink(missing_ok=True)
