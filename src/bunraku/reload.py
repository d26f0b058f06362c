"""The configuration file read anew while the server runs: at SIGHUP, all of it or nothing."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from bunraku.core.settings import RELOADED, Settings
from bunraku.core.starting import CannotStart

log = logging.getLogger(__name__)


class SettingsRefused(Exception):
    """What cannot be taken over: the lines say what, and where it stands."""


class Source:
    """Where settings are read from."""

    def __init__(self, read: Callable[[], Settings]) -> None:
        """``read`` gives what is said now. Raises ``SettingsRefused``."""
        self.read = read
        self.asked = False

    def hold(self) -> None:
        """SIGHUP while a server starts ends nothing, and is remembered."""
        signal.signal(signal.SIGHUP, self.remember)

    def remember(self, *_: object) -> None:
        """SIGHUP has come."""
        self.asked = True


class Reload:
    """Owns the settings that stand."""

    def __init__(
        self, settings: Settings, source: Source, apply: Callable[[Settings], Awaitable[None]]
    ) -> None:
        """``apply`` is given what is to stand. Raises ``SettingsRefused``, and then nothing has changed."""
        self.settings = settings
        self._source, self._apply = source, apply
        self._job: asyncio.Task[None] | None = None
        self._again = False

    def listen(self) -> None:
        """From now on SIGHUP is heard; call it on the main thread's loop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.ask)
        if self._source.asked:
            self.ask()

    def ask(self) -> None:
        """Read once more; what is asked while that is done is done after it."""
        self._again = True
        if self._job is None or self._job.done():
            self._job = asyncio.create_task(self._work(), name="reload")

    async def done(self) -> None:
        """Return when what was asked so far is done."""
        if self._job is not None:
            await self._job

    async def _work(self) -> None:
        while self._again:
            self._again = False
            await self.now()

    async def now(self) -> bool:
        """Whether what the file says stands now."""
        try:
            read = await asyncio.to_thread(self._source.read)
            new = self.settings.model_copy(update={name: getattr(read, name) for name in RELOADED})
            await self._apply(new)
        except (SettingsRefused, CannotStart) as refused:
            for line in str(refused).splitlines():
                log.error("not reloaded: %s", line)
            log.error("not reloaded: what stood before stands")
            return False
        except Exception:
            log.exception("not reloaded")
            return False
        for name in type(new).model_fields:
            if getattr(read, name) != getattr(new, name):
                log.warning("not reloaded: %s changes when the server starts anew", name)
        changed = [name for name in RELOADED if getattr(new, name) != getattr(self.settings, name)]
        self.settings = new
        log.info("reloaded: %s", ", ".join(changed) or "settings are as they were")
        return True
