"""``bunraku doctor``: what would keep a server from starting or from being seen and heard, with a remedy
each. It changes nothing, and may be run beside the server it is about."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bunraku.core.settings import Settings
from bunraku.doctor import machine, media, people, reach, storage
from bunraku.doctor.finding import FAIL, Finding

PATIENCE = 60.0  # s for any one check
Check = Callable[[Settings], Awaitable[Sequence[Finding]]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("data_dir", storage.data_dir),
    ("database", storage.database),
    ("disk", storage.disk),
    ("redis", storage.redis),
    ("people", people.people),
    ("http_port", reach.http_port),
    ("udp_port", reach.udp_port),
    ("advertise", reach.advertise),
    ("ice", reach.ice_servers),
    ("access", reach.access),
    ("tls", reach.tls),
    ("clock", machine.clock),
    ("files", machine.files),
    ("codecs", media.codecs),
    ("provenance", media.provenance),
    ("voices", media.voices),
    ("nets", media.nets),
)


async def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order of ``CHECKS``. A check that breaks is a finding itself."""

    async def one(name: str, check: Check) -> Sequence[Finding]:
        try:
            async with asyncio.timeout(PATIENCE):
                return await check(settings)
        except TimeoutError:
            return [
                Finding(name, FAIL, f"no answer in {PATIENCE:g} s", "see whether the machine is overloaded")
            ]
        except Exception as error:
            return [Finding(name, FAIL, f"the check broke ({type(error).__name__})", "report it")]

    found = await asyncio.gather(*(one(name, check) for name, check in CHECKS))
    return [finding for some in found for finding in some]


def table(findings: Sequence[Finding]) -> str:
    width = max(len(f.check) for f in findings)
    lines: list[str] = []
    for f in findings:
        lines.append(f"{f.state:<5} {f.check:<{width}}  {f.text}")
        if f.remedy:
            lines.append(f"{'':<5} {'':<{width}}  -> {f.remedy}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    return json.dumps([f.described() for f in findings], indent=2)


def named(config: Path | None) -> str:
    """Where the settings are from, for the first line."""
    return str(config) if config is not None else f"defaults and the environment, in {os.getcwd()}"
