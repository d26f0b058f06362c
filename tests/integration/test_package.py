"""Installed as people do: what ``python -m build`` makes, into empty environments, with what it asks for."""

from __future__ import annotations

import re
import subprocess
import venv
import zipfile
from pathlib import Path

import pytest

from ..support.installed import demo, render, run, serve_and_check

pytestmark = pytest.mark.network
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist, and the wheel that was made from it; skips where no registry answers."""
    folder = tmp_path_factory.mktemp("dist")
    tools = folder / "tools"
    venv.create(tools, with_pip=True)
    install = (tools / "bin" / "python", "-m", "pip", "install", "-q", "build")
    if subprocess.run(install, capture_output=True, timeout=120).returncode:
        pytest.skip("no package registry")
    run(tools / "bin" / "python", "-m", "build", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """An empty environment with the wheel, its espeak extra and what they ask for."""
    folder = tmp_path_factory.mktemp("wheel")
    venv.create(folder, with_pip=True)
    (wheel,) = built.glob("*.whl")
    run(folder / "bin" / "python", "-m", "pip", "install", "-q", "--no-compile", f"{wheel}[espeak]")
    return folder


def site_packages(environment):
    (found,) = environment.glob("lib/python*/site-packages")
    return found


def test_a_wheel_works_in_an_empty_environment(installed, tmp_path):
    programs = installed / "bin"
    version = re.search(r'version = "(.+)"', (ROOT / "pyproject.toml").read_text())[1]
    assert run(programs / "bunraku", "--version").strip().endswith(version)
    where = run(programs / "python", "-c", "import bunraku; print(bunraku.__file__)", cwd=tmp_path)
    assert where.startswith(str(installed))
    for works in (render, serve_and_check, demo):
        works(programs / "bunraku", tmp_path)


def test_an_sdist_installs_the_very_files_of_the_wheel(built, installed, tmp_path):
    """Wants the same packages, so those of the other environment serve it."""
    (wheel,) = built.glob("*.whl")
    (package,) = built.glob("*.tar.gz")
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    run(programs / "python", "-m", "pip", "install", "-q", "--no-deps", package)
    own = site_packages(tmp_path / "venv")
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if n.startswith("bunraku/") or n.endswith("METADATA")]
        assert len(names) > 100
        for name in names:
            assert (own / name).read_bytes() == archive.read(name), name
    (own / "dependencies.pth").write_text(f"{site_packages(installed)}\n")  # after its own
    where = run(programs / "python", "-c", "import bunraku; print(bunraku.__file__)", cwd=tmp_path)
    assert where.startswith(str(own))
    demo(programs / "bunraku", tmp_path)
