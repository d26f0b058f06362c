"""Apps as the console makes them."""

from __future__ import annotations

import httpx

from bunraku.testing.server import RunningServer


def post(server: RunningServer, path: str, **body: object) -> httpx.Response:
    return httpx.post(f"{server.base_url}/console/apps{path}", json=body)


def made(server: RunningServer, name: str = "Desk") -> tuple[int, str, str]:
    answer = post(server, "", name=name).json()
    return answer["appId"], answer["serverSecret"], answer["callbackSecret"]


def values(**changes: object) -> dict[str, object]:
    return {"name": "Desk", "callbackUrl": None, "maxTasks": 10, "enabled": True} | changes
