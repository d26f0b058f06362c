"""Neural voices (Kokoro-82M), where the extra ``bunraku[kokoro]`` is installed."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from bunraku.node.speech.kokoro.packages import PACKAGES

if TYPE_CHECKING:  # helper processes come by here, and need none of it
    from pathlib import Path

    from bunraku.core.clock import Clock
    from bunraku.core.settings_speech import SpeechSettings
    from bunraku.node.speech.base import SpeechProvider


def installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES)


def new_provider(data_dir: Path, speech: SpeechSettings, clock: Clock) -> SpeechProvider:
    """The provider; call it only where ``installed``. Not named as its module is, which its import would put
    in this place."""
    from bunraku.node.speech.kokoro.make import folder_of
    from bunraku.node.speech.kokoro.provider import KokoroProvider

    return KokoroProvider(
        folder_of(data_dir),
        clock,
        helpers=speech.kokoro_helpers,
        model=speech.kokoro_model,
        styles=speech.kokoro_styles,
        # A little less than the drive's own, so that it fails with the reason.
        timeout=0.95 * speech.timeout,
    )
