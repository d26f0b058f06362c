"""Photographs that will not do, made of those that do: a head turned, a mouth or an eye drawn anew by the
photo route itself, things painted before a face."""

from __future__ import annotations

import cv2
import numpy as np

from bunraku.node.avatars.pack.manifest import EyesArt
from bunraku.node.people.photo import judge
from bunraku.node.people.photo.eyes import Eyes
from bunraku.node.people.photo.find import Face, Finder
from bunraku.node.people.photo.mouth import Mouth
from bunraku.node.people.photo.portrait import lay_out
from bunraku.node.people.photo.shapes import Rig

MASK = (93, 137, 123, 50, 36, 131, 198, 195, 419, 360, 266, 280, 352, 366, 323)  # its upper edge
JAW = (361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132)
CHEEKS = (50, 280, 205, 425)


def found(finder: Finder, bgr: np.ndarray) -> Face:
    """The one face; raises as the maker does."""
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return finder.face(rgb, judge.choose(finder.squares(rgb)))


def judged(finder: Finder, bgr: np.ndarray) -> list[str]:
    """Warnings of a picture; raises as the maker does."""
    face = found(finder, bgr)
    return judge.judge(bgr, face, finder.lids(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), face))


def turned(bgr: np.ndarray, face: Face, degrees: float) -> np.ndarray:
    """The face's mesh turned about the vertical through the ears' middle, drawn far triangles first."""
    p = face.points
    middle, a = p[[234, 454]].mean(0), np.radians(degrees)
    d = p - middle
    there = np.column_stack([d[:, 0] * np.cos(a) - d[:, 2] * np.sin(a), d[:, 1]]) + middle[:2]
    depth = d[:, 0] * np.sin(a) + d[:, 2] * np.cos(a)
    height, width = bgr.shape[:2]
    plane = cv2.Subdiv2D((-width, -height, 3 * width, 3 * height))
    known = {}
    for i, (x, y) in enumerate(p[:, :2].astype(np.float32).tolist()):
        known[round(x, 2), round(y, 2)] = i
        plane.insert((x, y))
    corners = [
        [known.get((round(float(x), 2), round(float(y), 2))) for x, y in t.reshape(3, 2)]
        for t in plane.getTriangleList()
    ]
    mesh = [c for c in corners if None not in c]
    out = bgr.copy()
    for ids in sorted(mesh, key=lambda ids: -depth[ids].mean()):
        to, source = there[ids].astype(np.float32), p[ids, :2].astype(np.float32)
        (ax, ay), (bx, by) = to[1] - to[0], to[2] - to[0]
        if abs(ax * by - ay * bx) < 0.5:
            continue
        m = cv2.getAffineTransform(to, source)
        (x0, y0), (x1, y1) = np.floor(to.min(0)).astype(int), np.ceil(to.max(0)).astype(int) + 1
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        if x0 >= x1 or y0 >= y1:
            continue
        inside = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillConvexPoly(inside, np.int32((to - [x0, y0]) * 16), 1, shift=4)
        x, y = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
        where = np.stack([x, y, np.ones_like(x)], -1).astype(np.float32) @ m.T.astype(np.float32)
        part = cv2.remap(bgr, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out[y0:y1, x0:x1][inside > 0] = part[inside > 0]
    return out


def gaping(bgr: np.ndarray, face: Face, opening: float) -> np.ndarray:
    """Her mouth open, as the photo route draws it."""
    portrait = lay_out(bgr, face, np.ones(bgr.shape[:2], np.float32))
    mouth = Mouth(portrait)
    x, y, w, h = mouth.box
    portrait.bgra[y : y + h, x : x + w] = mouth.draw(Rig(open=opening, width=0.3, lift=0.5))
    return portrait.bgra[..., :3].copy()


def winking(bgr: np.ndarray, face: Face, *, both: bool = False) -> np.ndarray:
    """An eye shut, or both, as the photo route draws lids."""
    portrait = lay_out(bgr, face, np.ones(bgr.shape[:2], np.float32))
    eyes = Eyes(portrait)
    x, y, w, h = eyes.box
    shut = eyes.draw(EyesArt(gaze_x=0.0, gaze_y=0.0, lid=1.0))
    part = w if both else w // 2
    portrait.bgra[y : y + h, x : x + part] = shut[:, :part]
    return portrait.bgra[..., :3].copy()


def painted(bgr: np.ndarray, face: Face, what: str) -> np.ndarray:
    """``mask`` (blue), ``black``, ``scarf``, ``hand`` or ``microphone`` before the mouth, ``glasses`` (dark)."""
    p, unit = face.points[:, :2], face.apart
    shape = np.zeros(bgr.shape[:2], np.float32)
    seams = np.zeros_like(shape)
    cloths = {"mask": (205, 190, 150), "black": (35, 33, 33), "scarf": (60, 40, 120)}
    if what in cloths:
        edge = [*p[list(MASK)], *(p[list(JAW)] + [0, 0.12 * unit])]
        cv2.fillPoly(shape, [np.int32(edge)], 1)
        for k in range(-2, 3):
            y = int(p[14, 1] + 0.3 * k * unit)
            cv2.line(seams, (0, y), (bgr.shape[1], y + int(0.1 * unit)), 1, max(2, int(0.03 * unit)))
        colour = np.array(cloths[what], float)
    elif what == "hand":
        x, y = p[[13, 14]].mean(0)
        for k in range(4):
            at = y + (k - 1.4) * 0.22 * unit
            for canvas, drop, thick in ((shape, 0, 0.24), (seams, 0.11, 0.03)):
                a = (int(x - 0.7 * unit), int(at + drop * unit))
                b = (int(x + 1.5 * unit), int(at + (drop + 0.25) * unit))
                cv2.line(canvas, a, b, 1, max(2, int(thick * unit)))
        colour = np.median([bgr[int(v), int(u)] for u, v in p[list(CHEEKS)]], 0)
    elif what == "microphone":
        x, y = p[14] + [0, 0.1 * unit]
        cv2.circle(shape, (int(x), int(y)), int(0.42 * unit), 1, -1)
        cv2.line(shape, (int(x), int(y)), (int(x + 0.8 * unit), int(y + 2 * unit)), 1, int(0.3 * unit))
        colour = np.array([40, 40, 42], float)
    else:
        for x, y in face.irises[:, :2]:
            size = (int(0.4 * unit), int(0.3 * unit))
            cv2.ellipse(shape, (int(x), int(y + 0.05 * unit)), size, 0, 0, 360, 1, -1)
        a, b = np.int32(face.irises[:, :2])
        cv2.line(shape, tuple(map(int, a)), tuple(map(int, b)), 1, max(2, int(0.06 * unit)))
        colour = 0.1 * bgr + 18
    shade = np.random.default_rng(1).standard_normal(shape.shape).astype(np.float32)
    shade = 1 + 0.1 * cv2.normalize(
        cv2.GaussianBlur(shade, (0, 0), 0.12 * unit), None, -1, 1, cv2.NORM_MINMAX
    )
    shade *= 1 - 0.3 * cv2.GaussianBlur(seams, (0, 0), 0.02 * unit)
    alpha = cv2.GaussianBlur(shape, (0, 0), 1.5)[..., None]
    return np.clip(bgr * (1 - alpha) + colour * shade[..., None] * alpha, 0, 255).astype(np.uint8)
