"""The process that makes workers: ``python -m bunraku.node.workers.zygote FD``.

Strangers' bytes (bodies and headers of their servers, their audio files and pictures) are parsed
in workers: one process for each job, which may be killed at any moment and takes nothing with it.
A Python that has imported what jobs need is forked for each of them, in some milliseconds; the
pages are shared. It has one thread, so forking it is safe.

Over its control socket come messages of nine bytes, a letter and a little-endian uint64: ``S`` and
the number of a new job, with one end of a socket pair as ancillary data (SCM_RIGHTS); ``K`` and
the number of a job to kill. It says ``R`` once, when it is ready. When the control socket is closed
it kills what is left and ends.

A worker reads one block (``blocks``) from its socket: the job's ``kind``, its ``wall`` seconds or
null, and what that kind of job needs. What follows, in blocks, is between it and whoever asked; an
``error`` in a head is the last word before the end. It runs at lower priority, because the ticks of
streams come first, and the kernel ends it when its time is over.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from contextlib import suppress
from typing import Any

from bunraku.core.urls import FetchFailed
from bunraku.node.workers import blocks

MESSAGE = struct.Struct("<cQ")
READY, START, KILL = b"R", b"S", b"K"
NICENESS = 10
PR_SET_PDEATHSIG = 1  # prctl(2)

# Kinds of jobs, and the module whose ``run`` does them. Those that most servers need are imported
# before the first fork.
JOBS = {
    "audio": "bunraku.node.speech.audio_job",
    "post": "bunraku.node.callbacks.post_job",
    "picture": "bunraku.node.avatars.picture_job",
    "output": "bunraku.node.outputs.sink_job",
    "finish": "bunraku.node.outputs.finish_job",
    "person": "bunraku.node.people.job",
    "exchange": "bunraku.node.workers.exchange_job",
}
PRELOADED = ("audio", "post")


class Link:
    """A worker's end of the socket to whoever asked for the job. One thread at a time writes."""

    def __init__(self, end: socket.socket) -> None:
        self._socket, self._file = end, end.makefile("rb")

    def receive(self) -> blocks.Block | None:
        """Blocking; None when nobody listens any more."""
        return blocks.read(self._file)

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Blocking: whoever reads slowly slows the job down. Raises ``OSError``."""
        self._socket.sendall(blocks.pack(head, body))

    def end(self) -> None:
        self._socket.sendall(blocks.END)


def limit_memory(more: int) -> None:
    """From now on this process may map ``more`` bytes and not one beyond."""
    with suppress(OSError):  # no /proc: no limit to count from
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
        most = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def limit_cpu(seconds: float) -> None:
    """This process is killed when it has used so much more CPU time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))


def work(end: socket.socket) -> None:
    """What a worker does. Never raises."""
    link = Link(end)
    try:
        asked = link.receive()
        if asked is None:
            return
        request, _ = asked
        if request["wall"] is not None:
            signal.setitimer(signal.ITIMER_REAL, request["wall"])  # SIGALRM kills
        run = importlib.import_module(JOBS[request["kind"]]).run
        try:
            run(request, link)
        except FetchFailed as error:
            link.send({"error": str(error)})
        except MemoryError:
            link.send({"error": "takes too much memory"})
        except Exception as error:  # whatever it is, it ends this job and says so
            link.send({"error": f"failed ({type(error).__name__})"})
        link.end()
    except (OSError, MemoryError):
        return  # nobody listens, or nothing can be said


def _become_worker(control: socket.socket, end: int) -> None:
    """In the forked process; does not return."""
    try:
        control.close()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError, AttributeError):  # Linux: dies with the zygote
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError):
            os.nice(NICENESS)
        work(socket.socket(fileno=end))
    finally:
        os._exit(0)


def _serve(control: socket.socket) -> None:
    workers: dict[int, int] = {}  # job to pid; a pid is ours until it is waited for
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        control.sendall(READY)
    except BrokenPipeError:
        return  # the server was stopped while it started
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            with suppress(BlockingIOError):
                os.read(woken, 4096)
            for job, pid in list(workers.items()):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    del workers[job]
        if control not in ready:
            continue
        try:
            data, passed, _, _ = socket.recv_fds(control, MESSAGE.size, 1)
        except ConnectionResetError:
            break  # stopped before it had read that we are ready
        if len(data) < MESSAGE.size:
            break
        letter, job = MESSAGE.unpack(data)
        if letter == START:
            pid = os.fork()
            if pid == 0:
                _become_worker(control, passed[0])
            workers[job] = pid
        elif job in workers:
            os.kill(workers[job], signal.SIGKILL)
        for fd in passed:
            os.close(fd)
    for pid in workers.values():
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    for kind in PRELOADED:
        importlib.import_module(JOBS[kind])
    json.dumps({})
    gc.collect()
    gc.freeze()  # a collection in a worker would copy every page it looks at
    _serve(control)


if __name__ == "__main__":
    main()
