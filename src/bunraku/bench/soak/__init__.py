"""``bunraku soak``: hours of ordinary use with trials among it, and a page that shows what grows.

A real server in a process of its own (TLS, a PostgreSQL of its own where there is one); tasks are
created, driven, interrupted, watched, left and stopped at random from a fixed seed. Meanwhile crowds
of watchers come and go, the receiver of callbacks is shut for a third of the time (ten minutes of half an
hour), the database goes away twice and the certificate is changed. Every few seconds the process is
looked at from outside; at the end every callback that the contract keeps must have come.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bunraku.bench.postgresql import NoServer, Postgresql, throwaway
from bunraku.bench.receiver import discard_video
from bunraku.bench.run import Bench
from bunraku.bench.serving import serving
from bunraku.bench.soak.callbacks import CallbackReceiver, missing
from bunraku.bench.soak.certificates import Authority
from bunraku.bench.soak.life import Soak
from bunraku.bench.soak.report import Found, data, page
from bunraku.bench.soak.trials import Trials

__all__ = ["Found", "soak"]

SAMPLES = 400


def soak(minutes: float, seed: int, out: Path, watchers: int = 512) -> Found:
    """Run, and write ``out`` (HTML) and JSON beside it.

    ``watchers``: how many come and go in crowds, beside those of the random life.
    """
    found = asyncio.run(_live(minutes, seed, watchers))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(found), "utf-8")
    out.with_suffix(".json").write_text(json.dumps(data(found), indent=1) + "\n")
    return found


def _postgresql(stack: ExitStack) -> Postgresql | None:
    with contextlib.suppress(NoServer):
        return stack.enter_context(throwaway())
    return None


async def _live(minutes: float, seed: int, watchers: int) -> Found:
    discard_video()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bunraku-soak-")))
        authority = Authority(folder)
        authority.issue()
        database = _postgresql(stack)
        hook = stack.enter_context(CallbackReceiver())
        port, secret, pid = stack.enter_context(
            serving(
                folder,
                f'database_url = "{database.url}"' if database else "",
                *("--tls-cert", str(authority.chain), "--tls-key", str(authority.key)),
                app=f'callback_url = "{hook.url}"\n',
                trust=authority.context,
            )
        )
        bench = Bench(port, secret, pid, trust=authority.context)
        async with bench.api:
            humans = await bench.api.call("GetDigitalHumanList")
            bench.human = humans["DigitalHumans"][0]["DigitalHumanId"]
            seconds = minutes * 60
            life = Soak(bench, seed)
            trials = Trials(bench, hook, database, authority, seconds)
            jobs = [asyncio.create_task(job) for job in trials.all(watchers)]
            try:
                await life.run(seconds, max(1.0, seconds / SAMPLES), jobs)
            finally:
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)
            lost = await missing(life.told, hook, trials.shut, deadline=90.0)
            repeated = sum(hook.heard.values()) - len(hook.heard)
    return Found(life.samples, life.acts, trials.told, lost, repeated)
