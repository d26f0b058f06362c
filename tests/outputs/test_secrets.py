"""What a caller gives to reach a target is in nothing that leaves the server: no log at DEBUG, no answer, no
callback, no figure, no record, no file. And the operator's keys for S3 neither."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from bunraku.core import errors
from bunraku.testing.server import APP_ID

from ..support import nginx
from ..support.listening import Receiver
from ..support.process import Process
from ..support.rtmps import tls_front
from ..support.waiting import wait_for

MARK = "Zx7"
"""Begins everything that is secret here, and nothing else."""

PATH, QUERY, USER, PASSWORD, BEARER, KEY, TOKEN, LOCATION = (
    f"{MARK}-{part}" for part in ("path", "query", "user", "password", "bearer", "key", "token", "location")
)
S3_KEY, S3_SECRET = f"{MARK}access", f"{MARK}secret"
CONFIG = """
log_format = "json"
data_dir = "{folder}/data"
[[apps]]
app_id = {app_id}
server_secret = "9193cc662a4c0ec135ec71fb57194b38"
callback_url = "{callbacks}"
[limits]
calls_per_second = 0
[outputs]
private_targets = ["127.0.0.1", "localhost"]
patience = 3.0
s3_url = "s3://recordings/here"
s3_endpoint = "http://127.0.0.1:{away}"
s3_region = "us-east-1"
s3_access_key = "{access}"
s3_secret_key = "{secret}"
"""


@pytest.fixture
def strange() -> Iterator[str]:
    """A WHIP server that answers, by the last part of the path, all but what it should."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            seen.append(self.headers.get("Authorization", ""))
            kind = self.path.partition("?")[0].rpartition("/")[2]
            body = f"v=0 {PATH} {BEARER}".encode()  # some echo what they were asked
            self.send_response({"nonsense": 201, "elsewhere": 307}.get(kind, 403))
            if kind == "elsewhere":
                self.send_header("Location", f"http://10.0.0.1/{LOCATION}")
            if kind == "nonsense":
                self.send_header("Location", f"/{LOCATION}?{QUERY}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_DELETE = do_POST

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    assert f"Bearer {BEARER}" in seen, "what is searched for was there"


def refused(api, task: str, **output: str) -> str:
    with pytest.raises(errors.InvalidParams) as caught:
        api.call("AddStreamOutput", TaskId=task, Output=output)
    return str(caught.value)


@pytest.mark.skipif(not nginx.installed(), reason="needs Debian's libnginx-mod-rtmp")
def test_nothing_secret_is_shown_logged_or_kept(tmp_path, strange):
    receiver = Receiver()
    with nginx.rtmp_server() as rtmp, tls_front(rtmp, tmp_path) as rtmps, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = closed.getsockname()[1]
        server = Process(
            tmp_path,
            nginx.free_port(),
            options=["--log-level", "debug"],
            text=CONFIG.format(
                folder=tmp_path, app_id=APP_ID, callbacks=receiver.url, away=away, access=S3_KEY,
                secret=S3_SECRET,
            ),
        )  # fmt: skip
        told = []
        with server.api() as api, httpx.Client(base_url=server.base_url) as page:
            human = api.digital_humans()[0]["DigitalHumanId"]
            whip = f"http://{USER}:{PASSWORD}@{strange}/{PATH}"
            asked = [
                {"Protocol": "whip", "Url": f"{whip}/nonsense?q={QUERY}"},
                {"Protocol": "whip", "Url": f"{whip}/elsewhere?q={QUERY}"},
                {"Protocol": "whip", "Url": f"http://{strange}/{PATH}/no?q={QUERY}", "BearerToken": BEARER},
                {"Protocol": "whip", "Url": f"http://127.0.0.1:{away}/{PATH}", "BearerToken": BEARER},
                {"Protocol": "rtmp", "Url": f"{rtmp}/{KEY}?token={TOKEN}"},
                {"Protocol": "rtmp", "Url": f"{rtmps}/{KEY}?token={TOKEN}"},
                {"Protocol": "rtmp", "Url": f"rtmp://{strange}/live/{KEY}"},
                {"Protocol": "file", "Name": "film"},
            ]
            task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
            wait_for(lambda: api.status(task)["Status"] == 3)
            for output in asked:
                api.call("AddStreamOutput", TaskId=task, Output=output)
            told += [
                refused(api, task, Protocol="rtmp", Url=f"rtmp://{USER}:{PASSWORD}@localhost/a/{KEY}"),
                refused(api, task, Protocol="rtmp", Url=f"rtmp://10.1.1.1/{PATH}/{KEY}"),
                refused(api, task, Protocol="whip", Url=f"ftp://{USER}:{PASSWORD}@localhost/{PATH}?{QUERY}"),
                refused(api, task, Protocol="whip", Url=f"http://[{PATH}/{QUERY}"),
                refused(api, task, Protocol="whip", Url=f"http://localhost:{PASSWORD}/{PATH}"),
                refused(api, task, Protocol="whip", Url=f"http://localhost/{PATH}\n{QUERY}"),
                refused(api, task, Protocol="whip", Url="http://localhost", BearerToken=f"{BEARER} two"),
                refused(api, task, Protocol=PATH, Url=f"http://localhost/{PATH}"),
                refused(api, task, Protocol="file", Name=f"{KEY}/.."),
            ]
            body = {"appId": APP_ID, "params": {"TaskId": task, "Output": asked[2]}}
            told.append(page.post("/console/call/AddStreamOutput", json=body).text)

            def outputs() -> list[dict]:
                told.append(json.dumps(found := api.call("QueryStreamOutputs", TaskId=task)["Outputs"]))
                return found

            # Each has come to where its target brings it: the first publication works, no other does.
            wait_for(lambda: [o["Status"] for o in outputs()][4] == "ACTIVE", 20)
            wait_for(lambda: outputs()[7]["Bytes"] > 10_000, 20)  # a film that is worth keeping
            wait_for(
                lambda: all(o["Status"] in ("RETRYING", "FAILED") for i, o in enumerate(outputs()) if i < 7 and i != 4),
                20,
            )  # fmt: skip
            reasons = [o.get("FailReason") for o in outputs()]
            assert None not in reasons[:4] + reasons[5:7], reasons
            api.stop(task)
            said = [sys.executable, "-m", "bunraku", "audit", "--data-dir", str(tmp_path / "data")]
            audit = subprocess.Popen(said, stdout=subprocess.PIPE, text=True)
            wait_for(lambda: [o["Status"] for o in outputs()][7] == "FAILED", 30)  # the storage is away
            told += [page.get(path).text for path in ("/metrics", "/console/audit", "/readyz")]
            told.append(page.post("/console/call/QueryStreamOutputs",
                                  json={"appId": APP_ID, "params": {"TaskId": task}}).text)  # fmt: skip
        told.append(audit.communicate(timeout=20)[0])
        wait_for(lambda: any(e["EventType"] == 3 and e["Detail"]["Status"] == 5 for e in receiver.heard))
        server.end(signal.SIGTERM)
    receiver.close()
    assert any("AddStreamOutput" in text for text in told[-3:]), "the audit was read"
    told.append(json.dumps(receiver.heard))
    assert "FAILED" in told[-1]
    log = server.logged()
    assert '"level": "DEBUG"' in log, "the log is complete"
    assert "output retries" in log
    told.append(log)
    found = [text[max(0, at - 300) : at + 80] for text in told if (at := text.find(MARK)) >= 0]
    assert not found, found
    kept = [p for p in (tmp_path / "data").rglob("*") if p.is_file()]
    assert any(p.name == "bunraku.db" for p in kept)
    assert [p for p in kept if MARK.encode() in p.read_bytes()] == []
