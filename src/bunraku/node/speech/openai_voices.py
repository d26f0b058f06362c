"""Voices of any server that speaks OpenAI's ``POST /v1/audio/speech``, streamed as PCM."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx
import numpy as np

from bunraku.core.media import SpeechChunk
from bunraku.core.settings_speech import SpeechEndpoint
from bunraku.node.guarded_http import GuardedTransport
from bunraku.node.speech.base import Prosody, SpeechFailed, Timbre
from bunraku.node.speech.said_line import hosts
from bunraku.node.speech.tempo import Tempo
from bunraku.node.speech.text import sentences


class OpenAIProvider:
    """One endpoint. Text goes sentence by sentence, so that the first sound does
    not wait for the last; the lips come from the sound."""

    def __init__(
        self, endpoint: SpeechEndpoint, *, digital_human_id: str | None = None, guarded: bool = False
    ) -> None:
        """``guarded``: only public addresses are asked."""
        self._endpoint, self._guarded = endpoint, guarded
        self._client: httpx.AsyncClient | None = None
        self._timbres = {
            f"{endpoint.name}-{voice}": (
                Timbre(
                    f"{endpoint.name}-{voice}",
                    f"{voice} · {endpoint.name}",
                    endpoint.language,
                    digital_human_id,
                ),
                voice,
            )
            for voice in endpoint.voices
        }

    @property
    def timbres(self) -> tuple[Timbre, ...]:
        return tuple(timbre for timbre, _ in self._timbres.values())

    def load(self) -> None:
        """Its helpers are its own affair."""
        return

    async def start(self) -> None:
        # Sound as it is: of a packed answer a few bytes may unfold to any number.
        headers = {"Accept-Encoding": "identity"}
        if self._endpoint.api_key:
            headers["Authorization"] = f"Bearer {self._endpoint.api_key}"
        self._client = httpx.AsyncClient(
            base_url=str(self._endpoint.base_url).rstrip("/") + "/",
            headers=headers,
            timeout=httpx.Timeout(self._endpoint.timeout),
            transport=GuardedTransport() if self._guarded else None,
            trust_env=not self._guarded,
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def pronounce(self, text: str) -> None:
        """Left to espeak-ng, which reads every language."""
        del text

    async def speak(self, timbre_id: str, text: str, prosody: Prosody) -> AsyncGenerator[SpeechChunk]:
        found = self._timbres.get(timbre_id)
        if found is None or self._client is None:
            raise SpeechFailed(f"no timbre {timbre_id}")
        endpoint = self._endpoint
        tempo = Tempo(endpoint.sample_rate, 1.0, prosody.pitch)
        for sentence in sentences(text):
            request = {
                "model": endpoint.model,
                "voice": found[1],
                "input": hosts(sentence),
                "response_format": "pcm",
                "speed": round(prosody.speed, 3),
            }
            try:
                async with self._client.stream("POST", "audio/speech", json=request) as response:
                    if response.status_code != 200:
                        raise SpeechFailed(f"{endpoint.name} answered {response.status_code}")
                    if response.headers.get("Content-Encoding", "identity") != "identity":
                        raise SpeechFailed(f"{endpoint.name} answered packed")
                    odd = b""
                    async for piece in response.aiter_raw():
                        data = odd + piece
                        odd = data[len(data) // 2 * 2 :]
                        samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16)
                        if samples.size:
                            yield SpeechChunk(tempo.push(samples))
            except httpx.HTTPError as error:
                raise SpeechFailed(f"{endpoint.name}: {type(error).__name__}") from error
        yield SpeechChunk(tempo.flush())
