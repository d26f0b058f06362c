"""Apps: the tenants. Everything a caller owns belongs to one, and none sees another's."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from bunraku.core.settings import AppSettings


def new_secret() -> str:
    """32 ASCII characters (contract section 1): 128 random bits."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class App:
    """Secrets never reach a log: they have no repr.

    ``previous_secret`` is still good until ``previous_until`` (Unix seconds), so that callers can
    change over one by one. ``editable``: made in the console, not named by the operator's file.
    """

    id: int
    server_secret: str = field(repr=False)
    callback_secret: str = field(repr=False)
    name: str = ""
    callback_url: str | None = None
    max_tasks: int = 10
    enabled: bool = True
    actions: frozenset[str] | None = None
    previous_secret: str | None = field(default=None, repr=False)
    previous_until: float = 0.0
    editable: bool = False

    def secrets(self, now: float) -> tuple[str, ...]:
        """The server secrets that are good at ``now``, the newest first."""
        if self.previous_secret is not None and now < self.previous_until:
            return (self.server_secret, self.previous_secret)
        return (self.server_secret,)

    @classmethod
    def from_settings(cls, s: AppSettings) -> App:
        return cls(
            id=s.app_id,
            server_secret=s.server_secret,
            callback_secret=s.callback_secret or s.server_secret,
            name=s.name or f"App {s.app_id}",
            callback_url=s.callback_url,
            max_tasks=s.max_tasks,
            enabled=s.enabled,
            actions=None if s.actions is None else frozenset(s.actions),
        )


class Apps:
    """Apps by id: those of the operator's file, and others that are put as they change."""

    def __init__(self, apps: list[App]) -> None:
        self._apps = {a.id: a for a in apps}
        self._gone: dict[int, App] = {}

    def name(self, apps: list[App]) -> None:
        """The operator's file names these now. Whom it does not name any more is ``gone``, unless put."""
        self._gone |= {i: a for i, a in self._apps.items() if not a.editable}
        self._apps = {i: a for i, a in self._apps.items() if a.editable} | {a.id: a for a in apps}

    @property
    def gone(self) -> frozenset[int]:
        """Apps that were, and are nobody's any more."""
        return frozenset(self._gone.keys() - self._apps.keys())

    def receiver(self, app_id: int) -> App | None:
        """To whom an app's callbacks go: one that is gone hears how its tasks end."""
        return self._apps.get(app_id) or self._gone.get(app_id)

    def put(self, app: App) -> None:
        """Add or replace an editable app; an id of the file keeps the file's."""
        known = self._apps.get(app.id)
        if known is None or known.editable:
            self._apps[app.id] = app

    def drop(self, app_id: int) -> None:
        """Forget an editable app; the file's stay."""
        known = self._apps.get(app_id)
        if known is not None and known.editable:
            del self._apps[app_id]

    def get(self, app_id: int) -> App | None:
        return self._apps.get(app_id)

    def list(self) -> list[App]:
        return [self._apps[i] for i in sorted(self._apps)]
