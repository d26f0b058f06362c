"""The eyes of a photo: lids that close over them, and irises that look elsewhere."""

from __future__ import annotations

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.pack.manifest import EyesArt
from bunraku.node.people.photo.arrays import U8, Box, Floats, smooth, step
from bunraku.node.people.photo.eyeframe import EyeFrame
from bunraku.node.people.photo.portrait import Portrait
from bunraku.node.people.photo.space import sample

LOOK_X, LOOK_Y = 0.65, 0.42  # how far the iris goes at gaze 1, in its own radii
RINGS = 12  # of the iris, for what a lid hides of it


class Eyes:
    """Both, as one sprite; ``box`` says where it belongs, in art px."""

    def __init__(self, portrait: Portrait) -> None:
        self._art = portrait.bgra
        self._eyes = [Eye(EyeFrame(portrait, i)) for i in (0, 1)]
        boxes = np.array([eye.frame.box for eye in self._eyes])
        x0, y0 = boxes[:, :2].min(0) // 2 * 2
        x1, y1 = ((boxes[:, :2] + boxes[:, 2:]).max(0) + 1) // 2 * 2
        self.box: Box = (int(x0), int(y0), int(x1 - x0), int(y1 - y0))

    def draw(self, look: EyesArt) -> U8:
        """Straight BGRA of ``box``."""
        x, y, w, h = self.box
        out = self._art[y : y + h, x : x + w].copy()
        for eye in self._eyes:
            ex, ey, ew, eh = eye.frame.box
            out[ey - y : ey - y + eh, ex - x : ex - x + ew, :3] = eye.draw(look)
        return out


class Eye:
    def __init__(self, frame: EyeFrame) -> None:
        self.frame = frame
        self._ball = self._eyeball()
        self._lid = self._bare_lid()
        f = frame
        edge = (np.abs(f.y - f.up) < 0.16 * f.height) & (np.abs(f.x) < 0.8 * f.half)
        self._lash = np.percentile(f.patch[edge], 12, axis=0).astype(np.float32)

    def _bare_lid(self) -> Floats:
        """The lid's skin, from above the fold, smoothed; stretched lashes would look like a brush."""
        f = self.frame
        strip = smooth(0.2, 0.1, np.abs(f.y - (f.up - 0.6 * f.height)) / f.height)
        strip = strip * smooth(1.05, 0.95, np.abs(f.x) / f.half)
        middle = np.median(f.patch[strip > 0.5], 0)
        sane = strip * (np.abs(f.patch - middle).max(-1) < 45)  # a lens's glint is not skin
        sigma = 0.35 * f.half
        near = cv2.GaussianBlur(f.patch * sane[..., None], (0, 0), sigma)
        weight = cv2.GaussianBlur(sane, (0, 0), sigma)[..., None]
        lid = (near + 0.02 * middle) / (weight + 0.02)
        # The fold lies in shade; the lid that comes out of it is lit as the skin under the eye.
        under = np.abs(f.y - f.low - 0.5 * f.height) < 0.2 * f.height
        skin = np.median(f.patch[under & (np.abs(f.x) < 0.8 * f.half)], 0)
        return (0.6 * lid + 0.4 * np.minimum(skin, 1.25 * lid)).astype(np.float32)

    def _eyeball(self) -> Floats:
        """The eye without lids: the iris completed where they hide it, the white carried on."""
        f = self.frame
        dx, dy = f.x - f.iris[0], f.y - f.iris[1]
        radius = np.hypot(dx, dy) / f.radius
        seen = f.open_part(0.09 * f.height) * (f.inner > 0.4)
        # What the lids hide of the white: as it is at their edges.
        inset, middle = 0.14 * f.height, (f.up + f.low) / 2
        y = np.clip(f.y, np.minimum(f.up + inset, middle), np.maximum(f.low - inset, middle))
        ball = sample(f.patch, f.at(f.x, y))
        # Iris: what is seen, else the mean of its ring.
        ring = np.minimum((radius * 10).astype(int), RINGS - 1)
        rings = np.zeros((RINGS, 3), np.float32)
        for k in range(RINGS):
            there = (seen > 0.6) & (ring == k)
            rings[k] = f.patch[there].mean(0) if there.any() else rings[k - 1] if k else (40, 40, 40)
        radial = cv2.GaussianBlur(rings[ring], (0, 0), 0.8)
        full = radial + (f.patch - radial) * seen[..., None]
        ball = ball + (full - ball) * smooth(1.12, 1.0, radius)[..., None]
        return ball + (f.patch - ball) * f.open_part(0.05 * f.height)[..., None]

    def draw(self, look: EyesArt) -> U8:
        """BGR of the frame's box."""
        f = self.frame
        picture = f.patch
        # The lids go along with the gaze: a lowered look lowers the upper one.
        drop = look.lid + 0.22 * max(0.0, -look.gaze_y) - 0.06 * max(0.0, look.gaze_y)
        drop = min(1.0, max(-0.1, drop))
        if look.gaze_x or look.gaze_y:
            moved = self._look(look.gaze_x * LOOK_X * f.radius, -look.gaze_y * LOOK_Y * f.radius)
            picture = picture + (moved - picture) * f.open_part(0.06 * f.height)[..., None]
        if drop or look.squint:
            picture = self._close(picture, drop, look.squint)
        return np.clip(picture + 0.5, 0, 255).astype(np.uint8)

    def _look(self, dx: float, dy: float) -> Floats:
        """The eyeball with its iris moved: the white, the photo's own, gives way on one side and
        stretches on the other, so that nothing of it has to be invented."""
        f = self.frame
        ahead = f.half * 0.92 - (np.sign(dx) or 1.0) * f.iris[0] - f.radius
        reach = max(0.15 * f.radius, 0.6 * ahead)
        dx = min(reach, max(-reach, dx))
        away = f.x - f.iris[0] - dx
        room = np.where(away > 0, f.half - f.iris[0] - dx, f.half + f.iris[0] + dx) - f.radius
        weight = 1 - smooth(0.0, 1.0, (np.abs(away) - f.radius) / np.maximum(room, 0.2 * f.radius))
        return sample(self._ball, f.at(f.x - dx * weight, f.y - dy * weight))

    def _close(self, picture: Floats, lid: float, squint: float) -> Floats:
        f = self.frame
        tall = np.maximum(f.low - f.up, 0)
        raised = (0.1 * max(lid, 0) + 0.2 * squint) * tall
        low = f.low - raised
        edge = f.up + (low - f.up + 0.02 * f.height) * lid + 0.1 * squint * tall
        edge = np.minimum(edge, low + 0.02 * f.height)
        out = self._lower_lid(picture, low, raised)
        upper = self._cover(self._upper_lid(picture, edge), edge, max(lid, 0.0))
        on = smooth(0.8, -0.8, f.y - edge) * (f.inner > 0)
        out = out + (upper - out) * on[..., None]
        # The lash line at the edge, and the shadow it casts on the eye.
        d = (f.y - edge) / f.height
        line = np.exp(-((d / 0.085) ** 2)) * f.inner * step(0.0, 0.35, max(lid, 0.6 * squint))
        out = out + (self._lash - out) * (0.75 * line)[..., None]
        on_eye = (1 - smooth(-0.8, 0.8, f.y - low)) * (d > 0) * f.inner
        cast = smooth(0.3, 0.0, d) * on_eye * (0.25 * max(lid, 0.0))
        return (out * (1 - cast)[..., None]).astype(np.float32)

    def _upper_lid(self, picture: Floats, edge: Floats) -> Floats:
        """Stretched from the fold (which stays) to the edge; near the edge nothing is stretched."""
        f = self.frame
        fold = f.up - f.skin
        reach = np.maximum(edge - fold, 1e-3)
        t = np.clip((f.y - fold) / reach, 0, 1)
        keep = np.minimum(0.22 * f.height / reach, 0.45)  # lashes keep their thickness
        own = 0.22 * f.height / f.skin
        bent = np.where(t > 1 - keep, 1 - (1 - t) / keep * own, t / (1 - keep) * (1 - own))
        y = np.where((f.y > fold) & (f.y < edge + 1), fold + bent * f.skin, f.y)
        return sample(picture, f.at(f.x, y))

    def _lower_lid(self, picture: Floats, low: Floats, raised: Floats) -> Floats:
        """Its skin comes up a little."""
        f = self.frame
        depth = 0.9 * f.height
        s = np.clip((f.y - low) / (depth + raised), 0, 1)
        y = np.where((f.y > low - 1) & (f.y <= f.low + depth), f.low + s * depth, f.y)
        lower = sample(picture, f.at(f.x, y))
        on = smooth(-0.8, 0.8, f.y - low) * (f.inner > 0)
        return picture + (lower - picture) * on[..., None]

    def _cover(self, upper: Floats, edge: Floats, shut: float) -> Floats:
        """Bare lid over what was stretched; it rounds over the eyeball: light in the middle, shaded to
        fold and lashes."""
        f = self.frame
        fold = f.up - 0.4 * f.height
        t = np.clip((f.y - fold) / np.maximum(edge - fold, 1e-3), 0, 1)
        rounded = 0.9 + 0.14 * np.sin(np.pi * np.clip(t * 1.1 - 0.05, 0, 1)) - 0.1 * (f.x / f.half) ** 2
        grain = upper - cv2.GaussianBlur(upper, (0, 0), 2.5)
        bare = self._lid * rounded[..., None] + 0.15 * grain
        on = smooth(0.0, 0.3, (f.y - fold) / f.height) * smooth(1.12, 0.9, np.abs(f.x) / f.half)
        return upper + (bare - upper) * (on * step(0.0, 0.45, shut))[..., None]
