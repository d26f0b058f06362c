"""``make test-container``: takes the Dockerfile's own steps in bare Debian roots, then runs the result as an engine would.

Where no container engine is at hand, debootstrap makes the base image's root, and each instruction of
deploy/container/Dockerfile is done by mounts and chroot. The result then runs with its own user, environment,
entry point and health check: the root read-only, a process tree and network of its own, no way to more rights.
What an engine would add is not tried: its default seccomp filter, its limits, and the network between containers.

Needs root, debootstrap, util-linux, iproute2 and a network to the registries; it takes some minutes. ``--keep``
leaves the roots in build/container.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "container"
FILE = ROOT / "deploy" / "container" / "Dockerfile"
TOOLS = ("debootstrap", "unshare", "nsenter", "setpriv", "ip", "mount")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
START, STOP = 60.0, 20.0  # s
APP_ID, SECRET = 1234567890, secrets.token_hex(16)


def sh(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(c) for c in command], check=True, text=True, **options)  # type: ignore[call-overload]


@dataclass
class Image:
    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    workdir: str = "/"
    volume: str | None = None
    health: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


class Builder:
    """Does what this project's Dockerfile says; an instruction or flag that it does not know is an error."""

    def __init__(self, context: Path, **arguments: str) -> None:
        self.context = context
        self.arguments = arguments
        self.stages: dict[str, Image] = {}
        self.image: Image | None = None

    def build(self, text: str) -> Image:
        text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
        for line in re.sub(r"\\\n\s*", " ", text).splitlines():
            if line.strip():
                print("test-container:", line, flush=True)
                word, _, rest = line.partition(" ")
                getattr(self, f"do_{word.lower()}")(rest.strip())
        assert self.image
        return self.image

    def do_arg(self, rest: str) -> None:
        name, _, default = rest.partition("=")
        self.arguments.setdefault(name, default)

    def do_from(self, rest: str) -> None:
        base, _, name = rest.partition(" AS ")
        base = re.sub(r"\$\{(\w+)\}", lambda m: self.arguments[m[1]], base)
        root = WORK / name
        if base in self.stages:
            sh("cp", "-a", "--reflink=auto", self.stages[base].root, root)
            self.image = replace(self.stages[base], root=root)
        else:
            suite = re.fullmatch(r"debian:([a-z]+)-slim", base)
            assert suite, f"{base}: debootstrap cannot make it"
            sh("debootstrap", "--variant=minbase", suite[1], root, stdout=subprocess.DEVNULL)
            self.image = Image(root)
        self.stages[name] = self.image

    def do_run(self, rest: str) -> None:
        flags, command = re.fullmatch(r"((?:--\S+ )*)(.+)", rest).groups()  # type: ignore[union-attr]
        assert flags.strip() == "--mount=type=bind,target=/src", flags
        image = self.image
        assert image
        # Names are resolved and certificates trusted as on this machine, which an engine arranges likewise.
        script = """
            root=$1; context=$2; shift 2
            mkdir -p "$root/src"
            mount --bind -o ro "$context" "$root/src"
            mount -t proc proc "$root/proc"
            mount --bind /dev "$root/dev"
            touch "$root/etc/resolv.conf" "$root/etc/hosts" "$root/run/certificates.crt"
            mount --bind -o ro /etc/resolv.conf "$root/etc/resolv.conf"
            mount --bind -o ro /etc/hosts "$root/etc/hosts"
            mount --bind -o ro "$(readlink -f CERTIFICATES)" "$root/run/certificates.crt"
            exec chroot "$root" "$@"
        """.replace("CERTIFICATES", str(CERTIFICATES))
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        } | image.environment
        for name in ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
            environment[name] = "/run/certificates.crt"
        for name in ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "npm_config_registry"):
            if name in os.environ:
                environment[name] = os.environ[name]
        sh(
            "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", script, "sh", image.root,
            self.context, "/bin/sh", "-c", command, env=environment,
        )  # fmt: skip
        os.rmdir(image.root / "src")
        (image.root / "run/certificates.crt").unlink()

    def do_copy(self, rest: str) -> None:
        found = re.fullmatch(r"--from=(\w+) (/\S+) (/\S+)", rest)
        assert found, rest
        stage, source, target = found.groups()
        assert self.image
        sh("cp", "-a", f"{self.stages[stage].root}{source}", f"{self.image.root}{target}")

    def do_env(self, rest: str) -> None:
        assert self.image
        self.image.environment = self.image.environment | dict(p.split("=", 1) for p in shlex.split(rest))

    def do_user(self, rest: str) -> None:
        assert self.image
        self.image.user = rest

    def do_workdir(self, rest: str) -> None:
        assert self.image
        self.image.workdir = rest

    def do_volume(self, rest: str) -> None:
        assert self.image
        self.image.volume = rest

    def do_expose(self, rest: str) -> None:
        pass  # tells people only

    def do_stopsignal(self, rest: str) -> None:
        assert rest == "SIGTERM"

    def do_healthcheck(self, rest: str) -> None:
        assert self.image
        self.image.health = json.loads(rest.partition("CMD ")[2])

    def do_entrypoint(self, rest: str) -> None:
        assert self.image
        self.image.entrypoint = json.loads(rest)

    def do_cmd(self, rest: str) -> None:
        assert self.image
        self.image.command = json.loads(rest)


class Container:
    """The image runs as process 1 of its own tree, as the image's user, who can gain no rights."""

    def __init__(self, image: Image, volume: Path, environment: dict[str, str]) -> None:
        self.image = image
        user, _, group = image.user.partition(":")
        assert user.isdigit()
        assert int(user) > 0, "the server runs as root"
        self.identity = ("--reuid", user, "--regid", group, "--clear-groups")
        self.environment = image.environment | environment
        assert image.volume
        script = """
            root=$1; volume=$2; where=$3; shift 3
            ip link set lo up
            mount --bind "$root" "$root"
            mount -t proc proc "$root/proc"
            mount -t tmpfs -o nosuid,nodev,noexec tmpfs "$root/tmp"
            mount -t tmpfs -o nosuid,noexec,mode=755 tmpfs "$root/dev"
            for name in null zero full random urandom; do
                touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"
            done
            mkdir "$root/dev/shm"; mount -t tmpfs -o nosuid,nodev,noexec,size=64m tmpfs "$root/dev/shm"
            mount --bind "$volume" "$root$where"
            mount -o remount,bind,ro "$root"
            cd "$root"
            # Rights go before the root is entered: what runs inside has had none.
            exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid --inh-caps=-all \\
                chroot --userspec="$IDENTITY" --groups= "$root" /usr/bin/env -i -C "$where" "$@"
        """
        variables = [f"{k}={v}" for k, v in self.environment.items()]
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-euc", script,
             "sh", image.root, volume, image.volume, *variables, *image.entrypoint, *image.command],
            env={**os.environ, "IDENTITY": image.user},
        )  # fmt: skip
        self.pid = self._first()

    def _first(self) -> int:
        """Process 1 of the tree, as this machine counts."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if found:
                return int(found[0])
            time.sleep(0.05)
        raise AssertionError("nothing runs")

    def inside(
        self, *command: str, check: bool = True, as_root: bool = False
    ) -> subprocess.CompletedProcess[str]:
        identity = () if as_root else ("setpriv", *self.identity, "--no-new-privs", "--bounding-set=-all")
        variables = [f"{k}={v}" for k, v in self.environment.items()]
        enter = ("nsenter", f"--target={self.pid}", "--mount", "--pid", "--net", "--ipc", "--uts", "--root")
        return subprocess.run(
            [*enter, "/usr/bin/env", "--chdir=/data", "-i", *variables, *identity, *command],
            check=check, text=True, capture_output=not check,
        )  # fmt: skip

    def wait_until_healthy(self) -> float:
        begun = time.monotonic()
        while self.inside(*self.image.health, check=False).returncode:
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() - begun < START, "never healthy"
            time.sleep(0.2)
        return time.monotonic() - begun

    def status(self, name: str) -> str:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return dict(line.split(":", 1) for line in lines)[name].strip()

    def stop(self) -> int:
        """An engine's stop. The server's exit status."""
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(STOP)


def try_out(image: Image) -> None:
    volume = WORK / "volume"
    shutil.rmtree(volume, ignore_errors=True)
    sh("cp", "-a", f"{image.root}{image.volume}", volume)  # as an engine fills a new volume
    apps = json.dumps([{"app_id": APP_ID, "server_secret": SECRET}])
    container = Container(image, volume, {"BUNRAKU_APPS": apps, "BUNRAKU_LIMITS__CALLS_PER_SECOND": "0"})
    try:
        seconds = container.wait_until_healthy()
        print(f"test-container: healthy after {seconds:.1f} s")
        user, group = image.user.split(":")
        assert container.status("Uid").split() == [user] * 4
        assert container.status("Gid").split() == [group] * 4
        assert container.status("NoNewPrivs") == "1"
        for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            assert int(container.status(kind), 16) == 0, kind
        for path in ("/opt/bunraku/x", "/usr/x", "/etc/x"):
            refused = container.inside("/usr/bin/touch", path, check=False, as_root=True)
            assert "Read-only file system" in refused.stderr, (path, refused.stderr)
        container.inside("bunraku", "check", "--app-id", str(APP_ID), "--secret", SECRET)
        container.inside("bunraku", "--version")
        doctor = container.inside("bunraku", "doctor", "--json", check=False)
        assert doctor.stdout, doctor.stderr
        told = json.loads(doctor.stdout)
        assert [f["state"] for f in told if f["check"] == "nets"] == ["OK"], (
            told
        )  # it has no pip to fetch them
        resident = int(container.status("VmRSS").split()[0]) / 1000
        print(f"test-container: {resident:.0f} MB resident after the checks")
    finally:
        code = container.stop()
    assert code == 0, f"the stop gave {code}"
    left = sorted(p.name for p in volume.iterdir())
    assert "bunraku.db" in left, left


def fit(tools: tuple[str, ...], name: str) -> bool:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if os.geteuid() == 0 and not missing:
        return True
    print(f"{name}: CANNOT RUN: needs root and {', '.join(missing) or 'nothing else'}", file=sys.stderr)
    return False


def built(base: str | None, *, again: bool) -> Image:
    """The image, from what is committed or about to be and nothing that merely lies about; ``again`` takes the
    roots that an earlier run kept."""
    if not again:
        shutil.rmtree(WORK, ignore_errors=True)
    context = WORK / "context"
    context.mkdir(parents=True, exist_ok=True)
    listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, sh(*listing, cwd=ROOT, stdout=subprocess.PIPE).stdout.split("\0")):
        source, target = ROOT / name, context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if source.exists() or source.is_symlink():
            shutil.copy2(source, target, follow_symlinks=False)
    builder = Builder(context, **({"BASE": base} if base else {}))
    if again:
        builder.do_from = builder.do_run = builder.do_copy = lambda rest: None  # type: ignore[method-assign]
        builder.image = Image(WORK / "server")
    begun = time.monotonic()
    image = builder.build(FILE.read_text())
    size = int(sh("du", "-sm", image.root, stdout=subprocess.PIPE).stdout.split()[0])
    print(f"test-container: built in {time.monotonic() - begun:.0f} s; {size} MB", flush=True)
    return image


def parser(about: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=about.partition("\n")[0])
    made.add_argument("--base", help="another BASE, such as debian:trixie-slim")
    made.add_argument("--keep", action="store_true", help="leave the roots in build/container")
    made.add_argument("--again", action="store_true", help="use the roots that --keep left")
    return made


def main() -> int:
    options = parser(__doc__).parse_args()
    if not fit(TOOLS, "test-container"):
        return 2
    try_out(built(options.base, again=options.again))
    if not options.keep:
        shutil.rmtree(WORK)
    print("test-container: passed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
