"""``make test-turn``: a watcher whose only way to the server's media is a TURN relay (coturn).

Three network namespaces: the server, the relay with a leg on each side that forwards nothing, and
the watcher. Media can pass only as TURN allocations; the HTTP of WHEP passes a TCP relay. Needs
root, ``coturn``, ``socat`` and ``iproute2``; says so loudly when it may not make namespaces.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVER, RELAY, WATCHER = "bunraku-srv", "bunraku-turn", "bunraku-cli"
SERVER_IP, RELAY_INNER, RELAY_OUTER, WATCHER_IP = "10.77.1.2", "10.77.1.3", "10.77.2.3", "10.77.2.2"
APP_ID, PORT = 4242, 8080


def sh(*command: str, check: bool = True) -> None:
    subprocess.run(command, check=check, capture_output=not check)


def make_networks() -> None:
    for name in (SERVER, RELAY, WATCHER):
        sh("ip", "netns", "add", name)
        sh("ip", "-n", name, "link", "set", "lo", "up")
    for left, left_ip, right, right_ip, tag in (
        (SERVER, SERVER_IP, RELAY, RELAY_INNER, "bka"),
        (WATCHER, WATCHER_IP, RELAY, RELAY_OUTER, "bkb"),
    ):
        sh("ip", "link", "add", f"{tag}0", "type", "veth", "peer", "name", f"{tag}1")
        for end, name, address in ((f"{tag}0", left, left_ip), (f"{tag}1", right, right_ip)):
            sh("ip", "link", "set", end, "netns", name)
            sh("ip", "-n", name, "addr", "add", f"{address}/24", "dev", end)
            sh("ip", "-n", name, "link", "set", end, "up")
    # The watcher believes it has a way everywhere; the relay forwards nothing.
    sh("ip", "-n", WATCHER, "route", "add", "default", "via", RELAY_OUTER)
    sh("ip", "netns", "exec", RELAY, "sysctl", "-qw", "net.ipv4.ip_forward=0")


def remove_networks() -> None:
    for name in (SERVER, RELAY, WATCHER):
        sh("ip", "netns", "del", name, check=False)


def inside(name: str, *command: str, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["ip", "netns", "exec", name, *command], **options)  # type: ignore[call-overload]


def server_config(folder: Path, secret: str) -> Path:
    path = folder / "turn.toml"
    path.write_text(
        f'[[apps]]\napp_id = {APP_ID}\nserver_secret = "{secret}"\n'
        f'[limits]\ncalls_per_second = 0\n[rtc]\nadvertise = ["{SERVER_IP}"]\nice_servers = ["turn:{RELAY_OUTER}:3478"]\n'
    )
    return path


async def watch(secret: str, password: str) -> None:
    """In the watcher's namespace: create a task, watch it through the relay, hear it speak."""
    from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

    from bunraku.bench.receiver import Receiver
    from bunraku.client import AsyncClient
    from bunraku.core.token import generate

    url = f"http://{RELAY_OUTER}:{PORT}"
    async with AsyncClient(url, APP_ID, secret) as api:
        humans = await api.call("GetDigitalHumanList")
        task = await api.create(
            humans["DigitalHumans"][0]["DigitalHumanId"], room_id="r", stream_id="s", size=(256, 256)
        )
        while (await api.call("GetDigitalHumanStreamTaskStatus", TaskId=task))["Status"] != 3:
            await asyncio.sleep(0.05)
        token = generate(APP_ID, "viewer", secret, time.time())
        direct = Receiver()
        await direct.play(f"{url}/whep/{APP_ID}/s", token)
        await asyncio.sleep(4)
        if direct.last_frame:
            raise SystemExit("the direct way is open: this proves nothing")
        await direct.close()
        relayed = Receiver()
        server = RTCIceServer(f"turn:{RELAY_OUTER}:3478", "bunraku", password)
        relayed._connection = RTCPeerConnection(RTCConfiguration(iceServers=[server]))  # noqa: SLF001 - aiortc's
        await relayed.play(f"{url}/whep/{APP_ID}/s", token)
        async with asyncio.timeout(20):
            while not relayed.last_frame:
                await asyncio.sleep(0.05)
            voice = (await api.call("GetTimbreList"))["Timbres"][0]["TimbreId"]
            await api.speak(task, "Through the relay.", timbre_id=voice)
            await relayed.voiced.wait()
        await relayed.close()
        await api.stop(task)
    print("test-turn: passed: no direct path; sound and pictures arrived through the relay")


def main() -> int:
    missing = [p for p in ("ip", "turnserver", "socat") if shutil.which(p) is None]
    if os.geteuid() != 0 or missing:
        print(
            f"test-turn: CANNOT RUN: needs root and {', '.join(missing) or 'nothing else'}", file=sys.stderr
        )
        return 2
    remove_networks()
    try:
        make_networks()
    except subprocess.CalledProcessError:
        remove_networks()
        print("test-turn: CANNOT RUN: network namespaces may not be made here", file=sys.stderr)
        return 2
    secret, password = secrets.token_hex(16), secrets.token_hex(8)
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="bunraku-turn-") as name:
        folder = Path(name)
        try:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            running.append(
                inside(
                    RELAY, "turnserver", "-n", "--log-file", "stdout", "--listening-ip", RELAY_OUTER,
                    "--relay-ip", RELAY_INNER, "--listening-port", "3478", "--lt-cred-mech",
                    "--user", f"bunraku:{password}", "--realm", "bunraku", "--no-tls", "--no-dtls", "--no-cli",
                    "--allow-loopback-peers", "--pidfile", str(folder / "turn.pid"), **quiet,
                )
            )  # fmt: skip
            running.append(
                inside(RELAY, "socat", f"TCP-LISTEN:{PORT},bind={RELAY_OUTER},fork,reuseaddr", f"TCP:{SERVER_IP}:{PORT}", **quiet)
            )  # fmt: skip
            config = server_config(folder, secret)
            running.append(
                inside(
                    SERVER, sys.executable, "-m", "bunraku", "serve", "--host", SERVER_IP, "--port", str(PORT),
                    "--config", str(config), "--data-dir", str(folder / "data"), "--log-level", "WARNING",
                )
            )  # fmt: skip
            probe = f"import socket; socket.create_connection(('{SERVER_IP}', {PORT}), 2)"
            for _ in range(100):
                if inside(SERVER, sys.executable, "-c", probe, **quiet).wait() == 0:
                    break
                time.sleep(0.2)
            return inside(WATCHER, sys.executable, __file__, "watch", secret, password).wait(120)
        finally:
            for process in running:
                process.terminate()
                process.wait(20)
            remove_networks()


if __name__ == "__main__":
    if sys.argv[1:2] == ["watch"]:
        asyncio.run(watch(sys.argv[2], sys.argv[3]))
    else:
        sys.exit(main())
