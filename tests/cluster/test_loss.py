"""What is lost is ended truthfully and once, and what is not lost plays on (decision D10, decision D13).

One town for all of it: each test adds what it takes away.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time

import pytest

from bunraku.bench.system import cpu_seconds
from bunraku.core import errors
from bunraku.node.avatars.catalog import BUILT_IN

from ..support.people import ended, tarred, upload
from ..support.waiting import wait_for

NAMES = itertools.count()
TEXT = "one two three four five six seven eight nine ten " * 12


@pytest.fixture(scope="module")
def front(town):
    town.add_node()
    return town.add_front()


def bring(town, front, **place):
    """A task that streams, and the node that has it."""
    n = next(NAMES)
    human = front.digital_humans()[0]["DigitalHumanId"]
    names = {"room_id": f"room-{n}", "stream_id": f"stream-{n}"} | place
    task = front.create(human, size=(128, 128), **names)
    wait_for(lambda: front.status(task)["Status"] == 3, 30)
    return task, names["stream_id"], owner(town, task)


def owner(town, task):
    return ask(town, f"SELECT node_id FROM stream_tasks WHERE id = '{task}'")


def state(town, node_id):
    return ask(town, f"SELECT state FROM nodes WHERE id = '{node_id}'")


def ask(town, query):
    url = f"host={town.folder}/postgresql dbname=postgres user=bunraku"
    done = subprocess.run(["psql", "-At", url, "-c", query], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextlib.contextmanager
def telling(town, callbacks, task):
    """What the database knows, where what is waited for does not happen."""
    try:
        yield
    except AssertionError as error:
        queries = (
            "SELECT id, epoch, state, beat, extract(epoch FROM clock_timestamp()) - beat_at FROM nodes",
            f"SELECT node_id, epoch, status FROM stream_tasks WHERE id = '{task}'",
            f"SELECT node_id, event_type, detail, attempts FROM callbacks WHERE task_id = '{task}'",
            "SELECT pid, state, wait_event, now() - xact_start, left(query, 90) FROM pg_stat_activity",
        )
        known = "\n\n".join(ask(town, query) for query in queries)
        raise AssertionError(f"{events(callbacks, task)}\n{known}") from error


def bring_to(town, front, node_id, tries=40):
    """A task on this very node: rooms are tried until one is placed there."""
    for _ in range(tries):
        task, stream, there = bring(town, front)
        if there == node_id:
            return task, stream
        front.stop(task)
    raise AssertionError(f"nothing was placed on {node_id}")


def events(callbacks, task):
    """(EventType, Status) of a task's callbacks, by the time they happened."""
    mine = sorted((e for e in callbacks.heard if e["TaskId"] == task), key=lambda e: e["EventTime"])
    return [(e["EventType"], e["Detail"]["Status"]) for e in mine]


def timbre(front):
    return front.call("GetTimbreList")["Timbres"][0]["TimbreId"]


def test_what_a_lost_node_was_making_has_failed_and_is_told_once(town, front, callbacks):
    """Its owner dies in the midst; who ends its tasks ends that too."""
    answer = upload(front, tarred(BUILT_IN / "anna")).json()
    human = answer["Data"]["DigitalHumanId"]
    node_id = ask(town, f"SELECT node_id FROM people WHERE id = '{human}'")
    os.kill(town.pid(node_id), signal.SIGKILL)
    assert "stopped" in ended(front, human)["FailReason"]
    wait_for(lambda: human in told(callbacks), 20)
    time.sleep(1)  # a second one would come at once
    assert [h for h in told(callbacks) if h == human] == [human]
    with pytest.raises(errors.DigitalHumanBroken):
        front.create(human, room_id="failed", stream_id="failed")
    wait_for(lambda: town.pid(node_id), 60)
    front.delete_digital_human(human)


def told(callbacks):
    return [e["Detail"]["DigitalHumanId"] for e in callbacks.heard if e["EventType"] == 102]


def ended_truthfully(callbacks, task):
    """4 and 5 of the task came, once each, and the drive it was saying ended."""
    found = events(callbacks, task)
    assert found.count((3, 4)) == 1, found
    assert found.count((3, 5)) == 1, found
    assert found[-1] == (3, 5)
    assert found.count((4, 4)) == 1, found


def test_a_killed_node_costs_its_own_tasks_and_no_others(town, front, callbacks, watch):
    victim = town.add_node()
    lost, _ = bring_to(town, front, victim)
    kept, stream, home = bring(town, front)
    while home == victim:
        kept, stream, home = bring(town, front)
    ear = watch(front, stream)
    front.call("AddStreamOutput", TaskId=lost, Output={"Protocol": "file", "Name": "film"})
    wait_for(lambda: (101, "ACTIVE") in events(callbacks, lost), 20)
    wait_for(lambda: ear.heard > 50)
    front.speak(lost, TEXT, timbre_id=timbre(front))
    front.speak(kept, TEXT, timbre_id=timbre(front))
    wait_for(lambda: (4, 2) in events(callbacks, lost))
    pid, killed = town.pid(victim), time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: (3, 5) in events(callbacks, lost), 20)
    print(f"ended after {time.monotonic() - killed:.1f} s")
    wait_for(lambda: front.status(lost)["Status"] == 5)
    ended_truthfully(callbacks, lost)
    found = events(callbacks, lost)
    assert found.index((3, 4)) < found.index((101, "FAILED")) < found.index((3, 5)), found
    (film,) = front.call("QueryStreamOutputs", TaskId=lost)["Outputs"]
    assert (film["Status"], film["FailReason"]) == ("FAILED", "the node was lost")
    with pytest.raises(errors.StreamAlreadyStopped):
        front.stop(lost)
    assert ear.gap(killed) < 2.0, "the other node's stream stood still"
    assert front.status(kept)["Status"] == 3
    # The node comes back by itself, empty, and takes tasks again.
    wait_for(lambda: town.pid(victim) not in (0, pid), 60)
    again, _ = bring_to(town, front, victim)
    front.stop(again)
    front.stop(kept)
    ended_truthfully(callbacks, lost)


def test_a_node_that_was_only_stopped_is_no_ghost_afterwards(town, front, callbacks, watch):
    victim = town.add_node()
    lost, stream = bring_to(town, front, victim)
    ear = watch(front, stream)
    wait_for(lambda: ear.heard > 50)
    front.speak(lost, TEXT, timbre_id=timbre(front))
    wait_for(lambda: (4, 2) in events(callbacks, lost))
    pid = town.pid(victim)
    os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        with telling(town, callbacks, lost):
            wait_for(lambda: (3, 5) in events(callbacks, lost), 20)
        print(f"ended after {time.monotonic() - stopped:.1f} s")
        # Its name is free for a successor while the old one is not dead.
        successor, _, home = bring(town, front, room_id="successor", stream_id=stream)
        assert home != victim
        time.sleep(max(0.0, 10 - (time.monotonic() - stopped)))
        before = ear.heard
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: town.pid(victim) not in (0, pid), 60)  # it began anew
    assert ear.heard - before <= 2, "it spoke on as a ghost"
    ended_truthfully(callbacks, lost)
    assert front.status(successor)["Status"] == 3
    front.stop(successor)


def test_a_front_that_dies_takes_nothing_with_it(town, front, watch):
    other = town.add_front()
    task, stream, _ = bring(town, other)
    ear = watch(other, stream)
    wait_for(lambda: ear.heard > 50)
    process, _ = town.fronts.pop()
    killed = time.monotonic()
    process.kill()
    process.wait()
    drive = front.speak(task, "still here", timbre_id=timbre(front))
    wait_for(lambda: front.call("GetDriveStatus", DriveId=drive)["DriveList"][0]["Status"] == 4)
    assert ear.gap(killed) < 2.0
    front.stop(task)


def test_without_redis_calls_are_not_counted_and_go_on(town, front):
    task, _, _ = bring(town, front)
    town.redis.stop()
    try:
        assert front.status(task)["Status"] == 3
        front.stop(task)
    finally:
        town.redis.start()
    assert task not in [t["TaskId"] for t in front.running()]


def test_without_postgresql_streams_play_on_and_nobody_is_declared_lost(town, front, callbacks, watch):
    task, stream, _ = bring(town, front)
    ear = watch(front, stream)
    wait_for(lambda: ear.heard > 50)
    front.speak(task, TEXT, timbre_id=timbre(front))
    wait_for(lambda: (4, 2) in events(callbacks, task))
    town.postgresql.stop()
    away = time.monotonic()
    try:
        begin = time.monotonic()
        with pytest.raises(errors.ApiError):
            bring(town, front)
        assert time.monotonic() - begin < 6  # contract section 2.6
        time.sleep(6)  # longer than a node may stand still
    finally:
        town.postgresql.start()
    wait_for(lambda: _running(front, task), 20)
    time.sleep(4)  # and nobody is blamed for the time without it
    assert front.status(task)["Status"] == 3
    assert ear.gap(away) < 2.0
    front.stop(task)
    wait_for(lambda: (3, 5) in events(callbacks, task), 20)
    ended_truthfully(callbacks, task)


def _running(front, task):
    try:
        return task in [t["TaskId"] for t in front.running()]
    except errors.ApiError:
        return False


def test_a_whole_machine_is_lost(town, front, callbacks):
    machine = town.machines.add()
    victims = [town.add_node(machine) for _ in range(2)]
    lost = [bring_to(town, front, v)[0] for v in victims]
    for task in lost:
        front.speak(task, TEXT, timbre_id=timbre(front))
    wait_for(lambda: all((4, 2) in events(callbacks, t) for t in lost))
    gone = time.monotonic()
    town.machines.lose(machine)
    wait_for(lambda: all((3, 5) in events(callbacks, t) for t in lost), 30)
    print(f"ended after {time.monotonic() - gone:.1f} s")
    for task in lost:
        ended_truthfully(callbacks, task)
    assert bring(town, front)[2] not in victims


def test_a_drained_node_lets_its_streams_run_out_and_begins_anew(town, front, callbacks):
    """A rolling restart, one node of it."""
    leaving = town.add_node()
    kept, _ = bring_to(town, front, leaving)
    room = front.status(kept)["RoomId"]
    pid = town.pid(leaving)
    command = [sys.executable, "-m", "bunraku", "node", "drain", leaving, "--join", "auto", "--restart"]
    drain = subprocess.Popen([*command, "--deadline", "120"])
    wait_for(lambda: state(town, leaving) == "draining", 60)
    time.sleep(1)  # until the front has looked
    for _ in range(6):
        task, _, home = bring(town, front)
        assert home != leaving, "a new room came to a node that is draining"
        front.stop(task)
    # Its own rooms still take tasks: what is there shares its fate.
    beside, _, home = bring(town, front, room_id=room)
    assert home == leaving
    assert drain.poll() is None
    for task in (kept, beside):
        assert front.status(task)["Status"] == 3
        front.stop(task)
    assert drain.wait(60) == 0
    assert events(callbacks, kept)[-2:] == [(3, 4), (3, 5)]
    wait_for(lambda: town.pid(leaving) not in (0, pid), 60)
    again, _ = bring_to(town, front, leaving)
    front.stop(again)


def test_z_streams_survive_the_head(town, front, watch):
    """Last: nothing new can be placed on machines after it."""
    task, stream, _ = bring(town, front)
    ear = watch(front, stream)
    wait_for(lambda: ear.heard > 50)
    town.machines.lose_head()
    killed = time.monotonic()
    time.sleep(5)
    process, _ = town.fronts[-1]
    used, begin = cpu_seconds(process.pid), time.monotonic()
    time.sleep(3)
    used, wall = cpu_seconds(process.pid) - used, time.monotonic() - begin
    assert used < 0.3 * wall, "waiting for the head is no work"
    assert ear.gap(killed) < 2.0
    drive = front.speak(task, "still here", timbre_id=timbre(front))
    wait_for(lambda: front.call("GetDriveStatus", DriveId=drive)["DriveList"][0]["Status"] == 4)
    front.stop(task)
