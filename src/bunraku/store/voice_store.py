"""Voices of single apps, in the database."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, func, select

from bunraku.core.own_voice import PREFIX, OwnVoice
from bunraku.core.settings_speech import SpeechEndpoint
from bunraku.store.database import Database
from bunraku.store.tables import VoiceRow

log = logging.getLogger(__name__)

MOST = 50  # of one app


class VoiceNameTaken(Exception):
    """The app has a voice of that name."""


class TooManyVoices(Exception):
    """The app has as many as it may."""


class VoiceStore:
    """Fronts write it, nodes read it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> tuple[OwnVoice, ...]:
        """Of every app; a row that cannot be read is reported and left out."""
        async with self._database.reads() as session:
            rows = await session.scalars(select(VoiceRow).order_by(VoiceRow.app_id, VoiceRow.name))
            return tuple(voice for row in rows if (voice := _voice(row)) is not None)

    async def of(self, app_id: int) -> tuple[OwnVoice, ...]:
        return tuple(voice for voice in await self.all() if voice.app_id == app_id)

    async def add(self, voice: OwnVoice) -> None:
        """Raises ``VoiceNameTaken`` or ``TooManyVoices``."""
        source: dict[str, object] = {"folder": str(voice.folder)}
        if voice.endpoint is not None:
            source = voice.endpoint.model_dump(mode="json", exclude={"api_key", "name"})
        row = self._database.insert_new(
            VoiceRow,
            app_id=voice.app_id,
            name=voice.name,
            digital_human_id=voice.digital_human_id,
            source=source,
            api_key=None if voice.endpoint is None else voice.endpoint.api_key,
        )
        async with self._database.sessions.begin() as session:
            await self._database.one_at_a_time(session, voice.app_id)
            theirs = select(func.count()).select_from(VoiceRow).where(VoiceRow.app_id == voice.app_id)
            if (await session.scalar(theirs) or 0) >= MOST:
                raise TooManyVoices
            made: Any = await session.execute(row)
            if made.rowcount == 0:
                raise VoiceNameTaken

    async def remove(self, app_id: int, name: str) -> bool:
        """Whether there was one."""
        which = delete(VoiceRow).where(VoiceRow.app_id == app_id, VoiceRow.name == name)
        async with self._database.sessions.begin() as session:
            found: Any = await session.execute(which)
        return found.rowcount > 0


def _voice(row: VoiceRow) -> OwnVoice | None:
    if "folder" in row.source:
        return OwnVoice(row.app_id, row.name, row.digital_human_id, folder=Path(str(row.source["folder"])))
    try:
        endpoint = SpeechEndpoint.model_validate(
            row.source | {"name": f"{PREFIX}-{row.name}", "api_key": row.api_key}
        )
    except ValidationError as error:
        log.warning("a voice of app %s is left out: %d faults", row.app_id, error.error_count())
        return None
    return OwnVoice(row.app_id, row.name, row.digital_human_id, endpoint)
