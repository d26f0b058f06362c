"""From the options of ``bunraku render`` to a film, or sound alone: who, how large, and what is said."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bunraku.core.clock import SystemClock
from bunraku.core.framing import Framing
from bunraku.core.media import SAMPLE_RATE, SpeechChunk
from bunraku.core.settings import Settings
from bunraku.node.avatars.base import AvatarPack
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.picture_file import BackdropFailed, read
from bunraku.node.compose import installed_providers
from bunraku.node.film import FilmFailed, film, write_captions, write_sound
from bunraku.node.lipsync.transcript import TranscriptFollower
from bunraku.node.provenance import ProvenanceUnusable, Seal, seal_of
from bunraku.node.speech.base import Prosody, SpeechFailed, Timbre
from bunraku.node.speech.decoding import decode
from bunraku.node.speech.tongue import tongue
from bunraku.node.speech.voices import Voices

LARGEST = 2560
LONGEST = 3600.0  # s of audio


class OptionsRefused(Exception):
    """The options cannot be followed; the text says which."""


@dataclass(frozen=True, slots=True)
class Took:
    """How long the film is and how long it took to make, seconds; who speaks, where text is spoken,
    and what is to be said of how it was chosen."""

    seconds: float
    wall: float
    voice: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Recital:
    chunks: list[SpeechChunk]
    voice: str = ""
    note: str = ""


def make(
    settings: Settings,
    out: Path,
    progress: Callable[[float], None],
    *,
    text: str | None,
    audio: Path | None,
    transcript: str | None,
    human: str | None,
    voice: str | None,
    size: str,
    background: str,
    captions: bool,
) -> Took:
    """Raises ``OptionsRefused``."""
    if (text is None) == (audio is None):
        raise OptionsRefused("give --text or --audio")
    if out.suffix.lower() not in (".mp4", ".opus"):
        raise OptionsRefused("--out must end in .mp4 or .opus")
    if out.suffix.lower() == ".opus" and text is None:
        raise OptionsRefused("give --text for sound alone")
    if out.suffix.lower() == ".opus" and captions:
        raise OptionsRefused("--captions go with a film, not with sound alone")
    pack, framing = choose_pack(settings, human), read_framing(size, background)
    begin = time.monotonic()
    try:
        seal = seal_of(settings.provenance)
        spoken = asyncio.run(
            _make(settings, out, progress, pack, framing, text, audio, transcript, voice, captions, seal)
        )
    except ProvenanceUnusable as error:
        raise OptionsRefused(str(error)) from None
    seconds = sum(c.samples.size for c in spoken.chunks) / SAMPLE_RATE
    return Took(seconds, time.monotonic() - begin, spoken.voice, spoken.note)


async def _make(
    settings: Settings,
    out: Path,
    progress: Callable[[float], None],
    pack: AvatarPack,
    framing: Framing,
    text: str | None,
    audio: Path | None,
    transcript: str | None,
    voice: str | None,
    captions: bool,
    seal: Seal | None,
) -> Recital:
    providers = installed_providers(settings, SystemClock())
    voices = Voices(providers, settings.aliases, timeout=settings.speech.timeout)
    await voices.start()
    follower = None
    try:
        if text is not None:
            spoken = await speak(voices, text, voice, pack.voices)
        else:
            assert audio is not None
            with audio.open("rb", buffering=0) as file:
                spoken = Recital(await asyncio.to_thread(lambda: list(decode(file, 0, LONGEST))))
            said = await voices.pronounce(transcript) if transcript else None
            follower = TranscriptFollower(*said) if said and said[0] else None
    except SpeechFailed as error:
        raise OptionsRefused(str(error)) from None
    finally:
        await voices.close()
    if out.suffix.lower() == ".opus":
        await asyncio.to_thread(write_sound, spoken.chunks, out)
        return spoken
    try:
        words = await film(
            pack, framing, spoken.chunks, out, transcript=follower, seal=seal, progress=progress
        )
    except FilmFailed as error:
        raise OptionsRefused(f"the film broke off: {error}") from None
    if captions:
        await asyncio.to_thread(write_captions, words, out.with_suffix(".vtt"))
    return spoken


async def speak(
    voices: Voices, text: str, voice: str | None, fitting: Mapping[str, Sequence[str]]
) -> Recital:
    """In ``voice``, or the first that is there for the text's language: of those that fit whom it is for
    (``fitting``, by language), or any."""
    timbres = voices.list()
    if not timbres:
        raise OptionsRefused("no voices are installed: pip install bunraku[espeak]")
    timbre, note = (voice, "") if voice else choose_voice(timbres, text, fitting)
    if voices.find(timbre) is None:
        raise OptionsRefused(f"no voice {timbre}; there are {', '.join(t.id for t in timbres)}")
    speech = [chunk async for chunk in voices.speak(timbre, text, Prosody())]
    if not any(c.samples.size for c in speech):
        raise OptionsRefused("nothing to say in --text")
    return Recital(speech, timbre, note)


def choose_voice(
    timbres: Sequence[Timbre], text: str, fitting: Mapping[str, Sequence[str]]
) -> tuple[str, str]:
    """A voice's id, and what is to be said of the choice. Raises ``OptionsRefused``."""
    there = {t.id: t.language for t in timbres}
    wanted = tongue(text)

    def speaks(language: str) -> bool:
        return wanted is None or language.partition("-")[0].lower() == wanted

    fits = [
        name for language, names in fitting.items() if speaks(language) for name in names if name in there
    ]
    others = [name for name, language in there.items() if speaks(language)]
    chosen = next(iter([*fits, *others]), None)
    if chosen is None:
        raise OptionsRefused(
            f"no voice of the text's language ({wanted}) is installed: --voice names another"
        )
    note = (
        ""
        if wanted
        else f"the text's language is not plain, {there[chosen]} was taken: --voice names another"
    )
    return chosen, note


def choose_pack(settings: Settings, name: str | None) -> AvatarPack:
    packs = Catalog(settings.packs, settings.aliases, label=settings.provenance.label).list()
    for pack in packs:
        if name is None or name.lower() in (pack.name.lower(), pack.id):
            return pack
    raise OptionsRefused(f"no digital human {name}; there are {', '.join(p.name for p in packs)}")


def read_framing(size: str, background: str) -> Framing:
    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", size)
    colour = re.fullmatch(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", background)
    if found is None or any(int(v) % 2 or not 64 <= int(v) <= LARGEST for v in found.groups()):
        raise OptionsRefused(f"--size must be WIDTHxHEIGHT, even, 64 to {LARGEST}")
    width, height = int(found[1]), int(found[2])
    if colour is not None:
        red, green, blue = (int(c, 16) for c in colour.groups())
        return Framing(width, height, (red, green, blue))
    try:
        picture = read(Path(background).read_bytes(), width, height)
    except OSError:
        raise OptionsRefused("--background must be #RRGGBB or a picture file") from None
    except BackdropFailed as error:
        raise OptionsRefused(f"--background: {error}") from None
    return Framing(width, height, backdrop=picture)
