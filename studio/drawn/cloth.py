"""What outfits are put on with."""

from __future__ import annotations

from paint import *
from shapes import *


class Cloth:
    """The picture of an outfit as it is put on, piece by piece."""

    def __init__(self, st, K):
        self.st, self.K = st, K
        self.R = Region(-400, 190, 400, 820, K)
        self.U, self.V = self.R.grid()
        self.out = np.zeros((self.R.h, self.R.w, 4), np.uint8)
        self.f = st["gender"] == "f"
        self.nw = 57 if self.f else 78  # half the neck
        self.top = 258 if self.f else 240
        self.S = st["shoulder"]

    def put(self, rgba):
        self.out = over(self.out, rgba)

    def piece(self, path, ramp_, zmax, bumps=None, wrap=0.4, **options):
        m, col, _ = lit_shape(self.R, path, ramp_, zmax, bumps, wrap, **options)
        self.put(to_rgba(col, m))

    def shadow(self, path, op, bl, dx, dy, c="#000000"):
        K = self.K
        mm = np.roll(np.roll(self.R.mask(path, bl), int(dx * K), 1), int(dy * K), 0) * op
        k = mm[..., None] * self.out[..., 3:].astype(np.float32) / 255
        o = self.out.astype(np.float32)
        a = self.out[..., 3:].astype(np.float32) / 255
        o[..., :3] = o[..., :3] * (1 - k) + hexc(c) * 255 * a * k
        self.out = o.astype(np.uint8)

    def seam(self, pts, w=1.1, op=0.5, hl=0.18, ramp_=None, n=60):
        rp = ramp_ or self.st["jacket"]
        a, c, _ = self.R.surf()
        P = resample(catmull(pts, 12), n)
        blur = lambda k: skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, k)
        stroke = dict(AntiAlias=True, Style=skia.Paint.kStroke_Style)
        dark = C(mix(rp[0][1], "#000000", 0.3), op)
        c.drawPath(
            poly(P, False),
            skia.Paint(
                StrokeWidth=w, StrokeCap=skia.Paint.kRound_Cap, Color=dark, MaskFilter=blur(0.45), **stroke
            ),
        )
        if hl:
            c.translate(-0.9, -1.1)
            c.drawPath(
                poly(P, False),
                skia.Paint(StrokeWidth=w * 0.8, Color=C(rp[4][1], hl), MaskFilter=blur(0.4), **stroke),
            )
        self.put(a)

    def buttons(self, x, ys, r=4.2, light="#ffffff", dark="#d6c7b8"):
        for y in ys:
            a, c, _ = self.R.surf()
            ball = skia.GradientShader.MakeRadial(skia.Point(x - 1.3, y - 1.6), r * 1.3, [C(light), C(dark)])
            c.drawCircle(x, y, r, skia.Paint(AntiAlias=True, Shader=ball))
            disc = skia.Path()
            disc.addCircle(x, y, r)
            self.shadow(disc, 0.35, 1.6, 1, 1.8, "#4a3428")
            self.put(a)

    def weave(self, strength=0.022):
        """Fine twill over everything."""
        g = gf(np.random.default_rng(1).standard_normal((self.R.h, self.R.w)), 0.6) * strength
        o = self.out.astype(np.float32)
        o[..., :3] = np.clip(o[..., :3] * (1 + g[..., None]), 0, o[..., 3:])
        self.out = o.astype(np.uint8)


def arm_folds(R, s, S):
    """Bumps of a sleeve beside the body, and of the cloth it pulls."""
    b = line_field(
        R, [(s * (S - 66), 420), (s * (S - 60), 520), (s * (S - 56), 640), (s * (S - 58), 826)], 7, -8, False
    )
    b += line_field(R, [(s * (S - 52), 345), (s * (S - 64), 385), (s * (S - 68), 440)], 5, -2.5)
    b += line_field(
        R, [(s * (S - 74), 452), (s * (S - 110), 500), (s * (S - 170), 580)], 9, 3.2
    ) + line_field(R, [(s * (S - 72), 478), (s * (S - 112), 540), (s * (S - 160), 640)], 8, -2.6)
    b += line_field(
        R, [(s * (S - 74), 600), (s * (S - 130), 640), (s * (S - 200), 668)], 11, 3.0
    ) + line_field(R, [(s * (S - 72), 640), (s * (S - 130), 672), (s * (S - 210), 690)], 9, -2.6)
    b += line_field(R, [(s * (S - 50), 470), (s * (S - 10), 520), (s * (S + 14), 530)], 8, 2.6) + line_field(
        R, [(s * (S - 54), 560), (s * (S - 16), 610), (s * (S + 18), 622)], 8, -2.6
    )
    return b + line_field(R, [(s * (S - 52), 600), (s * (S - 14), 656), (s * (S + 18), 670)], 9, 2.6)


def shoulder_line(s, S, nw):
    """From the hem up the sleeve and over the shoulder to the neck."""
    return [
        (s * (S + 34), 826),
        (s * (S + 30), 700),
        (s * (S + 24), 560),
        (s * (S + 14), 460),
        (s * (S + 1), 392),
        (s * (S - 22), 350),
        (s * (S - 62), 322),
        (s * (S - 130), 300),
        (s * (nw + 76), 280),
        (s * (nw + 44), 264),
    ]
