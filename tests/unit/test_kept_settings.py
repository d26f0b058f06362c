"""What a reload told a node is what its next life begins with."""

from __future__ import annotations

import stat

from bunraku.core.settings import AppSettings, Settings
from bunraku.nodes.ray.kept import ABANDONED, KeptSettings
from bunraku.testing.clock import VirtualClock

APP = {"app_id": 7, "server_secret": "s" * 32, "callback_url": "http://127.0.0.1:1/hook"}


def kept(folder, name, clock=None):
    return KeptSettings(folder, name, clock or VirtualClock())


def settings(folder, **changes):
    return Settings(data_dir=folder, apps=(AppSettings(**APP),), **changes)


def test_the_next_life_begins_with_what_the_last_was_told(tmp_path):
    first = settings(tmp_path, limits={"tasks": 3})
    one = kept(tmp_path, "a-1")
    assert one.of(first) is first
    told = settings(tmp_path, limits={"tasks": 9}, callbacks={"timestamp_seconds": True})
    told = told.model_copy(update={"apps": (AppSettings(**{**APP, "callback_secret": "new"}),)})
    one.keep(told)
    again = kept(tmp_path, "a-1").of(first)
    assert (again.limits, again.callbacks, again.apps) == (told.limits, told.callbacks, told.apps)
    assert again.apps[0].callback_secret == "new"
    assert kept(tmp_path, "a-2").of(first) is first, "another's"
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "nodes", tmp_path / "nodes" / "a-1.json")]
    assert modes == [0o700, 0o600]


def test_what_cannot_be_read_is_said_without_its_secrets(tmp_path, caplog):
    first = settings(tmp_path)
    kept(tmp_path, "a-1").keep(first)
    path = tmp_path / "nodes" / "a-1.json"
    for broken in ("{", "[]", path.read_text().replace('"app_id": 7', '"app_id": "seven"')):
        path.write_text(broken)
        caplog.clear()
        assert kept(tmp_path, "a-1").of(first) is first
        assert "what the last reload said is lost" in caplog.text
        assert "s" * 32 not in caplog.text


def test_nothing_is_left_of_who_ended_and_of_who_was_abandoned(tmp_path):
    first = settings(tmp_path)
    ended, lives, abandoned = (kept(tmp_path, name) for name in ("ended", "lives", "abandoned"))
    for one in (ended, lives):
        one.keep(first)
    ended.forget()
    abandoned.keep(first)
    del abandoned  # its process is gone, and with it what it held
    files = (tmp_path / "nodes").glob("*.json")
    then = VirtualClock(max(path.stat().st_mtime for path in files) + ABANDONED + 1)
    kept(tmp_path, "new", then).of(first)
    assert sorted(p.name for p in (tmp_path / "nodes").iterdir()) == ["lives.json", "lives.lock", "new.lock"]
