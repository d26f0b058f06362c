"""State machines: every transition of the drawings, and no other (contract section 6)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.states import IllegalTransition
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.node.performance.drive_queue import DriveQueue, Mode, QueueFull

T, D = TaskStatus, DriveStatus
TASK = {(T.INITIALIZING, T.STREAMING), (T.INITIALIZING, T.FAILED), (T.INITIALIZING, T.STOPPING)} | {
    (T.STREAMING, T.STOPPING),
    (T.STOPPING, T.STOPPED),
}
DRIVE = {
    (D.QUEUED, D.DRIVING),
    (D.QUEUED, D.FAILED),
    (D.QUEUED, D.INTERRUPTED),
    (D.QUEUED, D.ENDED),
    (D.DRIVING, D.ENDED),
    (D.DRIVING, D.INTERRUPTED),
    (D.DRIVING, D.FAILED),
}
AGAIN = {(a, b) for a in (D.ENDED, D.INTERRUPTED, D.FAILED) for b in D if b is not D.QUEUED}


@pytest.mark.parametrize(("a", "b"), list(itertools.product(T, T)))
def test_stream_task_transitions(a, b):
    task = StreamTask("t", 1, "h", "r", "s", 0.0, status=a)
    if (a, b) in TASK:
        assert task.evolve(b).status is b
    else:
        with pytest.raises(IllegalTransition):
            task.evolve(b)


@pytest.mark.parametrize(("kind", "a", "b"), list(itertools.product(DriveKind, D, D)))
def test_drive_transitions(kind, a, b):
    drive = Drive("d", "t", kind, 0, a)
    legal = DRIVE | (AGAIN if kind is DriveKind.WS_STREAM else set())
    if (a, b) in legal:
        assert drive.evolve(b).status is b
    else:
        with pytest.raises(IllegalTransition):
            drive.evolve(b)


def test_append_waits_and_interrupt_keeps_the_queue():
    q = DriveQueue(10)
    assert q.submit("a", Mode.APPEND) == []
    q.started()
    q.submit("b", Mode.APPEND)
    changes = q.submit("now", Mode.INTERRUPT)
    assert [(c.drive_id, c.status, c.spoke) for c in changes] == [("a", D.INTERRUPTED, True)]
    assert (q.current, q.waiting) == ("now", ("b",))


def test_replace_discards_the_queue_oldest_first():
    q = DriveQueue(10)
    for d in "abc":
        q.submit(d, Mode.APPEND)
    changes = q.submit("x", Mode.REPLACE)
    assert [(c.drive_id, c.spoke) for c in changes] == [("a", False), ("b", False), ("c", False)]
    assert (q.current, q.waiting) == ("x", ())


def test_capacity_refuses_and_changes_nothing():
    q = DriveQueue(1)
    q.submit("a", Mode.APPEND)
    q.submit("b", Mode.APPEND)
    with pytest.raises(QueueFull):
        q.submit("c", Mode.APPEND)
    assert (q.current, q.waiting) == ("a", ("b",))


@given(st.lists(st.sampled_from(["append", "interrupt", "replace", "start", "end", "fail", "clear"])))
def test_every_drive_reaches_exactly_one_end(commands):
    """Nothing is lost and nothing ends twice, whatever the order of events."""
    q = DriveQueue(1000)
    accepted: list[str] = []
    ended: list[str] = []
    for i, command in enumerate(commands):
        if command in ("append", "interrupt", "replace"):
            accepted.append(str(i))
            ended += [c.drive_id for c in q.submit(str(i), Mode(command))]
        elif command == "clear":
            ended += [c.drive_id for c in q.clear()]
        elif q.current is not None:
            if command == "start" and not q.speaking:
                q.started()
            elif command in ("end", "fail"):
                ended.append(q.finished(failed=command == "fail").drive_id)
        assert (q.current is None) <= (not q.waiting), "someone waits while the stage is empty"
    ended += [c.drive_id for c in q.clear()]
    assert sorted(ended) == sorted(accepted)
    assert q.idle
