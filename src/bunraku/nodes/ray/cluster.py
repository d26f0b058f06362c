"""Ray itself: started here or joined, its knobs set on purpose, and the actors that are nodes."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunraku.core.clock import patience
from bunraku.core.settings import Settings
from bunraku.core.starting import CannotStart
from bunraku.nodes.ray import NAMESPACE

if TYPE_CHECKING:
    from bunraku.node.speech.base import SpeechProvider

log = logging.getLogger(__name__)

STORE_BYTES = 80 * 1024 * 1024  # the least that Ray takes: no media goes through its object store
CONCURRENCY = 10_000  # questions at once: each room member and each drive socket has one waiting
START_TIMEOUT = 60.0
APPLY_TIMEOUT = 10.0  # s
RAYS_HANDLER = "ray_print_logs"
AGAIN = 0.25  # s until a thread of Ray's asks a head that is away again


def ray_module() -> Any:
    """Raises ``CannotStart`` when the extra is not installed."""
    try:
        import ray
    except ImportError:
        raise CannotStart("nodes need Ray: pip install bunraku[cluster]") from None
    return ray


@dataclass(frozen=True, slots=True)
class Joined:
    """This process is a driver of a Ray cluster."""

    ray: Any
    own: bool
    """Started here, and ended with this process."""

    def leave(self) -> None:
        self.ray.shutdown()


def _stay_on_loopback(ray: Any) -> None:
    """Ray puts an address that others reach in the place of 127.0.0.1, and then listens at every one,
    except where it supports no clusters: so it is told that it supports none."""
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # for its processes
    # For this one, which may have read it.
    ray._private.ray_constants.ENABLE_RAY_CLUSTER = False  # noqa: SLF001 - Ray's


def _whole_lines(ray: Any) -> None:
    """What nodes log comes out here as they wrote it: Ray would put words of its own before each line, and
    leave out lines that look alike."""
    dispatcher = ray._private.ray_logging.global_worker_stdstream_dispatcher  # noqa: SLF001 - Ray's
    dispatcher.remove_handler(RAYS_HANDLER)
    dispatcher.add_handler(RAYS_HANDLER, _pass_on)  # by that name Ray takes it away when it ends


def _pass_on(batch: dict[str, Any]) -> None:
    if batch["pid"] != "autoscaler":  # Ray's own, which has nothing to scale here
        sys.stderr.write("".join(f"{line}\n" for line in batch["lines"]))
        sys.stderr.flush()


def _ask_in_time(ray: Any) -> None:
    """Two threads of each driver ask Ray's head for errors and for what was logged. While it is away they
    are answered at once, with nothing, and ask again without a pause, a third of a core each: here they
    pause."""
    for name in ("GcsErrorSubscriber", "GcsLogSubscriber"):
        subscriber: Any = getattr(ray._raylet, name)  # noqa: SLF001 - Ray's
        if not hasattr(subscriber, "pause"):
            setattr(ray._raylet, name, _pausing(subscriber))  # noqa: SLF001 - Ray's


def _pausing(subscriber: Any) -> Any:
    class Pausing(subscriber):
        def pause(self) -> None:
            time.sleep(AGAIN)

        def poll(self, *timeout: Any, **named: Any) -> Any:
            heard = super().poll(*timeout, **named)
            message = heard[1] if isinstance(heard, tuple) else heard and heard["lines"]
            if not message:
                self.pause()
            return heard

    return Pausing


def _is_on_loopback(ray: Any, address: str) -> bool:
    """Whether that is a Ray of ``start``."""
    if address == "auto":
        found = ray._private.services.find_gcs_addresses()  # noqa: SLF001 - Ray's
        address = os.environ.get("RAY_ADDRESS") or next(iter(found), "")
    return address.startswith("127.")


def start() -> Joined:
    """A Ray for this machine alone, on loopback, that ends with this process."""
    ray = ray_module()
    _stay_on_loopback(ray)
    _ask_in_time(ray)
    ray.init(
        address="local",
        namespace=NAMESPACE,
        num_cpus=os.cpu_count(),
        object_store_memory=STORE_BYTES,
        include_dashboard=False,
        log_to_driver=True,
        configure_logging=False,
        _node_ip_address="127.0.0.1",
    )
    _whole_lines(ray)
    return Joined(ray, own=True)


def join(address: str) -> Joined:
    """The cluster whose head is at ``address`` (HOST:PORT, or ``auto`` for the one this machine is in).

    This machine joins it by ``ray start`` unless it is part of it already, whatever others it is part of.
    Raises ``CannotStart``.
    """
    ray = ray_module()
    _ask_in_time(ray)
    if _is_on_loopback(ray, address):
        _stay_on_loopback(ray)
    options = {"namespace": NAMESPACE, "log_to_driver": True, "configure_logging": False}
    address = address if address == "auto" else _numeric(address)
    if address == "auto" or address in ray._private.services.find_gcs_addresses():  # noqa: SLF001 - Ray's
        try:
            ray.init(address=address, **options)
            _whole_lines(ray)
            return Joined(ray, own=False)
        except (ConnectionError, RuntimeError):  # the second: of this computer, but not of this machine's Ray
            if address == "auto":
                raise CannotStart("no Ray runs on this machine: name its head with --join") from None
    command = [str(Path(sys.executable).parent / "ray"), "start", f"--address={address}"]
    command += [f"--object-store-memory={STORE_BYTES}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise CannotStart(f"ray start: {' '.join(last)}")
    try:
        ray.init(address=address, **options)
    except ConnectionError as error:
        raise CannotStart(f"Ray at {address} cannot be reached: {error}") from None
    _whole_lines(ray)
    return Joined(ray, own=False)


def _numeric(address: str) -> str:
    """As Ray tells its own. Raises ``CannotStart``."""
    host, _, port = address.rpartition(":")
    try:
        return f"{socket.gethostbyname(host)}:{int(port)}"
    except (OSError, ValueError):
        raise CannotStart(f"--join {address}: HOST:PORT of Ray's head, or auto") from None


def new_id() -> str:
    """Of a node: short, of [a-z0-9-], and nobody's before."""
    host = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-")[:16] or "node"
    return f"{host}-{secrets.token_hex(3)}"


def add(
    cluster: Joined,
    settings: Settings,
    index: int,
    log_level: str,
    *,
    machine: str | None = None,
    providers: Sequence[SpeechProvider] | None = None,
) -> str:
    """Start a node, the ``index``-th of this machine or of another one of Ray's (by Ray's id of it);
    returns its id. It outlives this process unless the cluster is its own. ``providers`` replaces the
    installed voices, for tests."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from bunraku.nodes.ray.actor import NodeActor

    node_id = new_id()
    if settings.rtc.port:  # each node has a port of its own
        rtc = settings.rtc.model_copy(update={"port": settings.rtc.port + index})
        settings = settings.model_copy(update={"rtc": rtc})
    here = str(machine or cluster.ray.get_runtime_context().get_node_id())
    cluster.ray.remote(NodeActor).options(
        name=node_id,
        namespace=NAMESPACE,
        lifetime="detached",
        max_restarts=-1,
        num_cpus=0,  # placement is ours (decision D14)
        max_concurrency=CONCURRENCY,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=here, soft=False),
    ).remote(node_id, settings, log_level, providers)
    return node_id


async def started(cluster: Joined, node_ids: list[str]) -> None:
    """Until these nodes live. Raises ``CannotStart``."""
    handles = [cluster.ray.get_actor(i, namespace=NAMESPACE) for i in node_ids]
    try:
        async with patience(START_TIMEOUT):
            await asyncio.gather(*(h.started.remote() for h in handles))
    except TimeoutError:
        raise CannotStart("nodes did not start: see their log above") from None


async def apply(cluster: Joined, node_ids: Sequence[str], settings: Settings) -> None:
    """Tell these nodes what stands now. One that cannot be told has a life that is over; it begins the
    next with what it was told before."""
    handles = [cluster.ray.get_actor(i, namespace=NAMESPACE) for i in node_ids]
    async with patience(APPLY_TIMEOUT):
        told = await asyncio.gather(*(h.apply.remote(settings) for h in handles), return_exceptions=True)
    for node_id, end in zip(node_ids, told, strict=True):
        if isinstance(end, BaseException):
            log.error("node %s was not told of its new settings (%s)", node_id, type(end).__name__)


async def drain(cluster: Joined, node_id: str, deadline: float, *, restart: bool = False) -> None:
    """Empty a node, end its life in order, and take its actor away or begin another life with it.

    Raises ``KeyError`` when there is none of that id.
    """
    try:
        handle = cluster.ray.get_actor(node_id, namespace=NAMESPACE)
    except ValueError:
        raise KeyError(node_id) from None
    await handle.drain.remote(deadline)
    await handle.close.remote(last=not restart)
    cluster.ray.kill(handle, no_restart=not restart)
