"""Bake a drawn character into a digital-human pack (``docs/packs.md``).

Usage: ``python studio/drawn/bake.py CHARACTER OUT_DIR`` with the packages of
``studio/requirements.txt``. A bake takes about two minutes of one core.

The puppet draws every sprite at the figure's own scale on a canvas wider than
the portrait frame, so that landscape framing shows whole shoulders.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from arms import bake_arm, hands
from paint import catmull, sym
from puppet import Puppet
from rig import PIV, Rig, zface
from styles import ANNA, HELEN, HENRIK, IMANI, MARCUS, NADIA

ART_W, ART_H = 960, 1280
SCALE = 1.17
GRID = 16  # px between nodes of the displacement bases
YAWS = (-10.0, -5.0, 0.0, 5.0, 10.0)
BASES = ("yaw", "pitch", "roll", "sway", "breath", "nod", "brow_l", "brow_r", "brow_in")
QUALITY = 90

CHARACTERS = {
    "anna": dict(
        style=ANNA,
        id="6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11",
        name="Anna",
        rest=dict(smile=0.72),
        hair_fall=(130.0, 430.0),
    ),
    "henrik": dict(
        style=HENRIK,
        id="7334c5bf-fab5-4418-813c-7f11e631f12c",
        name="Henrik",
        rest=dict(smile=0.75),
        hair_fall=(115.0, 285.0),
    ),
    "imani": dict(
        style=IMANI,
        id="7fabca54-8a8b-4ef2-b54f-4f422f0e0d1a",
        name="Imani",
        rest=dict(smile=0.75),
        hair_fall=(115.0, 285.0),
    ),
    "marcus": dict(
        style=MARCUS,
        id="b5d81e07-42c6-4f6b-a3e9-7c90d2f4ab22",
        name="Marcus",
        rest=dict(smile=0.8),
        hair_fall=(115.0, 285.0),
    ),
    "nadia": dict(
        style=NADIA,
        id="176b344d-1a1b-4367-ba12-adc97efaf801",
        name="Nadia",
        rest=dict(smile=0.72),
        hair_fall=(130.0, 430.0),
    ),
    "helen": dict(
        style=HELEN,
        id="2f3dfbbb-2848-4973-a2cd-c3d41a6dc41b",
        name="Helen",
        rest=dict(smile=0.75),
        hair_fall=(115.0, 285.0),
    ),
}

# Mouth sprites: a grid of openness x lip shape, and the shapes that no such grid holds.
# `at` is the point in mouth space by which the compositor finds the sprite; its axes are
# open, wide (negative: pucker), press, tuck, teeth, tongue, smile.
AXES = ("open", "wide", "press", "tuck", "teeth", "tongue", "smile")


def mouth_shapes(rest_smile: float) -> list[tuple[dict[str, float], dict[str, float]]]:
    shapes: list[tuple[dict[str, float], dict[str, float]]] = []
    shapes += [(dict(smile=s), dict(smile=s, wide=0.0)) for s in (0.0, 0.3, 0.55, rest_smile, 1.0)]
    lips = (
        (0.8, dict(width=0.75, upper=0.5, teeth_u=1.0, smile=0.45)),
        (0.3, dict(width=0.3, upper=0.3, teeth_u=0.95, smile=0.36)),
        (-0.1, dict(width=0.0, upper=0.1, teeth_u=0.75, smile=0.26)),
        (-0.55, dict(round=0.55, teeth_u=0.3, smile=0.1)),
        (-1.0, dict(round=1.0, teeth_u=0.0, smile=0.0)),
    )
    for wide, lip in lips:
        for opening in (0.06, 0.14, 0.24, 0.36, 0.5, 0.66, 0.84):
            if (wide == -1.0 and opening > 0.5) or (wide == 0.8 and opening > 0.66):
                continue
            rig = dict(lip, open=opening, tongue=0.3 + 0.3 * opening)
            if wide == 0.8:
                rig["teeth_l"] = 0.3 * (opening < 0.4)
            shapes.append((rig, dict(open=opening, wide=wide)))
    shapes.append((dict(press=1.0, smile=0.4), dict(press=1.0)))
    shapes.append((dict(press=0.5, smile=0.45), dict(press=0.5)))
    for opening, tuck in ((0.08, 0.5), (0.15, 1.0)):
        rig = dict(open=opening, tuck=tuck, upper=0.85 * tuck, width=0.25, teeth_u=1.0, smile=0.5)
        shapes.append((rig, dict(open=opening, tuck=tuck)))
    for opening in (0.18, 0.32):
        rig = dict(open=opening, width=0.15, upper=0.4, tongue=1.0, tongue_up=0.5, tongue_out=1.0, smile=0.35)
        shapes.append((rig, dict(open=opening, tongue=1.0, wide=0.1)))
    for opening in (0.22, 0.42):
        rig = dict(open=opening, width=0.15, upper=0.35, teeth_u=0.9, tongue=1.0, tongue_up=1.0, smile=0.35)
        shapes.append((rig, dict(open=opening, tongue=0.55, wide=0.1)))
    shapes.append(
        (
            dict(open=0.17, width=0.42, upper=0.55, teeth_u=1.0, teeth_l=1.0, smile=0.45),
            dict(open=0.17, wide=0.45, teeth=1.0),
        )
    )
    shapes.append(
        (
            dict(open=0.22, round=0.5, upper=0.6, teeth_u=1.0, teeth_l=0.9, smile=0.15),
            dict(open=0.22, wide=-0.5, teeth=1.0),
        )
    )
    for opening in (0.12, 0.26):
        rig = dict(open=opening, width=0.75, upper=0.55, teeth_u=1.0, smile=1.0)
        shapes.append((rig, dict(open=opening, wide=0.8, smile=1.0)))
    return shapes


GAZE_X = (-1.0, -0.5, 0.0, 0.5, 1.0)
GAZE_Y = (-0.7, 0.0, 0.7)
LIDS = (0.25, 0.5, 0.75, 1.0)


def eye_shapes() -> list[tuple[dict[str, float], dict[str, float]]]:
    shapes = []
    for gaze_y in GAZE_Y:
        for gaze_x in GAZE_X:
            at = dict(gaze_x=gaze_x, gaze_y=gaze_y, lid=0.0)
            shapes.append((dict(gaze_x=gaze_x, gaze_y=gaze_y), at))
    still = dict(gaze_x=0.0, gaze_y=0.0)
    shapes += [(dict(blink_l=lid, blink_r=lid), dict(still, lid=lid)) for lid in LIDS]
    shapes += [(dict(squint=s), dict(still, lid=0.0, squint=s)) for s in (0.4, 0.8)]
    return shapes


class Art:
    """The puppet on the art canvas, without its background."""

    def __init__(self, style: dict) -> None:
        self.puppet = Puppet(style, ART_W, ART_H, scale=SCALE)

    def draw(self, rig: Rig) -> np.ndarray:
        """One RGBA picture, alpha straight (not premultiplied)."""
        p = self.puppet
        # The layer warp is solved from the last frame: solve anew so that a sprite does not
        # depend on what was drawn before it.
        for layer in (p.face, p.hairF, p.hairB, p.neck, p.body, p.bcol, p.ear):
            if layer is not None:
                layer.u, layer.v, layer.first, layer.last = layer.tx.copy(), layer.ty.copy(), True, None
        a = p.render(rig).astype(np.float32)
        alpha = a[..., 3:]
        rgb = np.where(alpha > 0, a[..., :3] * 255 / np.maximum(alpha, 1), 0)
        return np.concatenate([np.clip(rgb + 0.5, 0, 255), alpha], -1).astype(np.uint8)


def changed(a: np.ndarray, pictures: list[np.ndarray], floor: int = 3) -> tuple[int, int, int, int]:
    """Bounding box (x, y, w, h) of everything that differs, padded and even."""
    mask = np.zeros(a.shape[:2], bool)
    for b in pictures:
        mask |= np.abs(a.astype(np.int16) - b).max(-1) > floor
    ys, xs = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    x0, y0 = (xs[0] - 6) // 2 * 2, (ys[0] - 6) // 2 * 2
    x1, y1 = (xs[-1] + 8) // 2 * 2, (ys[-1] + 8) // 2 * 2
    return int(x0), int(y0), int(x1 - x0), int(y1 - y0)


def write(path: Path, rgba: np.ndarray, quality: int = QUALITY) -> None:
    bgra = cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA)
    if not cv2.imwrite(str(path), bgra, [cv2.IMWRITE_WEBP_QUALITY, quality]):
        raise OSError(path)


def atlas(pictures: list[np.ndarray], rect: tuple[int, int, int, int]) -> np.ndarray:
    x, y, w, h = rect
    return np.concatenate([p[y : y + h, x : x + w] for p in pictures], 0)


def smooth(lo: float, hi: float, x: np.ndarray) -> np.ndarray:
    t = np.clip((x - lo) / (hi - lo), 0, 1)
    return t * t * (3 - 2 * t)


def bases(art: Art, character: dict, rig: Rig, alpha: np.ndarray) -> np.ndarray:
    """Displacement bases, float16 (len(BASES), rows, columns, 2): art px per unit of each parameter.

    Each is the numeric derivative of the puppet's own projection at this pose, so that the
    compositor's warp between poses agrees with what the next pose shows.
    """
    p = art.puppet
    rows, columns = ART_H // GRID + 1, ART_W // GRID + 1
    px, py = np.meshgrid(np.arange(columns) * GRID, np.arange(rows) * GRID)
    tx, ty = (px - p.cx) / p.cs, (py - p.cy) / p.cs
    lo, hi = character["hair_fall"]

    contour = catmull(sym(character["style"]["face"]), 12, True).astype(np.float32)

    def inside_face(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        points = np.stack([u.ravel(), v.ravel()], -1)
        far = [cv2.pointPolygonTest(contour, (float(a), float(b)), True) for a, b in points]
        return smooth(-16, 4, np.array(far).reshape(u.shape))

    def project(r: Rig, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the front-most layer puts a point: face, neck, or hair falling onto the body."""
        p.setup(r)
        face = np.stack(p.head(u, v, zface(u, v)))
        body = np.stack(p.bodyxf(u, v))

        def soft(z: np.ndarray, first: float, last: float) -> np.ndarray:
            w = 1 - smooth(first, last, v)
            return np.stack(p.head(u, v, z)) * w + body * (1 - w)

        neck = soft(np.full_like(u, -5.0), 110, 270)
        hair = soft(np.maximum(zface(u, np.minimum(v, 60)) * 0.92 + 14, -10), lo, hi)
        beside = smooth(68, 100, np.abs(u)) * smooth(-40, 90, v) + (1 - smooth(-40, 90, v))
        rest = hair * beside + neck * (1 - beside)
        out = face * inside + rest * (1 - inside)
        return out[0], out[1]

    inside = np.zeros_like(tx)
    u, v = tx.copy(), ty.copy()
    for step in range(40):  # invert the projection at this pose
        if step % 8 == 0:
            inside = inside_face(u, v)
        x, y = project(rig, u, v)
        u, v = u + (tx - x), v + (ty - y)
    out = np.zeros((len(BASES), rows, columns, 2), np.float32)
    inside = inside_face(u, v)
    for i, name in enumerate(BASES):
        if name.startswith("brow"):
            continue
        step = 1.0 if name in ("yaw", "pitch", "roll") else 0.5
        xa, ya = project(replace(rig, **{name: getattr(rig, name) + step}), u, v)
        xb, yb = project(replace(rig, **{name: getattr(rig, name) - step}), u, v)
        out[i, ..., 0] = (xa - xb) / (2 * step) * p.cs
        out[i, ..., 1] = (ya - yb) / (2 * step) * p.cs
    brow_y = p.st["brow"]["y"]
    for side, name in ((-1, "brow_l"), (1, "brow_r")):
        bump = np.exp(-(((u - side * 62) / 46) ** 4) - ((v - brow_y) / 17) ** 2)
        out[BASES.index(name), ..., 1] = -9.0 * bump * p.cs
    inner = np.exp(-(((np.abs(u) - 26) / 22) ** 2) - ((v - brow_y) / 16) ** 2)
    out[BASES.index("brow_in"), ..., 1] = -6.0 * inner * p.cs
    # The picture is warped as a whole: let the motion die away in the background.
    near = cv2.dilate((alpha > 8).astype(np.float32), np.ones((33, 33)))
    near = cv2.GaussianBlur(near, (0, 0), 22)[::GRID, ::GRID]
    near = cv2.copyMakeBorder(near, 0, rows - near.shape[0], 0, columns - near.shape[1], cv2.BORDER_REPLICATE)
    return (out * smooth(0.05, 0.9, near)[None, ..., None]).astype(np.float16)


# How a limb moves, in figure units and degrees: it rises from `drop` below, turning by `lean` about
# the elbow, and swings or bobs so many times while it is up.
MOTIONS = {
    "wave": dict(elbow=(-330, 640), drop=620, lean=18, swing=9, bob=0, beats=3.5),
    "thumbs_up": dict(elbow=(-300, 760), drop=640, lean=14, swing=1.5, bob=7, beats=2),
    "open_palms": dict(elbow=(-300, 900), drop=620, lean=12, swing=2.5, bob=5, beats=1.5),
}


def limbs(art: Art, style: dict, out: Path) -> list[dict]:
    """Every raised arm as a picture of its own, and where it belongs."""
    p = art.puppet
    found = []
    for gesture, hand in hands().items():
        motion = MOTIONS[gesture]
        for side in (-1, 1) if gesture == "open_palms" else (-1,):
            region, rgba = bake_arm(style, p.K, hand, mirrored=side > 0)
            ys, xs = np.nonzero(rgba[..., 3].max(1))[0], np.nonzero(rgba[..., 3].max(0))[0]
            crop = rgba[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1].astype(np.float32)
            alpha = crop[..., 3:]
            straight = np.where(alpha > 0, crop[..., :3] * 255 / np.maximum(alpha, 1), 0)
            name = f"{gesture}_{'left' if side < 0 else 'right'}.webp"
            write(out / name, np.concatenate([np.clip(straight + 0.5, 0, 255), alpha], -1).astype(np.uint8))
            found.append(
                dict(
                    gesture=gesture,
                    image=name,
                    x=p.cx + (region.x0 + xs[0] / region.K) * p.cs,
                    y=p.cy + (region.y0 + ys[0] / region.K) * p.cs,
                    pivot_x=p.cx - side * motion["elbow"][0] * p.cs,
                    pivot_y=p.cy + motion["elbow"][1] * p.cs,
                    drop=motion["drop"] * p.cs,
                    lean=-side * motion["lean"],
                    swing=-side * motion["swing"],
                    bob=motion["bob"] * p.cs,
                    beats=motion["beats"],
                )
            )
    return found


def bake(key: str, out: Path) -> None:
    character = CHARACTERS[key]
    out.mkdir(parents=True, exist_ok=True)
    for stale in out.glob("*.webp"):
        stale.unlink()
    art = Art(character["style"])
    p = art.puppet
    rest = dict(character["rest"])
    mouths, eyes = mouth_shapes(rest["smile"]), eye_shapes()
    poses, fields = [], []
    for index, yaw in enumerate(YAWS):
        rig = Rig(yaw=yaw, **rest)
        base = art.draw(rig)
        neutral = {k: v for k, v in rest.items() if k != "smile"}
        mouth_pictures = [art.draw(Rig(yaw=yaw, **{**neutral, **m})) for m, _ in mouths]
        eye_pictures = [art.draw(Rig(yaw=yaw, **{**rest, **e})) for e, _ in eyes]
        mouth_rect, eyes_rect = changed(base, mouth_pictures), changed(base, eye_pictures)
        write(out / f"pose_{index}.webp", base)
        write(out / f"mouth_{index}.webp", atlas(mouth_pictures, mouth_rect))
        write(out / f"eyes_{index}.webp", atlas(eye_pictures, eyes_rect))
        fields.append(bases(art, character, rig, base[..., 3]))
        poses.append(dict(yaw=yaw, pitch=0.0, mouth_rect=mouth_rect, eyes_rect=eyes_rect))
        print(f"{key}: pose {index + 1}/{len(YAWS)}", flush=True)
    np.savez_compressed(out / "fields.npz", bases=np.stack(fields))

    manifest = dict(
        format=1,
        id=character["id"],
        name=character["name"],
        art=dict(width=ART_W, height=ART_H, grid=GRID),
        portrait=dict(x=ART_W / 2, y=ART_H / 2, width=720, height=1280),
        square=dict(x=ART_W / 2, y=p.cy + 62 * SCALE, width=780, height=780),
        bases=BASES,
        mouth_axes=AXES,
        poses=poses,
        mouths=[at for _, at in mouths],
        eyes=[at for _, at in eyes],
        rest=dict(smile=rest["smile"]),
        limbs=limbs(art, character["style"], out),
        head_pivot=[p.cx + PIV[0] * p.cs, p.cy + PIV[1] * p.cs],
    )
    before = out / "manifest.json"
    if before.exists() and (voices := json.loads(before.read_text()).get("voices")):
        manifest["voices"] = voices  # chosen by ear, not drawn
    before.write_text(json.dumps(manifest, indent=1) + "\n")
    size = sum(f.stat().st_size for f in out.iterdir())
    print(f"{key}: {size / 1e6:.2f} MB", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("character", choices=sorted(CHARACTERS))
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    bake(arguments.character, arguments.out)
