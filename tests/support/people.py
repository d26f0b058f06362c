"""Digital humans of apps' own: a pack that is quickly made, and calls about it."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import time
import zipfile
from pathlib import Path

import httpx
import numpy as np

from bunraku.client import query
from bunraku.node.avatars.catalog import BUILT_IN


def small_pack(folder: Path, **changes: object) -> Path:
    """Anna with one pose of her head and without arms; ``changes`` go to the manifest."""
    folder.mkdir(parents=True)
    source = BUILT_IN / "anna"
    manifest = json.loads((source / "manifest.json").read_text("utf-8"))
    front = next(i for i, pose in enumerate(manifest["poses"]) if pose["yaw"] == 0)
    manifest |= {"poses": [manifest["poses"][front]], "limbs": []}
    for part in ("pose", "mouth", "eyes"):
        shutil.copy(source / f"{part}_{front}.webp", folder / f"{part}_0.webp")
    shutil.copy(source / "avatar.jpg", folder)
    with np.load(source / "fields.npz") as fields:
        np.savez_compressed(folder / "fields.npz", bases=fields["bases"][front : front + 1])
    (folder / "manifest.json").write_text(json.dumps(manifest | changes), "utf-8")
    return folder


def tarred(folder: Path, top: str = "pack") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        archive.add(folder, arcname=top)
    return out.getvalue()


def zipped(folder: Path) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    return out.getvalue()


def upload(client, content: bytes, **fields: str) -> httpx.Response:
    """CreateDigitalHuman with a file, as a form."""
    given = {"Name": "Lucy", "Source.Type": "pack", "Consent": "true"} | fields
    return client.http.post(
        "/",
        params=query("CreateDigitalHuman", *client.credentials),
        data={key.replace("__", "."): value for key, value in given.items() if value is not None},
        files={"File": ("pack.tgz", content)},
    )


def made(client, content: bytes, **fields: str) -> str:
    """The id of one that is ready."""
    answer = upload(client, content, **fields).json()
    assert answer["Code"] == 0, answer
    human = answer["Data"]["DigitalHumanId"]
    assert ended(client, human)["State"] == "ready", info(client, human)
    return human


def info(client, human: str) -> dict:
    return client.call("GetDigitalHumanInfo", DigitalHumanId=human)


def ended(client, human: str, within: float = 60.0) -> dict:
    """What is told of one that is not being made any more."""
    deadline = time.monotonic() + within
    while (said := info(client, human))["State"] == "making":
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
    return said
