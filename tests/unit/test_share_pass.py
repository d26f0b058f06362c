"""What a pass opens, for how long, and what is no pass."""

import pytest

from bunraku.core.apps import App, Apps
from bunraku.core.token import verify
from bunraku.front.web.share_pass import MAX_SECONDS, PassExpired, PassRefused, SharePasses
from bunraku.testing.clock import VirtualClock

OURS = App(id=1, server_secret="s" * 32, callback_secret="c" * 32)
THEIRS = App(id=2, server_secret="t" * 32, callback_secret="c" * 32)


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def passes(clock):
    return SharePasses(Apps([OURS, THEIRS]), clock)


def test_each_visit_is_a_viewer_of_its_own_who_may_not_publish(passes, clock):
    made = passes.make(OURS, "räume/1", "host", 3600)
    first, second = passes.admit(made), passes.admit(made)
    assert first["user"] != second["user"]
    assert (first["app"], first["room"], first["stream"]) == (1, "räume/1", "host")
    token = verify(str(first["token"]), OURS.id, OURS.server_secret, clock.wall(), str(first["user"]))
    assert (token.room_id, token.may_login, token.may_publish) == ("räume/1", True, False)
    assert token.expire == int(clock.wall()) + 3600


async def test_it_ends_at_its_time(passes, clock):
    made = passes.make(OURS, "r", "s", 60)
    await clock.advance(59)
    passes.admit(made)
    await clock.advance(1)
    with pytest.raises(PassExpired):
        passes.admit(made)


def test_a_change_anywhere_is_refused(passes):
    made = passes.make(OURS, "r", "s", 60)
    body, seal = made.split(".")
    other = passes.make(OURS, "r", "t", 60).split(".")[0]
    theirs = passes.make(THEIRS, "r", "s", 60).split(".")[1]
    for bad in (
        "",
        ".",
        "a",
        body,
        f"{body}.",
        f"{other}.{seal}",
        f"{body}.{theirs}",
        f"{made}.x",
        "é.é",
        "W10.W10",
    ):
        with pytest.raises(PassRefused):
            passes.admit(bad)


def test_another_secret_ends_it(passes, clock):
    made = passes.make(OURS, "r", "s", 60)
    turned = App(id=1, server_secret="n" * 32, callback_secret="c" * 32)
    with pytest.raises(PassRefused):
        SharePasses(Apps([turned]), clock).admit(made)


@pytest.mark.parametrize(
    ("room", "stream", "seconds"), [("", "s", 1), ("r", "\n", 1), ("r", "s", 0), ("r", "s", MAX_SECONDS + 1)]
)
def test_what_names_nothing_gets_no_pass(passes, room, stream, seconds):
    with pytest.raises(ValueError, match=r"no such|seconds"):
        passes.make(OURS, room, stream, seconds)
