"""deploy/container, deploy/compose, deploy/systemd: linted, hardened, and all settings that they name exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bunraku import __version__
from bunraku.core.settings import load

yaml = pytest.importorskip("yaml")

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = sorted((DEPLOY / "compose").glob("*.yaml"))
DOCKERFILE = DEPLOY / "container" / "Dockerfile"
UNIT = DEPLOY / "systemd" / "bunraku.service"
EXPOSURE = 2.0
GIVEN = {
    "PUBLIC_URL": "https://humans.example.com",
    "CONSOLE_PASSWORD": "of twelve letters",
    "ADVERTISE": "203.0.113.7",
    "POSTGRES_PASSWORD": "secret",
    "TURN_HOST": "turn.example.com",
    "TURN_PASSWORD": "secret",
}


def run(*command):
    beside = Path(sys.executable).with_name(str(command[0]))
    program = str(beside) if beside.exists() else shutil.which(command[0])
    if program is None:
        pytest.skip(f"no {command[0]}")
    return subprocess.run([program, *map(str, command[1:])], capture_output=True, text=True, timeout=60)


def services(path):
    return yaml.safe_load(path.read_text())["services"]


def settings_of(environment, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load(None)


def test_hadolint_finds_nothing_in_the_dockerfile():
    done = run("hadolint", "--failure-threshold", "style", DOCKERFILE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hadolint_would_find_something(tmp_path):
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian\nRUN cd /tmp && apt-get install -y gcc\n")
    assert run("hadolint", bad).returncode == 1


@pytest.mark.parametrize("path", COMPOSE, ids=lambda p: p.stem)
def test_a_compose_file_follows_the_specification(path, tmp_path):
    check = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    done = run(*check, path)
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yaml"
    broken.write_text(path.read_text().replace("restart: unless-stopped", "restrat: unless-stopped"))
    assert run(*check, broken).returncode == 1


@pytest.mark.parametrize("path", COMPOSE, ids=lambda p: p.stem)
def test_every_service_is_shut_in(path):
    for name, service in services(path).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert re.search(r":\d", service["image"]), f"{name}: no version"
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:") or port.endswith("/udp"), port
    assert services(path)["server"]["image"] == f"bunraku:{__version__}"


@pytest.mark.parametrize("path", COMPOSE, ids=lambda p: p.stem)
def test_the_settings_of_a_compose_file_are_settings(path, monkeypatch):
    text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda m: GIVEN[m[1]], path.read_text())
    assert "${" not in text
    environment = yaml.safe_load(text)["services"]["server"]["environment"]
    settings = settings_of(image_environment() | environment, monkeypatch)
    assert settings.public_url == GIVEN["PUBLIC_URL"]
    assert settings.rtc.advertise == (GIVEN["ADVERTISE"],)
    assert settings.limits.address_calls_per_second == settings.limits.address_connections == 0
    if path.stem == "full":
        assert settings.database_url == "postgresql+asyncpg://bunraku:secret@database/bunraku"
        assert settings.limits.storage == "redis://counters:6379/0"
        assert settings.rtc.ice_servers[0].credential == GIVEN["TURN_PASSWORD"]


def image_environment():
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    return dict(re.findall(r"(BUNRAKU_\w+)=(\S+)", text))


def test_the_image_serves_where_its_ports_and_its_volume_are(monkeypatch):
    settings = settings_of(image_environment(), monkeypatch)
    text = DOCKERFILE.read_text()
    assert f"EXPOSE {settings.port}/tcp {settings.rtc.port}/udp" in text
    assert f"VOLUME {settings.data_dir}\n" in text
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", text, re.MULTILINE)
    assert "HEALTHCHECK" in text


def test_what_the_image_is_told_to_use_is_put_there_when_it_is_built(monkeypatch):
    settings = settings_of(image_environment(), monkeypatch)
    steps = (DEPLOY / "container" / "steps" / "build.sh").read_text().replace("$share", "/opt/bunraku/share")
    assert settings.people.nets is not None
    assert f'bunraku people nets "{settings.people.nets}"' in steps
    assert str(settings.speech.kokoro_styles).rpartition("/")[0] in steps
    assert steps.index("people nets") < steps.index("pip uninstall")  # which fetches them


def test_the_health_check_tells(tmp_path):
    script = DEPLOY / "container" / "steps" / "health.py"
    environment = {"HEALTH_URL": "http://127.0.0.1:9/healthz"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, timeout=20)
    assert done.returncode == 1  # that it says 0 where a server answers: scripts/test_container.py


def test_the_unit_leaves_little_open():
    done = run("systemd-analyze", "security", "--offline=true", f"--threshold={int(EXPOSURE * 10)}", UNIT)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
    assert run("systemd-analyze", "security", "--offline=true", "--threshold=1", UNIT).returncode != 0


def test_the_unit_is_well_formed(tmp_path):
    known = set()
    for section in re.split(r"^\[", UNIT.read_text(), flags=re.MULTILINE)[1:]:
        known.add(section.partition("]")[0])
    assert known == {"Unit", "Service", "Install"}
    copy = tmp_path / UNIT.name  # no such program and user here
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    done = run("systemd-analyze", "verify", "--man=no", copy)
    told = [line for line in done.stderr.splitlines() if UNIT.name in line and "Unknown" in line]
    assert not told
