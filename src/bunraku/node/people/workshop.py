"""Where apps' digital humans are made: in turn, each by a process of its own that may be ended."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bunraku.core.calls import apart
from bunraku.core.clock import Clock
from bunraku.core.errors import InvalidParams
from bunraku.core.own_human import WARNINGS, HumanOrder, Made, OwnHuman
from bunraku.core.owner import Owner
from bunraku.core.settings import FetchSettings
from bunraku.core.settings_people import PeopleSettings
from bunraku.node.outputs.storage import StorageAway
from bunraku.node.packaged import NotFetched
from bunraku.node.people import models
from bunraku.node.people.kinds import kinds, maker_of
from bunraku.node.people.shelf import Shelf
from bunraku.node.people.uploads import Uploads
from bunraku.node.workers.fair import FairSlots
from bunraku.node.workers.pool import Job, JobFailed, JobLost, Workers
from bunraku.store.people_store import PeopleStore

log = logging.getLogger(__name__)

TELL_EVERY = 0.4  # s between two writes of how far one is
STOPPED = "The server stopped while it was made. Bring the file again."
SLOW = "It took too much time or memory. Bring a smaller file, or a shorter clip."
FULL = "There is no room left for the app's digital humans. Delete one, then bring the file again."
AWAY = "The place where digital humans are kept is away. Bring the file again later."
BLIND = "This server cannot see faces yet: what it needs for that could not be fetched. Tell whoever runs it."
FAULT = "The server could not make it. Whoever runs it finds the reason in its log."


class MakingFailed(Exception):
    """The text is for the caller."""


@dataclass(slots=True)
class _Making:
    human: OwnHuman
    job: asyncio.Task[None]
    dropped: bool = False
    """Deleted: nobody is told of its end."""


class Workshop:
    """Owns what is being made on this node. On one event loop."""

    def __init__(
        self,
        settings: PeopleSettings,
        fetch: FetchSettings,
        store: PeopleStore,
        shelf: Shelf,
        workers: Workers,
        clock: Clock,
        owner: Callable[[], Owner],
        tell: Callable[[OwnHuman], None],
        folder: Path,
        models: Path,
    ) -> None:
        """``tell`` hears of the end of each, and makes it durable. ``folder`` is this node's own."""
        self._settings, self._fetch, self._store, self._shelf = settings, fetch, store, shelf
        self._workers, self._clock, self._owner, self._tell = workers, clock, owner, tell
        self._folder, self._models = folder, models
        self.uploads = Uploads(folder / "uploads", settings.most_file, clock)
        self._places = FairSlots(settings.makers)
        self._making: dict[str, _Making] = {}

    async def take(self, order: HumanOrder) -> str:
        """Begin to make one; its id. Raises ``InvalidParams`` for a kind that this server does not make,
        and what ``PeopleStore.add`` raises."""
        file = None if order.upload is None else self.uploads.take(order.upload)
        try:
            human = await self._begun(order)
        except BaseException:
            _drop(file)
            raise
        run = self._run(human, order.url, file)
        job = asyncio.create_task(run, name=f"making-{human.id}", context=apart())
        self._making[human.id] = _Making(human, job)
        return human.id

    async def _begun(self, order: HumanOrder) -> OwnHuman:
        if order.source not in kinds():
            raise InvalidParams(f"Source.Type this server makes {', '.join(sorted(kinds()))}")
        human = OwnHuman(
            id=str(uuid.uuid4()),
            app_id=order.app_id,
            name=order.name,
            source=order.source,
            created_at=self._clock.wall(),
            consent=order.consent,
            owner=self._owner(),
            timbre_id=order.timbre_id,
        )
        await self._store.add(human, self._settings)
        return human

    async def drop(self, app_id: int, human_id: str | None = None) -> None:
        """One of an app, or all of it: it is ended, and nobody is told."""
        which = [m for m in self._making.values() if m.human.app_id == app_id]
        ending = [m for m in which if human_id in (None, m.human.id)]
        for making in ending:
            making.dropped = True
            making.job.cancel()
        await asyncio.gather(*(m.job for m in ending), return_exceptions=True)

    async def cancel(self, app_id: int | None = None) -> None:
        """Of an app, or all: what is unfinished has failed."""
        jobs = [m.job for m in self._making.values() if app_id in (None, m.human.app_id)]
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    async def clear(self) -> None:
        """What a former life left of its work."""
        await asyncio.to_thread(shutil.rmtree, self._folder, True)

    async def _run(self, human: OwnHuman, url: str | None, file: Path | None) -> None:
        work = self._folder / human.id
        try:
            async with self._places.of(human.app_id):
                made = await self._make(human, url, file, work)
            over = human.ready(made, self._clock.wall())
        except MakingFailed as error:
            over = human.failed(str(error), self._clock.wall())
        except asyncio.CancelledError:
            over = human.failed(STOPPED, self._clock.wall())
        except Exception:
            log.exception("a digital human was not made")
            over = human.failed(FAULT, self._clock.wall())
        finally:
            # Here, not in a thread: it is cancelled while it waits. Some files, gone in milliseconds.
            shutil.rmtree(work, ignore_errors=True)
            _drop(file)
            making = self._making.pop(human.id, None)
        if making is None or not making.dropped:
            log.info("digital human %s: %s", human.id, over.state.value)
            self._tell(over)

    async def _make(self, human: OwnHuman, url: str | None, file: Path | None, work: Path) -> Made:
        """Raises ``MakingFailed``."""
        s, limits = self._settings, self._settings.of(human.source)
        await asyncio.to_thread(self._fetch_nets, human.source)
        await asyncio.to_thread(work.mkdir, parents=True, mode=0o700)
        request: dict[str, Any] = {
            "source": human.source.value,
            "folder": str(work),
            "id": human.id,
            "name": human.name,
            "models": str(self._models),
            "source_bytes": limits.source_bytes,
            "pack_bytes": s.pack_bytes,
            "memory": limits.memory,
            "seconds": limits.seconds,
            "allow_private": self._fetch.allow_private,
            "connect_timeout": self._fetch.connect_timeout,
            "max_redirects": self._fetch.max_redirects,
        }
        request |= {"url": url} if file is None else {"file": str(file)}
        try:
            async with self._workers.job("person", request, limits.seconds) as job:
                made = await self._follow(human, job)
        except JobLost as error:
            raise MakingFailed(SLOW) from error
        except JobFailed as error:
            log.error("a digital human was not made: %s", error)
            raise MakingFailed(SLOW if "memory" in str(error) else FAULT) from error
        if await self._store.bytes_of(human.app_id) + made.bytes > s.most_bytes:
            raise MakingFailed(FULL)
        try:
            await asyncio.to_thread(self._shelf.put, (human.app_id, human.id), work / "pack.tar")
        except (StorageAway, OSError) as error:
            log.error("a digital human was not kept (%s)", type(error).__name__)
            raise MakingFailed(AWAY) from error
        return made

    def _fetch_nets(self, kind: str) -> None:
        """Blocking, the first time for seconds. Raises ``MakingFailed``."""
        if not maker_of(kind).NETS:
            return
        try:
            models.ensure(self._models)
        except NotFetched as error:
            log.error("people cannot be made: %s", error)
            raise MakingFailed(BLIND) from error

    async def _follow(self, human: OwnHuman, job: Job) -> Made:
        """What the worker says. It may be lying by now: nothing of it is believed that is not checked."""
        seen = _Seen(human)
        showing = asyncio.create_task(self._show(seen))
        try:
            while True:
                block = await job.receive(self._settings.of(human.source).seconds)
                if block is None:
                    raise MakingFailed(FAULT)
                said = block[0]
                if "unsuitable" in said:
                    raise MakingFailed(str(said["unsuitable"]))
                if "made" in said:
                    return _made(said["made"])
                seen.heard(said)
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)

    async def _show(self, seen: _Seen) -> None:
        """Until cancelled: how far it is, for whoever looks."""
        shown = seen.human
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + TELL_EVERY)
            if seen.human is shown:
                continue
            shown = seen.human
            try:
                await self._store.progress(shown)
            except Exception as error:
                log.info("how far a digital human is was not written (%s)", type(error).__name__)


class _Seen:
    """What was heard of one that is being made."""

    def __init__(self, human: OwnHuman) -> None:
        self.human = human

    def heard(self, said: dict[str, Any]) -> None:
        now = self.human
        percent = max(now.progress, min(99, int(said.get("percent", 0))))
        marks = _marks(said.get("marks")) or now.marks
        self.human = replace(now, progress=percent, step=str(said.get("step", ""))[:32], marks=marks)


def _drop(file: Path | None) -> None:
    if file is not None:
        file.unlink(missing_ok=True)


def _made(said: dict[str, Any]) -> Made:
    return Made(
        str(said["digest"])[:64],
        int(said["bytes"]),
        tuple(str(g)[:64] for g in said["gestures"][:100]),
        str(said["emotion"])[:32],
        tuple(str(w)[:300] for w in said["warnings"][:WARNINGS]),
    )


def _marks(said: Any) -> dict[str, Any] | None:
    """Numbers alone."""
    if not isinstance(said, dict) or len(json.dumps(said)) > 64 * 1024:
        return None
    try:
        points = [[round(float(x), 1), round(float(y), 1)] for x, y in said["points"]]
        marks: dict[str, Any] = {"width": int(said["width"]), "height": int(said["height"]), "points": points}
        return marks | ({"at": round(float(said["at"]), 3)} if "at" in said else {})
    except (KeyError, TypeError, ValueError):
        return None
