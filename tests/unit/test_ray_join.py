"""Which Ray a process joins."""

import subprocess
from types import SimpleNamespace

import pytest

from bunraku.core.starting import CannotStart
from bunraku.nodes.ray import cluster


class Subscriber:
    """As Ray's: while the head is away it is answered at once, with nothing."""

    def __init__(self, message):
        self.message = message

    def poll(self, timeout=None):
        return self.message


@pytest.fixture
def machine(monkeypatch):
    """With Rays of other heads on it; what is started joins."""

    def init(address, **_):
        machine.tried.append(address)
        if address not in ("auto", *machine.mine):
            raise RuntimeError("cannot find this IP address among the existing nodes")

    def run(command, **_):
        machine.started.append(command[2])
        machine.mine.add(command[2].removeprefix("--address="))
        return SimpleNamespace(returncode=0)

    services = SimpleNamespace(find_gcs_addresses=lambda: machine.seen)
    constants = SimpleNamespace(ENABLE_RAY_CLUSTER=True)
    private = SimpleNamespace(services=services, ray_constants=constants)
    raylet = SimpleNamespace(GcsErrorSubscriber=Subscriber, GcsLogSubscriber=Subscriber)
    machine = SimpleNamespace(seen=set(), mine=set(), tried=[], started=[])
    ray = SimpleNamespace(init=init, _private=private, _raylet=raylet)
    monkeypatch.setattr(cluster, "ray_module", lambda: ray)
    monkeypatch.setattr(cluster, "_whole_lines", lambda ray: None)
    monkeypatch.setattr(subprocess, "run", run)
    return machine


def test_the_named_head_is_joined_and_not_another_that_is_here(machine):
    machine.seen = machine.mine = {"10.0.0.9:6379"}
    cluster.join("10.0.0.1:6379")
    assert machine.started == ["--address=10.0.0.1:6379"]
    assert machine.tried == ["10.0.0.1:6379"]


def test_a_machine_that_is_in_it_already_is_not_started_again(machine):
    machine.seen = {"10.0.0.1:6379", "10.0.0.9:6379"}
    machine.mine = {"10.0.0.1:6379"}
    cluster.join("10.0.0.1:6379")
    assert machine.started == []
    assert machine.tried == ["10.0.0.1:6379"]


def test_another_machine_of_this_computer_does_not_count(machine):
    machine.seen = {"10.0.0.1:6379"}
    cluster.join("10.0.0.1:6379")
    assert machine.started == ["--address=10.0.0.1:6379"]


@pytest.mark.parametrize("address", ["somewhere", "10.0.0.1", "10.0.0.1:port", "no.such.host.invalid:1"])
def test_what_is_no_address_is_said(machine, address):
    with pytest.raises(CannotStart, match="HOST:PORT"):
        cluster.join(address)


@pytest.mark.parametrize("nothing", [(None, None), None, {"pid": None, "lines": []}])
def test_a_head_that_is_away_is_asked_again_after_a_pause(machine, monkeypatch, nothing):
    pauses = []
    monkeypatch.setattr(cluster.time, "sleep", pauses.append)
    for _ in range(2):  # a process may join twice
        cluster.join("10.0.0.1:6379")
    ray = cluster.ray_module()
    for asked in (ray._raylet.GcsErrorSubscriber, ray._raylet.GcsLogSubscriber):  # noqa: SLF001 - Ray's
        pauses.clear()
        assert asked(nothing).poll() == nothing
        assert pauses == [cluster.AGAIN]
        for news in ((b"key", {"error_message": "oh"}), {"pid": 1, "lines": ["said"]}):
            assert asked(news).poll() == news
        assert pauses == [cluster.AGAIN]
