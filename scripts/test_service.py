"""``make test-service``: the systemd unit for real. systemd boots in a Debian root as process 1 of namespaces of its
own, starts deploy/systemd/bunraku.service with all its restrictions, and the service answers `bunraku check`.

The server is the one of the container's Dockerfile, which this builds by test_container.py's means. Needs root,
cgroup v2 somewhere, debootstrap, util-linux and iproute2.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from test_container import ROOT, TOOLS, WORK, built, fit, parser, sh

UNIT = ROOT / "deploy" / "systemd" / "bunraku.service"
BOOT, START = 60.0, 60.0  # s
APP_ID, SECRET = 1234567890, secrets.token_hex(16)
SCRIPT = """
    root=$1
    ip link set lo up
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    for name in run tmp; do mount -t tmpfs tmpfs "$root/$name"; done
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    for name in null zero full random urandom; do touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
    mkdir "$root/dev/shm" "$root/dev/pts"
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    # Not chroot: within one the kernel lets nobody make the user namespace that the unit asks for.
    cd "$root"; mkdir -p "$root/mnt"; pivot_root . mnt; umount -l /mnt
    exec /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"""


def unified() -> Path | None:
    """Where cgroup v2 is mounted."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return next((Path(m[1]) for m in mounts if m[2] == "cgroup2"), None)


def prepare(root: Path) -> None:
    """A machine with systemd, the service's user, unit and settings."""
    enter = ("unshare", "--mount", "--pid", "--fork", "sh", "-euc")
    packages = (
        'mount -t proc proc "$1/proc"; mount --bind -o ro /etc/resolv.conf "$1/etc/resolv.conf"; chroot "$1" sh -euc "'
        'apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd dbus"'
    )
    sh(*enter, packages, "sh", root, stdout=subprocess.DEVNULL)
    shutil.copy(UNIT, root / "etc/systemd/system/")
    etc = root / "etc" / "bunraku"
    etc.mkdir()
    (etc / "bunraku.toml").write_text(
        f'[[apps]]\napp_id = {APP_ID}\nserver_secret = "{SECRET}"\n[limits]\ncalls_per_second = 0\n'
        '[speech]\nkokoro_styles = "/opt/bunraku/share/kokoro/styles.tgz"\n'
    )
    sh("chroot", root, "chown", "-R", "root:bunraku", "/etc/bunraku")
    sh("chmod", "-R", "u=rwX,g=rX,o=", etc)


class Machine:
    """A booted root."""

    def __init__(self, root: Path, group: Path) -> None:
        self.group = group
        join = f'echo $$ > "{group}/cgroup.procs"; exec "$@"'
        spaces = ("--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child")
        self.process = subprocess.Popen(
            ["sh", "-euc", join, "sh", "unshare", *spaces, "sh", "-euc", SCRIPT, "sh", str(root)]
        )
        deadline = time.monotonic() + BOOT
        self.pid = 0
        while not self.pid:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if found and os.readlink(f"/proc/{found[0]}/exe").endswith("systemd"):
                self.pid = int(found[0])
        while self.run("systemctl", "is-system-running", check=False).stdout.strip() not in (
            "running",
            "degraded",
        ):
            assert time.monotonic() < deadline, "systemd does not come up"
            time.sleep(0.2)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        enter = (
            "nsenter",
            f"--target={self.pid}",
            "--mount",
            "--pid",
            "--net",
            "--ipc",
            "--uts",
            "--cgroup",
            "--root",
        )
        done = subprocess.run([*enter, *command], text=True, capture_output=True)
        assert not check or done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        for _ in range(50):
            groups = sorted((p for p in self.group.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts))
            try:
                for folder in [*groups, self.group]:
                    folder.rmdir()
                return
            except OSError:
                time.sleep(0.1)


def try_out(machine: Machine) -> None:
    # A sandbox may itself have fewer files to give than the unit asks for; the rest stays as it is.
    hard = int(re.search(r"Max open files\s+\d+\s+(\d+)", Path(f"/proc/{machine.pid}/limits").read_text())[1])  # type: ignore[index]
    if hard < 65536:
        print(f"test-service: this machine gives {hard} files only")
        folder = "/run/systemd/system/bunraku.service.d"
        machine.run(
            "sh", "-c", f"mkdir -p {folder}; printf '[Service]\\nLimitNOFILE={hard}\\n' > {folder}/files.conf"
        )
        machine.run("systemctl", "daemon-reload")
    try:
        begun = time.monotonic()
        machine.run("systemctl", "start", "bunraku")
        while machine.run("/opt/bunraku/bin/python", "/opt/bunraku/share/health.py", check=False).returncode:
            assert machine.run("systemctl", "is-active", "bunraku", check=False).stdout.strip() == "active"
            assert time.monotonic() - begun < START
            time.sleep(0.2)
        print(f"test-service: healthy after {time.monotonic() - begun:.1f} s")
        checked = machine.run(
            "/opt/bunraku/bin/bunraku", "check", "--app-id", str(APP_ID), "--secret", SECRET
        )
        print(checked.stdout)
        shown = machine.run(
            "systemctl", "show", "bunraku", "-p", "MainPID,User,NRestarts,MemoryCurrent"
        ).stdout
        state = dict(line.split("=", 1) for line in shown.splitlines())
        print("test-service:", shown.replace("\n", " "))
        status = machine.run("cat", f"/proc/{state['MainPID']}/status").stdout
        lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        assert state["NRestarts"] == "0"
        assert "0" not in lines["Uid"].split()
        assert int(lines["CapEff"], 16) == int(lines["CapBnd"], 16) == 0
        assert lines["NoNewPrivs"].strip() == "1"
        assert lines["Seccomp"].strip() == "2"
        machine.run("systemctl", "stop", "bunraku")
        assert machine.run("systemctl", "show", "bunraku", "-p", "Result").stdout.strip() == "Result=success"
        print(machine.run("systemd-analyze", "security", "bunraku", "--no-pager").stdout.splitlines()[-1])
    finally:
        log = machine.run("journalctl", "--no-pager", "-u", "bunraku", "-o", "cat", check=False).stdout
        (WORK / "service.log").write_text(log)
        if "Traceback" in log or sys.exc_info()[0]:
            print(log[-4000:], file=sys.stderr)
    assert "Traceback" not in log


def main() -> int:
    options = parser(__doc__ or "").parse_args()
    if not fit(TOOLS, "test-service"):
        return 2
    mounted = unified()
    if mounted is None:
        print("test-service: CANNOT RUN: cgroup v2 is not mounted", file=sys.stderr)
        return 2
    image = built(options.base, again=options.again)
    root = WORK / "machine"
    shutil.rmtree(root, ignore_errors=True)
    sh("cp", "-a", "--reflink=auto", image.root, root)
    prepare(root)
    machine = Machine(root, Path(tempfile.mkdtemp(prefix="bunraku-", dir=mounted)))
    try:
        try_out(machine)
    finally:
        machine.close()
    if not options.keep:
        shutil.rmtree(WORK)
    print("test-service: passed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
