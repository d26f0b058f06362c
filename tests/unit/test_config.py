"""``bunraku config check``: the line of every mistake, and the word that was meant."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

from bunraku.cli import main
from bunraku.core.config import mistakes, places
from bunraku.core.settings import load

WRONG = '''# a server
host = "0.0.0.0"
prot = 8080
aliases = { "a.b" = "c" }

[[apps]]
app_id = 1
server_secret = "0123456789abcdef0123456789abcdef"

[[apps]]
app_id = 2
server_secret = """too
short = 3
"""
nmae = "x"

[rtc]
ice_servers = [
  "stun:127.0.0.1:3478",
  { url = "turn:127.0.0.1", usrname = "x" },
]
watcher_timeout = -1

[limits]
address_call_per_second = 1
drive_queue = "many"

[quite.another]
x = 1
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "bunraku.toml"
    path.write_text(WRONG)
    return path


def test_every_mistake_is_named_with_its_line_and_the_word_that_was_meant(file):
    told = [text.removeprefix(f"{file}:") for text in mistakes(file, {})]
    assert [t.split(" ", 2)[:2] for t in told] == [
        ["3:", "prot:"],
        ["12:", "apps.1.server_secret:"],
        ["15:", "apps.1.nmae:"],
        ["18:", "rtc.ice_servers.1.usrname:"],
        ["22:", "rtc.watcher_timeout:"],
        ["25:", "limits.address_call_per_second:"],
        ["26:", "limits.drive_queue:"],
        ["28:", "quite:"],
    ]
    assert told[0].endswith("no such setting; did you mean port?")
    assert told[2].endswith("did you mean apps.1.name?")
    assert told[3].endswith("did you mean rtc.ice_servers.1.username?")
    assert told[5].endswith("did you mean limits.address_calls_per_second?")
    assert "too" not in told[1]


def test_the_environment_is_checked_by_its_names(tmp_path, monkeypatch):
    monkeypatch.setenv("BUNRAKU_PROT", "1")
    monkeypatch.setenv("BUNRAKU_RTC__PROT", "1")
    monkeypatch.setenv("BUNRAKU_LIMITS__TASKS", "none")
    told = mistakes(None)
    assert "BUNRAKU_PROT: no such setting; did you mean BUNRAKU_PORT?" in told
    assert any(
        t.startswith("BUNRAKU_RTC__PROT: rtc.prot: no such setting; did you mean rtc.port?") for t in told
    )
    assert any(t.startswith("BUNRAKU_LIMITS__TASKS: limits.tasks: ") for t in told)


@pytest.mark.parametrize(
    "command", ["serve", "demo", "backup out", "doctor", "audit", "render --text x --out x.mp4"]
)
def test_a_name_in_the_environment_that_is_no_setting_starts_nothing(tmp_path, monkeypatch, command):
    monkeypatch.setenv("BUNRAKU_PROT", "1")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, command.split())
    assert done.exit_code == 1, done.output
    assert "BUNRAKU_PROT: no such setting; did you mean BUNRAKU_PORT?" in done.output
    assert "Traceback" not in done.output


def test_a_setting_in_the_wrong_place_and_what_is_not_toml(file):
    file.write_text("max_watchers = 3\n")
    assert mistakes(file, {}) == [f"{file}:1: max_watchers: no such setting; did you mean rtc.max_watchers?"]
    file.write_text("host = 'x'\nport = = 1\n")
    (told,) = mistakes(file, {})
    assert told.startswith(f"{file}:2: not TOML: ")


def test_the_command_says_all_of_it_and_ends_with_1(file, monkeypatch):
    for name in [name for name in os.environ if name.startswith("BUNRAKU_")]:
        monkeypatch.delenv(name)
    done = CliRunner().invoke(main, ["config", "check", str(file)])
    assert done.exit_code == 1
    assert done.output.count("\n") == 8
    done = CliRunner().invoke(main, ["serve", "--config", str(file)])
    assert f"{file}:3: prot: no such setting" in done.output
    assert done.exit_code == 1
    file.write_text('host = "127.0.0.1"\n')
    done = CliRunner().invoke(main, ["config", "check", str(file)])
    assert (done.exit_code, done.output) == (0, f"{file}: no mistakes\n")
    done = CliRunner().invoke(main, ["config", "check", str(file.parent / "none")])
    assert (done.exit_code, done.output.count("\n")) == (1, 1)


def test_places_of_nested_tables():
    text = '[a]\nb.c = 1\n"d e" = [ # [\n"[x]", """\n[no]\n""" ]\n[[a.l]]\nk = 1\n[[a.l]]\nk = "]"\n[a.l.m]\nn = 2\n'
    assert dict(places(text)) == {
        ("a",): 1,
        ("a", "b", "c"): 2,
        ("a", "d e"): 3,
        ("a", "l", 0): 7,
        ("a", "l", 0, "k"): 8,
        ("a", "l", 1): 9,
        ("a", "l", 1, "k"): 10,
        ("a", "l", 1, "m"): 11,
        ("a", "l", 1, "m", "n"): 12,
    }


def test_secrets_may_be_in_files_named_in_the_file_or_the_environment(tmp_path, monkeypatch):
    for name, content in (
        ("app", "a" * 32 + "\n"),
        ("console", "open sesame"),
        ("db", "sqlite+aiosqlite:///x"),
    ):
        (tmp_path / name).write_text(content)
    path = tmp_path / "bunraku.toml"
    path.write_text(f'[[apps]]\napp_id = 1\nserver_secret_file = "{tmp_path}/app"\n')
    monkeypatch.setenv("BUNRAKU_CONSOLE__PASSWORD_FILE", str(tmp_path / "console"))
    monkeypatch.setenv("BUNRAKU_DATABASE_URL_FILE", str(tmp_path / "db"))
    settings = load(path)
    assert settings.apps[0].server_secret == "a" * 32
    assert settings.console.password == "open sesame"
    assert settings.database_url == "sqlite+aiosqlite:///x"
    assert mistakes(path, {}) == []
    for text in (repr(settings), str(settings)):
        assert "sesame" not in text
        assert "aaaa" not in text


def test_what_is_wrong_with_a_file_of_a_secret_has_its_line_and_not_its_content(tmp_path):
    (tmp_path / "short").write_text("tooshort")
    path = tmp_path / "bunraku.toml"
    path.write_text(
        "[[apps]]\napp_id = 1\n"
        f'server_secret_file = "{tmp_path}/none"\n'
        f'[console]\npassword = "x"\npassword_file = "{tmp_path}/short"\n'
        f'name_file = "x"\n'
    )
    found = mistakes(path, {})
    assert found == [
        f"{path}:3: apps.0.server_secret_file: no such file or directory",
        f"{path}:6: console.password_file: password is given too",
    ]
    path.write_text(f'[[apps]]\napp_id = 1\nserver_secret_file = "{tmp_path}/short"\nname_file = "x"\n')
    found = mistakes(path, {})
    assert found[0].startswith(f"{path}:1: apps.0.server_secret: ")
    assert found[1].startswith(f"{path}:4: apps.0.name_file: no such setting")
    assert "tooshort" not in str(found)


def test_what_other_commands_read_from_the_environment_is_no_mistake():
    assert mistakes(None, {"BUNRAKU_URL": "x", "BUNRAKU_SERVER_SECRET": "x", "BUNRAKU_APP_ID": "1"}) == []
