"""A pack as one file for viewers that draw it (docs/drawing.md): the art, and a table of contents."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np

from bunraku.core.errors import DigitalHumanBroken
from bunraku.node.avatars.pack.manifest import Manifest

FORMAT = 2
"""Of the file: raise it when what is in it changes for the same pack."""

MAGIC = b"BKP1"
FIELDS = "fields"


def file_names(manifest: Manifest) -> list[str]:
    """The pictures, those of the middle pose first."""
    count = len(manifest.poses)
    order = sorted(range(count), key=lambda i: abs(i - count // 2))
    poses = [
        f"{kind}_{i}.webp"
        for i in order
        for kind in ("pose", *(("neck",) if manifest.poses[i].neck_rect else ()), "mouth", "eyes")
    ]
    return poses + list(dict.fromkeys(limb.image for limb in manifest.limbs))


def bundle(manifest: Manifest, folder: Path) -> bytes:
    """Reads the pack: call it off the event loop. Raises ``DigitalHumanBroken``."""
    try:
        with np.load(folder / "fields.npz", allow_pickle=False) as data:
            fields = data["bases"].astype("<f2")
        parts = {name: (folder / name).read_bytes() for name in file_names(manifest)}
    except (OSError, KeyError, ValueError) as error:
        raise DigitalHumanBroken("pack unreadable") from error
    parts = {FIELDS: zlib.compress(fields.tobytes(), 9), **parts}
    files: dict[str, tuple[int, int]] = {}
    at = 0
    for name, content in parts.items():
        files[name] = at, len(content)
        at += len(content)
    shown = manifest.model_dump(include={"art", "portrait", "square", "bases", "poses", "limbs"})
    head = {
        "manifest": shown | {"mouths": len(manifest.mouths), "eyes": len(manifest.eyes)},
        "nodes": fields.shape[2:4],
        "files": files,
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    return MAGIC + struct.pack("<I", len(text)) + text + b"".join(parts.values())
