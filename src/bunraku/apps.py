"""Apps: the tenants. Everything a caller owns belongs to one, and none sees another's."""

from __future__ import annotations

from dataclasses import dataclass, field

from bunraku.settings import AppSettings


@dataclass(frozen=True, slots=True)
class App:
    """``server_secret`` and ``callback_secret`` never reach a log: they have no repr."""

    id: int
    server_secret: str = field(repr=False)
    callback_secret: str = field(repr=False)
    name: str = ""
    callback_url: str | None = None
    max_tasks: int = 10
    enabled: bool = True
    actions: frozenset[str] | None = None

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
    """Apps by id."""

    def __init__(self, apps: list[App]) -> None:
        self._apps = {a.id: a for a in apps}

    def get(self, app_id: int) -> App | None:
        return self._apps.get(app_id)

    def list(self) -> list[App]:
        return [self._apps[i] for i in sorted(self._apps)]
