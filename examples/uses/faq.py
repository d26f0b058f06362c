"""An answering desk: questions from standard input, answers of an OpenAI-compatible endpoint, spoken as
they come.

    BUNRAKU_URL=http://127.0.0.1:8080 BUNRAKU_APP_ID=... BUNRAKU_SERVER_SECRET=... \
    OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_API_KEY=... python faq.py facts.txt
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from bunraku.client import AsyncClient

PROMPT = "Answer from these facts alone, in one or two spoken sentences. If they do not say, say so.\n\n"


async def tokens(http: httpx.AsyncClient, facts: str, question: str) -> AsyncIterator[str]:
    """What the model says, piece by piece."""
    body = {
        "model": os.environ.get("FAQ_MODEL", "gpt-4.1-mini"),
        "stream": True,
        "messages": [{"role": "system", "content": PROMPT + facts}, {"role": "user", "content": question}],
    }
    async with http.stream("POST", "/chat/completions", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                choice = json.loads(line.removeprefix("data: "))["choices"][0]
                yield choice["delta"].get("content") or ""


async def main() -> None:
    env = os.environ
    facts = await asyncio.to_thread(Path(sys.argv[1]).read_text)
    headers = {"Authorization": f"Bearer {env['OPENAI_API_KEY']}"}
    async with (
        httpx.AsyncClient(base_url=env["OPENAI_BASE_URL"], headers=headers, timeout=60) as http,
        AsyncClient(env["BUNRAKU_URL"], int(env["BUNRAKU_APP_ID"]), env["BUNRAKU_SERVER_SECRET"]) as api,
        api.perform(
            env.get("BUNRAKU_HUMAN", "6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11"),
            room_id="desk",
            stream_id="desk",
            timbre_id=env.get("BUNRAKU_TIMBRE", "en-us-grace"),
        ) as desk,
    ):
        print("watch room desk, stream desk", flush=True)
        while question := (await asyncio.to_thread(sys.stdin.readline)).strip():
            said = await desk.say(tokens(http, facts, question))
            print(said.spoken_text, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
