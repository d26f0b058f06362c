"""A digital human to talk through: brought to life, spoken by, interrupted, and sent away.

```python
async with AsyncClient(url, app_id, secret) as api:
    async with api.perform(human, room_id="lobby", stream_id="host", timbre_id="en-us-ava") as p:
        said = await p.say("Good morning.")
        said = await p.say(tokens_of_a_language_model)  # an async iterator of text, as it comes
        if said.interrupted:
            transcript.append(said.spoken_text)  # what was heard, and no more
```

Text is cut into sentences, each of which is a drive (contract section 5.5): the first is heard while
the next are still being written.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Protocol

from bunraku.core.drive import DriveStatus
from bunraku.core.errors import (
    RateLimited,
    StreamAlreadyStopped,
    StreamNotStarted,
    SystemBusy,
    TaskNotFound,
)
from bunraku.core.stream_task import TaskStatus

LOOK_EVERY = 0.2  # s between looks at what is being said: half of what an app may call by default
AHEAD = 3  # sentences that wait on the stage while one is heard
START_WAIT = 60.0  # s
WAIT = (SystemBusy, RateLimited)
LONGEST = 400  # characters after which a sentence without an end is cut at a space
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？]+[」』”’）]*|\n\s*\n")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St|Sr|Jr|vs|etc|e\.g|i\.e|No|approx|Inc|Ltd)|\b[A-Z]|\b\d+)\.$"
)


class Api(Protocol):
    """What is asked of a client; ``bunraku.client.AsyncClient`` is one."""

    async def call(self, action: str, **body: Any) -> dict[str, Any]: ...

    async def create(self, digital_human_id: str, *, room_id: str, stream_id: str, **options: Any) -> str: ...

    async def speak(
        self,
        task_id: str,
        text: str,
        *,
        timbre_id: str,
        interrupt: bool = False,
        speech_rate: int = 0,
        pitch_rate: int = 0,
        volume: int = 50,
    ) -> str: ...

    async def interrupt(self, task_id: str) -> None: ...

    async def gesture(self, task_id: str, name: str) -> None: ...

    async def status(self, task_id: str) -> dict[str, Any]: ...

    async def stop(self, task_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a text. ``played_ms`` and ``spoken_text``: how much of it was heard, where the server
    tells (contract section 13.1). ``interrupted``: it was cut short, by whomever; ``failed``: the server
    could not say a sentence of it."""

    played_ms: int = 0
    spoken_text: str = ""
    interrupted: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _How:
    timbre_id: str
    speech_rate: int
    pitch_rate: int
    volume: int


class PerformanceHandle:
    """Context manager over one stream task; ``AsyncClient.perform`` makes it. ``task_id`` is there inside."""

    def __init__(self, api: Api, digital_human_id: str, timbre_id: str, options: dict[str, Any]) -> None:
        self._api, self._human, self._timbre, self._options = api, digital_human_id, timbre_id, options
        self._turn = asyncio.Lock()
        self.task_id = ""

    async def __aenter__(self) -> PerformanceHandle:
        """Returns when the stream is there. Raises ``StreamNotStarted`` with the server's reason."""
        self.task_id = await self._api.create(self._human, **self._options)
        try:
            async with asyncio.timeout(START_WAIT):
                await self._streaming()
        except BaseException:
            await self._leave()
            raise
        return self

    async def _streaming(self) -> None:
        while (now := await self._api.status(self.task_id))["Status"] != TaskStatus.STREAMING:
            if now["Status"] != TaskStatus.INITIALIZING:
                raise StreamNotStarted(now.get("FailReason") or "the stream was stopped")
            await asyncio.sleep(0.05)

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    async def _leave(self) -> None:
        try:
            await asyncio.shield(self._api.stop(self.task_id))
        except (StreamAlreadyStopped, TaskNotFound):
            return

    async def gesture(self, name: str) -> None:
        """Raises ``InvalidParams`` for one that the digital human does not have."""
        await self._api.gesture(self.task_id, name)

    async def interrupt(self) -> None:
        """Silence now; a ``say`` under way returns with ``interrupted``."""
        await self._api.interrupt(self.task_id)

    async def say(
        self,
        text: str | AsyncIterable[str],
        *,
        timbre_id: str | None = None,
        speech_rate: int = 0,
        pitch_rate: int = 0,
        volume: int = 50,
    ) -> Said:
        """Say it, and return when it was heard to its end or cut short.

        Rates and volume are those of contract section 5.5. One text after the other: a second call
        waits its turn. Cancelling it interrupts the digital human.
        """
        how = _How(timbre_id or self._timbre, speech_rate, pitch_rate, volume)
        async with self._turn:
            try:
                return await self._say(text, how)
            except asyncio.CancelledError:
                await asyncio.shield(self.interrupt())
                raise

    async def _say(self, text: str | AsyncIterable[str], how: _How) -> Said:
        drives: list[str] = []
        source = sentences(text)
        unheard = 0
        try:
            async for sentence in source:
                drives.append(await self._drive(sentence, how))
                unheard += 1
                while unheard > AHEAD:
                    states = await self._states(drives)
                    if _over(states):
                        return _said(states)
                    unheard = sum(not DriveStatus(s["Status"]).final for s in states)
                    if unheard > AHEAD:
                        await asyncio.sleep(LOOK_EVERY)
            while drives:
                states = await self._states(drives)
                if _over(states) or all(DriveStatus(s["Status"]).final for s in states):
                    return _said(states)
                await asyncio.sleep(LOOK_EVERY)
            return Said()
        finally:
            await source.aclose()

    async def _drive(self, sentence: str, how: _How) -> str:
        while True:
            try:
                return await self._api.speak(self.task_id, sentence, **asdict(how))
            except WAIT:  # such as a queue full of what somebody else has it say
                await asyncio.sleep(LOOK_EVERY)

    async def _states(self, drives: list[str]) -> list[dict[str, Any]]:
        """Of these drives, in their order."""
        try:
            answer = await self._api.call("GetDriveStatus", TaskId=self.task_id)
        except WAIT:
            return [{"DriveId": d, "Status": int(DriveStatus.QUEUED)} for d in drives]
        states = {s["DriveId"]: s for s in answer["DriveList"]}
        return [states[d] for d in drives]


def _over(states: list[dict[str, Any]]) -> bool:
    """Somebody has cut it short: what follows must not be said."""
    return any(s["Status"] == DriveStatus.INTERRUPTED for s in states)


def _said(states: list[dict[str, Any]]) -> Said:
    return Said(
        sum(s.get("PlayedMs", 0) for s in states),
        " ".join(t for s in states if (t := s.get("SpokenText", ""))),
        _over(states),
        any(s["Status"] == DriveStatus.FAILED for s in states),
    )


async def sentences(text: str | AsyncIterable[str]) -> AsyncGenerator[str]:
    """Sentences as soon as they are whole; what is left at the end, whole or not."""
    held = ""
    if isinstance(text, str):
        pieces: AsyncIterable[str] = _once(text)
    else:
        pieces = text
    async for piece in pieces:
        held += piece
        while cut := _cut(held):
            if sentence := held[:cut].strip():
                yield sentence
            held = held[cut:]
    if rest := held.strip():
        yield rest


async def _once(text: str) -> AsyncGenerator[str]:
    yield text


def _cut(text: str) -> int:
    """Where the first whole sentence ends; 0 while none does."""
    for end in _END.finditer(text):
        if not _ABBREVIATION.search(text[: end.end()]):
            return end.end()
    if len(text) > LONGEST:
        return text.rfind(" ", 1, LONGEST) + 1 or LONGEST
    return 0
