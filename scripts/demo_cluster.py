"""``make demo-cluster``: two nodes on this machine, a PostgreSQL that is thrown away, and the console.

PostgreSQL refuses to run as root, and the path of its socket has to be short: its folder is a new one
where temporary files go, and is deleted at the end. What the server keeps is in build/demo-cluster.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from bunraku.demo import demo_app

ROOT = Path(__file__).parents[1]
HOME = ROOT / "build" / "demo-cluster"
START = 90.0  # s
PATIENCE = 40.0  # s for streams to be stopped and callbacks to be sent


def missing() -> str | None:
    """What has to be installed first."""
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("asyncpg") is None:
        return f"Ray is missing: {sys.executable} -m pip install 'bunraku[cluster]'"
    if binaries() is None:
        return "PostgreSQL's server is missing; Debian has it: apt-get install postgresql"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "setpriv is missing; Debian has it: apt-get install util-linux"
    return None


def binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[4]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a database that exists within the context; reached by a socket of this user alone."""
    where = binaries()
    assert where is not None
    folder = Path(tempfile.mkdtemp(prefix="bunraku-"))
    before: list[str] = []
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        before = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    if shutil.which("setpriv"):
        before = [*(before or ["setpriv"]), "--pdeathsig=INT"]  # it does not outlive this process
    data = str(folder / "data")
    make = [*before, where / "initdb", "-D", data, "-U", "bunraku", "-A", "trust", "--no-sync"]
    try:
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        options = {"listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*before, where / "postgres", "-D", data, *settings],
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the server that uses it
            )
        try:
            deadline = time.monotonic() + 30
            while not (folder / ".s.PGSQL.5432").exists():
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")
                time.sleep(0.05)
            yield f"postgresql+asyncpg://bunraku@/postgres?host={folder}"
        finally:
            if server.poll() is None:
                server.send_signal(signal.SIGINT)  # "fast": connections are ended
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def configuration(url: str, port: int) -> Path:
    """A bunraku.toml for this user alone: it holds the demo's secret."""
    app = demo_app(HOME)
    path = HOME / "bunraku.toml"
    path.unlink(missing_ok=True)
    values = {"port": port, "data_dir": str(HOME), "database_url": url}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    lines += ["[[apps]]", f"app_id = {app.app_id}", 'name = "Demo"', f'server_secret = "{app.server_secret}"']
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    return path


def nodes_of(server: subprocess.Popen[bytes]) -> list[int]:
    """Process ids of the nodes that this server started."""
    found = psutil.Process(server.pid).children(recursive=True)
    return [p.pid for p in found if " ".join(p.cmdline()).startswith("ray::NodeActor")]


def told(server: subprocess.Popen[bytes], base: str, count: int) -> None:
    """Wait until the nodes are there, and say what can be done now."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{base}/readyz").status_code == 200 and len(nodes_of(server)) == count:
                break
        except (httpx.HTTPError, psutil.Error):
            pass
        time.sleep(0.2)
    else:
        return
    pids = ", ".join(map(str, nodes_of(server)))
    print(f"\n  Bunraku is at {base}/ with {count} nodes, process {pids}.")
    print("  Bring a few people to life, then end a node and watch the console:")
    print(f"\n    kill -9 {nodes_of(server)[0]}\n")
    print(f"  AppId and ServerSecret are in {HOME / 'demo.json'}. Ctrl-C ends everything.\n", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--nodes", type=int, default=2)
    options = parser.parse_args()
    if (what := missing()) is not None:
        print(what, file=sys.stderr)
        return 1
    with postgresql() as url:
        path = configuration(url, options.port)
        command = [sys.executable, "-m", "bunraku", "serve", "--config", str(path)]
        server = subprocess.Popen([*command, "--nodes", str(options.nodes)], start_new_session=True)

        def end(*_: object) -> None:
            server.send_signal(signal.SIGTERM)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, end)
        told(server, f"http://127.0.0.1:{options.port}", options.nodes)
        server.wait()
        return server.returncode


if __name__ == "__main__":
    sys.exit(main())
