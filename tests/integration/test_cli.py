"""The command line against a real server; ``bunraku check`` against ours and against a liar."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from click.testing import CliRunner

from bunraku.cli import main
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices


@pytest.fixture(scope="module")
def limited():
    """With the contract's own rate limit on."""
    limits = {"calls_per_second": 10}
    with RunningServer(providers=[ToneVoices(word_seconds=0.2)], limits=limits) as s:
        yield s


def run(url, *arguments):
    options = ["--base-url", url, "--app-id", str(APP_ID), "--secret", SECRET]
    return CliRunner().invoke(main, [arguments[0], *options, *arguments[1:]])


def test_create_say_list_interrupt_stop(limited):
    url = limited.base_url
    made = run(url, "create", "Anna", "--room", "r", "--stream", "cli", "--size", "128x128")
    assert made.exit_code == 0, made.output
    task = made.output.strip()
    assert run(url, "say", task, "hello there", "--voice", "tone-a").exit_code == 0
    assert task in run(url, "tasks").output
    assert run(url, "interrupt", task).exit_code == 0
    assert run(url, "stop", "--all").exit_code == 0
    assert run(url, "tasks").output == ""
    refused = run(url, "stop", task)
    assert refused.exit_code == 1
    assert "400000007" in refused.output
    assert "Traceback" not in refused.output


def test_our_server_passes_the_check(limited):
    done = run(limited.base_url, "check")
    assert done.exit_code == 0, done.output
    assert done.output.count("ok  ") >= 13


def test_a_server_that_lies_does_not_pass():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"Code": 0, "Message": "success", "Data": null}')

        do_GET = do_POST

        def log_message(self, *_):
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    done = run(f"http://127.0.0.1:{server.server_port}", "check")
    server.shutdown()
    assert done.exit_code == 1
    assert "ok  " not in done.output


def test_no_server_is_one_line():
    done = run("http://127.0.0.1:9", "tasks")
    assert done.exit_code == 1
    assert "Traceback" not in done.output
