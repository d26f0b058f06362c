"""Who carries callbacks to their receivers: a worker for each app that has any to send.

An app's receiver may answer what it likes, as slowly as it likes: it is parsed in that app's own
process (``post_job``), and neither streams nor other apps' callbacks wait for it.
"""

from __future__ import annotations

import asyncio
import itertools

from bunraku.core.calls import apart
from bunraku.core.clock import patience
from bunraku.core.urls import FetchFailed
from bunraku.node.workers.pool import Job, JobFailed, JobSilent, Workers

IDLE = 10.0  # s beyond an attempt's limit without a word from a courier: it is idle, or lost
GRACE = 1.0  # s beyond an attempt's own limit until it has failed without a word


class Couriers:
    """One courier per app, while there is something to carry."""

    def __init__(self, workers: Workers, seconds: float) -> None:
        """``seconds``: what an attempt may take."""
        self._workers, self._seconds = workers, seconds
        self._couriers: dict[int, _Courier] = {}

    def change(self, seconds: float) -> None:
        """For attempts from now on."""
        self._seconds = seconds
        for courier in self._couriers.values():
            courier.seconds = seconds

    async def post(self, app_id: int, url: str, body: bytes, *, guarded: bool) -> int:
        """The status the receiver answered. ``guarded``: its address must be public.

        Raises ``FetchFailed``.
        """
        courier = self._couriers.get(app_id)
        if courier is None or courier.gone:
            courier = self._couriers[app_id] = _Courier(self._workers, self._seconds)
            courier.run.add_done_callback(lambda _: self._forget(app_id, courier))
        return await courier.post(url, body, guarded=guarded)

    def _forget(self, app_id: int, courier: _Courier) -> None:
        if self._couriers.get(app_id) is courier:
            del self._couriers[app_id]

    async def close(self) -> None:
        runs = [c.run for c in self._couriers.values()]
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)


class _Courier:
    def __init__(self, workers: Workers, seconds: float) -> None:
        self._workers, self.seconds = workers, seconds
        self._numbers = itertools.count()
        self._answers: dict[int, asyncio.Future[int]] = {}
        self._job: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self.gone = False
        self.run = asyncio.create_task(self._run(), name="courier", context=apart())

    async def post(self, url: str, body: bytes, *, guarded: bool) -> int:
        number = next(self._numbers)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            async with patience(self.seconds + GRACE):
                job = await asyncio.shield(self._job)
                job.send({"id": number, "url": url, "seconds": self.seconds, "guarded": guarded}, body)
                return await answer
        except TimeoutError:
            raise FetchFailed("no answer") from None
        except JobFailed as error:
            raise FetchFailed(str(error)) from error
        finally:
            self._answers.pop(number, None)

    async def _run(self) -> None:
        reason = "courier ended"
        try:
            async with self._workers.job("post", {}, None) as job:
                self._job.set_result(job)
                while True:
                    try:
                        block = await job.receive(self.seconds + IDLE)
                    except JobSilent:
                        break  # nothing to do, or, with attempts waiting that long, lost
                    if block is None:
                        break
                    self._answered(*block)
        except JobFailed as error:
            reason = str(error)
        finally:
            self.gone = True
            if not self._job.done():
                self._job.set_exception(JobFailed(reason))
                self._job.exception()  # looked at, whether or not anybody waits
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(FetchFailed(reason))

    def _answered(self, head: dict[str, object], _: bytes) -> None:
        number, status = head.get("id"), head.get("status")
        answer = self._answers.get(number) if isinstance(number, int) else None
        if answer is None or answer.done():
            return
        if isinstance(status, int):
            answer.set_result(status)
        else:
            answer.set_exception(FetchFailed(str(head.get("failed"))))
