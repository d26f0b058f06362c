"""What makes sound and pictures: codecs and voices, each tried; what finds a face."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC

import av
import numpy as np
from cryptography import x509

from bunraku.core.clock import SystemClock
from bunraku.core.media import TICK_SAMPLES, Picture
from bunraku.core.settings import Settings
from bunraku.doctor.finding import FAIL, OK, SOON, WARN, Finding
from bunraku.node.compose import installed_providers
from bunraku.node.encode.h264 import H264Encoder
from bunraku.node.encode.opus import open_opus_encoder
from bunraku.node.encode.vp8 import Vp8Encoder
from bunraku.node.packaged import can_fetch
from bunraku.node.people import models
from bunraku.node.provenance import ProvenanceUnusable, seal_of
from bunraku.node.speech import kokoro
from bunraku.node.speech.base import Prosody, SpeechFailed, SpeechProvider

WORD = "Hello."
SAY = 10.0  # s a voice may take for it
SIDE = 256


def _aac() -> bool:
    context = av.AudioCodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = 48000, "mono", "fltp"
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
    frame.sample_rate = 48000
    return any(bytes(p) for f in (frame, None) for p in context.encode(f))


async def codecs(settings: Settings) -> list[Finding]:
    """One frame of each."""
    del settings
    picture = Picture(SIDE, SIDE)
    tries: tuple[tuple[str, Callable[[], object]], ...] = (
        ("H.264", lambda: H264Encoder(SIDE, SIDE, 500_000).encode(picture, 0, True)),
        ("VP8", lambda: Vp8Encoder(SIDE, SIDE, 500_000).encode(picture, 0, True)),
        ("Opus", lambda: open_opus_encoder().encode(np.zeros(TICK_SAMPLES, np.int16), 0)),
        ("AAC", _aac),
    )
    found = list[Finding]()
    for name, encode in tries:
        try:
            made = bool(await asyncio.to_thread(encode))
            why = "gave nothing"
        except Exception as error:  # whatever FFmpeg says
            made, why = False, f"{type(error).__name__}: {error}"[:120]
        remedy = "" if made else "reinstall PyAV (pip install --force-reinstall av): its wheels bring it"
        found.append(Finding("codecs", OK if made else FAIL, f"{name} {'encodes' if made else why}", remedy))
    return found


async def voices(settings: Settings) -> list[Finding]:
    """Each says a word. Nothing is made ready here that a first start makes: it takes minutes."""
    found = list[Finding]()
    if settings.speech.kokoro_helpers and kokoro.installed() and not _ready(settings):
        text = "neural voices are made at the first start of a server"
        found.append(
            Finding("voices", WARN, text, "start one, and look again when its log says that they are ready")
        )
        speech = settings.speech.model_copy(update={"kokoro_helpers": 0})
        settings = settings.model_copy(update={"speech": speech})
    providers = installed_providers(settings, SystemClock())
    for provider in providers:
        found.append(await _say(provider))
    if not providers:
        found.append(Finding("voices", FAIL, "there is none", "pip install bunraku[espeak]"))
    return found


async def nets(settings: Settings) -> list[Finding]:
    """Whether digital humans can be made of photos and videos. Nothing is fetched here."""
    folder = models.folder_of(settings.people.nets, settings.data_dir)
    if not await asyncio.to_thread(models.missing, folder):
        return [Finding("nets", OK, f"the nets that find a face are in {folder}")]
    if can_fetch():
        text = (
            f"the nets that find a face are not in {folder} yet: the first photo or video fetches them, 46 MB"
        )
        return [Finding("nets", WARN, text, f"to have them before: bunraku people nets {folder}")]
    text = f"no digital human can be made of a photo or video: no nets in {folder}, and no pip to fetch them"
    remedy = "bunraku people nets FOLDER where there is pip; copy the folder here, and name it in people.nets"
    return [Finding("nets", WARN, text, remedy)]


def _ready(settings: Settings) -> bool:
    """Whether neural voices were made in this data directory before."""
    from bunraku.node.speech.kokoro.make import folder_of, is_made

    return is_made(folder_of(settings.data_dir))


async def provenance(settings: Settings) -> list[Finding]:
    """What signs films and recordings."""
    sealing, remedy = settings.provenance, "docs/privacy.md says what provenance.certificate and key must be"
    if sealing.certificate is None:
        return []
    try:
        seal_of(sealing)
        end = x509.load_pem_x509_certificates(sealing.certificate.read_bytes())[0].not_valid_after_utc
    except (ProvenanceUnusable, OSError) as error:
        return [Finding("provenance", FAIL, f"films and recordings are not signed: {error}", remedy)]
    soon = end.timestamp() - time.time() < SOON
    text = f"films and recordings are signed until {end.astimezone(UTC):%Y-%m-%d}"
    return [Finding("provenance", WARN if soon else OK, text, "renew it; it is read anew" if soon else "")]


async def _say(provider: SpeechProvider) -> Finding:
    name = type(provider).__name__.removesuffix("Provider")
    try:
        async with asyncio.timeout(SAY):
            await provider.start()
    except (SpeechFailed, OSError, TimeoutError) as error:
        return Finding(
            "voices", FAIL, f"{name} does not start: {error or 'no answer'}", "see its page: docs/voices.md"
        )
    silent = list[str]()
    try:
        for timbre in provider.timbres:
            try:
                async with (
                    asyncio.timeout(SAY),
                    aclosing(provider.speak(timbre.id, WORD, Prosody())) as chunks,
                ):
                    loud = [int(np.abs(c.samples).max()) async for c in chunks if c.samples.size]
                if max(loud, default=0) < 100:
                    silent.append(timbre.id)
            except (SpeechFailed, OSError, TimeoutError):
                silent.append(timbre.id)
        count = len(provider.timbres)
    finally:
        await provider.close()
    if silent or not count:
        text = f"{name}: {len(silent)} of {count} voices say nothing: {', '.join(silent[:5])}"
        return Finding("voices", FAIL, text, "see its page: docs/voices.md")
    return Finding("voices", OK, f"{name}: each of {count} voices says a word")
