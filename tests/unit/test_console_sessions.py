"""Sessions of the console: sealed, dated, and good on every front."""

import asyncio

import pytest

from bunraku.front.web.sessions import SECONDS, ConsoleSessions
from bunraku.store.database import Database
from bunraku.store.keys import Keys
from bunraku.testing.clock import VirtualClock

KEY = bytes(range(32))


def sessions(clock, password="open sesame", key=KEY):
    made = ConsoleSessions(clock, password)
    made.open(key)
    return made


def test_a_session_of_one_front_is_good_on_another_until_it_expires():
    clock = VirtualClock()
    one, two = sessions(clock), sessions(clock)
    token = one.begin()
    assert one.good(token)
    assert two.good(token)
    clock.jump(SECONDS - 1)
    assert two.good(token)
    clock.jump(2)
    assert not two.good(token)


def test_a_session_is_not_good_under_another_password_or_key():
    clock = VirtualClock()
    token = sessions(clock).begin()
    assert not sessions(clock, password="another").good(token)
    assert not sessions(clock, key=KEY[::-1]).good(token)
    assert not ConsoleSessions(clock, "open sesame").good(token)  # it has no key yet


def test_what_was_touched_is_not_good():
    clock = VirtualClock()
    ours = sessions(clock)
    token = ours.begin()
    for i in (3, len(token) // 2, len(token) - 4):
        assert not ours.good(token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1 :])
    for nothing in ("", "x", "gAAAAA", "ü" * 40, token[:-8], "\ud800"):
        assert not ours.good(nothing)


async def test_a_key_is_made_once_whoever_asks_first(tmp_path):
    databases = [Database(f"sqlite+aiosqlite:///{tmp_path}/shared.db") for _ in range(2)]
    await databases[0].open()
    asked = [Keys(d).get("console") for d in databases for _ in range(5)]
    found = await asyncio.gather(*asked, Keys(databases[0]).get("other"))
    assert len(set(found[:-1])) == 1
    assert len(found[0]) == 32
    assert found[-1] != found[0]
    assert await Keys(databases[1]).get("console") == found[0]
    for database in databases:
        await database.close()


@pytest.mark.parametrize("password", ["ordinary", "halves \ud800"])
def test_passwords_of_any_kind(password):
    ours = sessions(VirtualClock(), password)
    assert ours.good(ours.begin())
