"""``make release-check``: what a release must pass before it is signed. Everything lands in build/release.

1. Wheel and sdist, each built twice from different folders at the commit's time: the same bytes.
2. The wheel with every extra in an environment of its own, at the locked versions.
3. Licences of that environment (licences.json): what ALLOWED does not hold fails, and what asks for more than its
   own notice when it is not named in NOTICE.
4. The SBOM (sbom.cdx.json, CycloneDX 1.6), checked against its schema.
5. Known vulnerabilities: from ``--advisories FOLDER``, a copy of an OSV database's files (the Python Packaging Advisory
   Database, for one), or from the advisory service of the package index, by pip-audit. A release with no source of
   advisories at hand is NOT AUDITED, which is said last and fails with ``--require-audit``.

Runs in the tools' environment: requirements-release.lock.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parents[1]
OUT = ROOT / "build" / "release"
TOOLS = Path(sys.executable).parent

# The names that packages give their licences, folded; of an SPDX expression each part.
ALLOWED = frozenset(
    """0bsd|apache 2.0|apache license 2.0|apache software license|apache-2.0|3-clause bsd license|bsd license|bsd-2-clause
    |bsd-3-clause|cc0-1.0|cnri-python|isc|isc license (iscl)|mit|mit license|mit-0|psf-2.0|python software foundation license
    |unlicense|zlib|mpl-2.0|mozilla public license 2.0 (mpl 2.0)|lgpl-2.1-or-later|lgpl-3.0-or-later
    |gnu library or lesser general public license (lgpl)""".replace("\n", "")
    .replace("    |", "|")
    .split("|")
)
COPYLEFT = re.compile("GPL|MPL|Lesser")
MIT_TEXT = "permission is hereby granted, free of charge, to any person obtaining a copy of this software"
OWN = {  # what metadata does not say, and why it may be here
    "espeakng-loader": "GPL-3.0-or-later (optional, in processes of its own: NOTICE)",
    "av": "BSD-3-Clause; its wheel holds FFmpeg with x264, GPL-2.0-or-later (NOTICE)",
    "ipadic": "the licences of NAIST and ICOT, permissive (its COPYING; NOTICE)",
    "opencv-python-headless": "Apache-2.0; its wheel holds FFmpeg, LGPL-2.1-or-later",
}


def run(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(c) for c in command], check=True, text=True, **options)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def packages() -> list[Path]:
    """The wheel and the sdist. Raises ``SystemExit`` when a second build differs."""
    when = run("git", "log", "-1", "--format=%ct", cwd=ROOT, stdout=subprocess.PIPE).stdout.strip()
    listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = run(*listing, cwd=ROOT, stdout=subprocess.PIPE).stdout.split("\0")
    made: list[dict[str, str]] = []
    for i, umask in enumerate(("022", "077")):
        source, target = OUT / f"source-{'x' * 20 * i}", OUT / ("dist" if i == 0 else "again")
        with tarfile.open(OUT / "source.tar", "w") as archive:
            for name in sorted(filter(None, names), reverse=bool(i)):
                if (ROOT / name).exists():
                    archive.add(ROOT / name, name, recursive=False)
        with tarfile.open(OUT / "source.tar") as archive:
            archive.extractall(source, filter="data")
        environment = {**os.environ, "SOURCE_DATE_EPOCH": when, "TZ": ("UTC", "Asia/Tokyo")[i]}
        command = 'umask "$1"; shift; exec "$@"'
        build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", target, source)
        run("sh", "-euc", command, "sh", umask, *build, env=environment, stdout=subprocess.DEVNULL)
        shutil.rmtree(source)
        made.append({p.name: digest(p) for p in sorted(target.iterdir())})
    (OUT / "source.tar").unlink()
    if made[0] != made[1]:
        raise SystemExit(f"release-check: FAILED: two builds differ: {made}")
    shutil.rmtree(OUT / "again")
    run(
        sys.executable,
        "-m",
        "twine",
        "check",
        "--strict",
        *(OUT / "dist").iterdir(),
        stdout=subprocess.DEVNULL,
    )
    (OUT / "SHA256SUMS").write_text("".join(f"{h}  {n}\n" for n, h in made[0].items()))
    for name, value in made[0].items():
        print(f"release-check: {name}: two builds, the same bytes (sha256 {value[:16]}…)")
    return sorted((OUT / "dist").iterdir())


def installed(wheel: Path) -> Path:
    """The interpreter of an environment with the wheel, all its extras, and nothing else."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = ",".join(tomllib.load(file)["project"]["optional-dependencies"])
    locked = re.sub(r" *\\\n +--hash=\S+", "", (ROOT / "requirements.lock").read_text())
    constraints = OUT / "constraints.txt"
    constraints.write_text("\n".join(line for line in locked.splitlines() if re.match(r"\w", line)))
    python = OUT / "environment" / "bin" / "python"
    run(TOOLS / "uv", "--no-config", "venv", "-q", "--clear", "--python", sys.executable, OUT / "environment")
    command = (TOOLS / "uv", "--no-config", "pip", "install", "-q", "--python", python)
    run(*command, "-c", constraints, f"{wheel}[{extras}]")
    return python


def allowed(licence: str) -> bool:
    """Every part of an SPDX expression, or of classifiers, is; of a choice one is enough."""
    return all(
        any(choice.strip().casefold() in ALLOWED for choice in part.split(" OR "))
        for part in re.split(r" AND |; ", licence)
    )


def forbidden(rows: list[dict[str, str]]) -> list[str]:
    """What may not be in a release; rows whose metadata says too little, or a whole text, are put right."""
    found = []
    for row in rows:
        licence = row["License"]
        if own := OWN.get(canonicalize_name(row["Name"])):
            row["License"] = own
        elif MIT_TEXT in " ".join(licence.casefold().split()):
            row["License"] = "MIT"
        elif not allowed(licence):
            found.append(f"{row['Name']} {row['Version']}: {licence[:80]}")
    return found


def unnoticed(rows: list[dict[str, str]], notice: str) -> list[str]:
    """What asks for more than its own notice and is not named, by the name of its package."""
    asking = [r["Name"] for r in rows if COPYLEFT.search(r["License"]) or canonicalize_name(r["Name"]) in OWN]
    return [name for name in asking if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", notice)]


def licences(python: Path) -> None:
    command = (TOOLS / "pip-licenses", "--python", python, "--from=mixed", "--format=json", "--with-urls")
    rows = json.loads(run(*command, stdout=subprocess.PIPE).stdout)
    bad = forbidden(rows) + [f"{n}: not in NOTICE" for n in unnoticed(rows, (ROOT / "NOTICE").read_text())]
    (OUT / "licences.json").write_text(json.dumps(rows, indent=1) + "\n")
    if bad:
        raise SystemExit("release-check: FAILED: licences:\n  " + "\n  ".join(bad))
    print(f"release-check: the licences of {len(rows)} packages are allowed")


def sbom(python: Path) -> None:
    target = OUT / "sbom.cdx.json"
    command = (
        TOOLS / "cyclonedx-py",
        "environment",
        "--output-reproducible",
        "--validate",
        "--spec-version",
        "1.6",
    )
    run(*command, "--pyproject", ROOT / "pyproject.toml", "-o", target, python)
    made = json.loads(target.read_text())
    names = {canonicalize_name(c["name"]) for c in made["components"]}
    assert made["metadata"]["component"]["name"] == "bunraku"
    assert {"aiortc", "numpy", "espeakng-loader", "ray"} <= names, names
    print(f"release-check: {target.name}: {len(names)} components")


def affected(advisory: dict[str, Any], name: str, version: str) -> bool:
    """Whether an advisory in OSV's form (ossf.github.io/osv-schema) means this release of a Python package."""
    if advisory.get("withdrawn"):
        return False
    for entry in advisory.get("affected", ()):
        package = entry.get("package", {})
        if package.get("ecosystem") != "PyPI" or canonicalize_name(package.get("name", "")) != name:
            continue
        if version in entry.get("versions", ()):
            return True
        for span in entry.get("ranges", ()):
            if span.get("type") == "ECOSYSTEM" and _within(span["events"], Version(version)):
                return True
    return False


def _within(events: list[dict[str, str]], version: Version) -> bool:
    """OSV's own evaluation: events in the order of their versions, the last that applies decides."""
    edges: list[tuple[Version, str]] = []
    for event in events:
        for kind, text in event.items():
            with suppress(InvalidVersion):
                edges.append((Version(text), kind))
    inside = False
    for edge, kind in sorted(edges):
        if kind == "introduced" and version >= edge:
            inside = True
        elif (kind == "fixed" and version >= edge) or (kind == "last_affected" and version > edge):
            inside = False
    return inside


def local_audit(folder: Path, releases: dict[str, str]) -> list[str]:
    """Advisories of the folder that mean one of the releases. Raises ``SystemExit`` when it holds none at all."""
    seen, found = 0, []
    for path in sorted(p for p in folder.rglob("*") if p.suffix in {".json", ".yaml"}):
        text = path.read_text("utf-8")
        advisory = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        if not isinstance(advisory, dict) or "affected" not in advisory:
            continue
        seen += 1
        found += [f"{advisory['id']}: {n} {v}" for n, v in releases.items() if affected(advisory, n, v)]
    if not seen:
        raise SystemExit(f"release-check: FAILED: no advisory in {folder}")
    print(f"release-check: {len(releases)} packages against {seen} advisories of {folder.name}")
    return found


def online_audit(releases: dict[str, str]) -> list[str] | None:
    """By pip-audit; None when its service cannot tell about every package."""
    wanted = OUT / "audit.txt"
    wanted.write_text("".join(f"{n}=={v}\n" for n, v in releases.items()))
    command = [
        TOOLS / "pip-audit",
        "--no-deps",
        "--disable-pip",
        "-r",
        wanted,
        "--format=json",
        "--progress-spinner=off",
    ]
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True, timeout=300)
    try:
        answers = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    (OUT / "audit.json").write_text(done.stdout)
    if any("skip_reason" in a for a in answers):
        return None
    return [f"{v['id']}: {a['name']} {a['version']}" for a in answers for v in a["vulns"]]


def audit(python: Path, advisories: Path | None) -> bool:
    """Whether an audit was made. Raises ``SystemExit`` when it found something."""
    listed = run(
        TOOLS / "uv", "pip", "list", "--python", python, "--format=json", stdout=subprocess.PIPE
    ).stdout
    releases = {
        canonicalize_name(p["name"]): p["version"] for p in json.loads(listed) if p["name"] != "bunraku"
    }
    found = local_audit(advisories, releases) if advisories else online_audit(releases)
    if found:
        raise SystemExit("release-check: FAILED: known vulnerabilities:\n  " + "\n  ".join(found))
    return found is not None


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--advisories", type=Path, help="a folder of OSV files")
    parser.add_argument(
        "--require-audit", action="store_true", help="fail when no advisory source was at hand"
    )
    options = parser.parse_args()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    wheel = next(p for p in packages() if p.suffix == ".whl")
    python = installed(wheel)
    licences(python)
    sbom(python)
    if not audit(python, options.advisories):
        print(
            "release-check: NOT AUDITED: no source of advisories told about every package (--advisories FOLDER)"
        )
        if options.require_audit:
            return 1
    print("release-check: passed; see build/release")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
