"""Decoded art laid down in a file of arrays, and found there again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bunraku.core.media import Rect
from bunraku.node.avatars.mapped import ArrayFile, ArrayWriter
from bunraku.node.avatars.pack.plates import Art, Band, Decoded, Layer, Limb, Plate

PLANES = ("y", "u", "v", "alpha", "alpha_half")
MEASURES = ("gesture", "x", "y", "pivot", "drop", "lean", "swing", "bob", "beats")


class Damaged(Exception):
    """The file is not what ``save`` writes."""


def save(out: ArrayWriter, art: Art, width: int, height: int) -> object:
    """Decode ``art`` plate by plate into ``out``; returns the index. Raises ``DigitalHumanBroken``."""
    plates = [_describe_plate(out, plate) for plate in art.plates(width, height)]
    limbs = [_describe_limb(out, limb) for limb in art.limbs(width, height)]
    return {"plates": plates, "limbs": limbs}


def load(file: ArrayFile) -> Decoded:
    """What ``save`` wrote, on planes of the file itself. Raises ``Damaged``."""
    try:
        plates = tuple(_plate(file, about) for about in file.index["plates"])
        return Decoded(plates, tuple(_limb(file, about) for about in file.index["limbs"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(str(error)) from error


def _describe_plate(out: ArrayWriter, plate: Plate) -> dict[str, Any]:
    return {
        "yaw": plate.yaw,
        "pitch": plate.pitch,
        "body": _describe_layer(out, plate.body),
        "mouths": [_describe_layer(out, layer) for layer in plate.mouths],
        "eyes": [_describe_layer(out, layer) for layer in plate.eyes],
        "bases": out.add(plate.bases),
        "bands": [[*_corners(band.rect), band.still] for band in plate.bands],
        "neck": None if plate.neck is None else _describe_layer(out, plate.neck),
    }


def _describe_layer(out: ArrayWriter, layer: Layer) -> dict[str, Any]:
    planes = {name: getattr(layer, name) for name in PLANES}
    return {"rect": [*_corners(layer.rect)]} | {
        name: None if plane is None else out.add(plane) for name, plane in planes.items()
    }


def _describe_limb(out: ArrayWriter, limb: Limb) -> dict[str, Any]:
    return {name: getattr(limb, name) for name in MEASURES} | {"image": out.add(limb.image)}


def _corners(rect: Rect) -> Iterator[int]:
    yield from (rect.x, rect.y, rect.width, rect.height)


def _plate(file: ArrayFile, about: dict[str, Any]) -> Plate:
    return Plate(
        float(about["yaw"]),
        float(about["pitch"]),
        _layer(file, about["body"]),
        tuple(_layer(file, layer) for layer in about["mouths"]),
        tuple(_layer(file, layer) for layer in about["eyes"]),
        file.array(about["bases"]),
        tuple(Band(Rect(*corners), still) for *corners, still in about["bands"]),
        None if about["neck"] is None else _layer(file, about["neck"]),
    )


def _layer(file: ArrayFile, about: dict[str, Any]) -> Layer:
    planes = {name: None if about[name] is None else file.array(about[name]) for name in PLANES}
    return Layer(Rect(*about["rect"]), **planes)  # type: ignore[arg-type]


def _limb(file: ArrayFile, about: dict[str, Any]) -> Limb:
    measures = {name: about[name] for name in MEASURES}
    x, y = measures.pop("pivot")
    return Limb(image=file.array(about["image"]), pivot=(x, y), **measures)
