"""A voice of one app: a source of timbres that only it lists and uses, bound to a digital human."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bunraku.core.settings_speech import SpeechEndpoint

PREFIX = "own"
"""Begins the ids of their timbres: ``own-NAME-VOICE``."""


@dataclass(frozen=True, slots=True)
class OwnVoice:
    """Exactly one of ``endpoint`` and ``folder`` is given. ``name`` is unique within the app."""

    app_id: int
    name: str
    digital_human_id: str
    endpoint: SpeechEndpoint | None = field(default=None, repr=False)
    """An OpenAI-compatible server, with its key."""
    folder: Path | None = None
    """Piper voices; on every node."""

    def describe(self) -> dict[str, object]:
        """Without its key, which is never shown again."""
        said: dict[str, object] = {"name": self.name, "digitalHumanId": self.digital_human_id}
        if self.endpoint is None:
            return said | {"kind": "piper", "folder": str(self.folder)}
        e = self.endpoint
        return said | {
            "kind": "openai",
            "baseUrl": str(e.base_url),
            "model": e.model,
            "voices": list(e.voices),
            "language": e.language,
            "sampleRate": e.sample_rate,
            "hasKey": e.api_key is not None,
        }
