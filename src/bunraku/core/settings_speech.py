"""``[speech]``: voices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, HttpUrl

from bunraku.core.section import Section


class SpeechEndpoint(Section):
    """``[[speech.endpoints]]``: a server that speaks OpenAI's ``/v1/audio/speech``."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$", description="Begins its timbres' ids.")]
    base_url: Annotated[HttpUrl, Field(description="Up to and with /v1.")]
    api_key: Annotated[str | None, Field(repr=False, description="Sent as bearer token.")] = None
    model: Annotated[str, Field(description="Sent as model.")] = "tts-1"
    voices: Annotated[tuple[str, ...], Field(min_length=1, description="Voices to list as timbres.")]
    language: Annotated[str, Field(description="BCP 47 tag of its voices.")] = "en-US"
    sample_rate: Annotated[
        int, Field(ge=8000, le=48000, description="Of the PCM that response_format pcm gives.")
    ] = 24000
    timeout: Annotated[float, Field(gt=0, description="Seconds to connect, and between pieces.")] = 10.0


class SpeechSettings(Section):
    """``[speech]``."""

    espeak_helpers: Annotated[int, Field(ge=1, description="espeak-ng helper processes.")] = 2
    flite_helpers: Annotated[
        int, Field(ge=0, description="flite helper processes, where flite is installed; 0 disables.")
    ] = 1
    kokoro_helpers: Annotated[
        int, Field(ge=0, description="Neural voices: helper processes, 300 MB each, at most; 0 disables.")
    ] = 2
    kokoro_model: Annotated[
        Path | None, Field(description="Your own kokoro-v1.0.int8.onnx; that of the packages when not given.")
    ] = None
    kokoro_styles: Annotated[
        Path | None,
        Field(
            description="Tarball of kokoro-js, or a folder of its NAME.bin; fetched by npm when not given."
        ),
    ] = None
    piper_voices: Annotated[
        Path | None, Field(description="Folder with piper voices: NAME.onnx and NAME.onnx.json.")
    ] = None
    endpoints: Annotated[
        tuple[SpeechEndpoint, ...], Field(description="OpenAI-compatible speech servers.")
    ] = ()
    timeout: Annotated[
        float, Field(gt=0, description="Seconds a voice may stay silent before its drive fails.")
    ] = 15.0
