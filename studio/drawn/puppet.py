"""The whole figure, drawn at a rig's pose."""

from __future__ import annotations

import math
import time

from arms import *
from clothes import *
from face import *
from features import CSC, Features
from hair import *
from mesh import *
from paint import *
from rig import *
from shapes import *


class Puppet(Features):
    def __init__(s, st, W, H, quality=1.0, scale=None):
        s.st = st
        s.W, s.H = W, H
        s.bare = scale is not None
        if scale is not None:
            s.cs = scale
            s.cx, s.cy = W / 2, H * 0.345
        elif H > W * 1.3:
            s.cs = 1.17 * W / 720
            s.cx, s.cy = W / 2, H * 0.345
        else:
            s.cs = W / 625
            s.cx, s.cy = W / 2, H * 0.46
        K = s.cs * quality
        s.K = K
        t0 = time.time()
        (RB, aB), (RF, aF) = HAIRSTYLES[st["hairstyle"]](st, K)

        def hs(R):
            full = np.zeros((R.h, R.w), np.float32)
            m = aF[..., 3].astype(np.float32) / 255
            M = np.float32([[1, 0, (RF.x0 - R.x0) * K + 5 * K], [0, 1, (RF.y0 - R.y0) * K + 10 * K]])
            full = cv2.warpAffine(m, M, (R.w, R.h))
            return gf(full, 9 * K)

        Rf, af, colf = bake_face(st, K, hs)
        g = 12 if W < 600 else 16
        s.face = Warp(s, Rf, af, g, 5, 34)
        s.hairF = Warp(s, RF, aF, g, 3, 30)
        s.hairB = Warp(s, RB, aB, 2 * g, 3, 20, 0.3) if aB is not None else None
        Rn, an = bake_neck(st, K)
        s.neck = Warp(s, Rn, an, g, 3, 20)
        Rb, ab = bake_body(st, K)
        if RF.y1 > 200:
            m_ = aF[..., 3].astype(np.float32) / 255
            M = np.float32([[1, 0, (RF.x0 - Rb.x0) * K + 6 * K], [0, 1, (RF.y0 - Rb.y0) * K + 9 * K]])
            hm = gf(cv2.warpAffine(m_, M, (Rb.w, Rb.h)), 6 * K) * 0.55
            fb = ab.astype(np.float32)
            fb[..., :3] *= (1 - hm)[..., None]
            ab = fb.astype(np.uint8)
        s.body = Warp(s, Rb, ab, 48, 2, 8, 0.25)
        s.bcol = Warp(s, *bake_back_collar(st, K), 24, 2, 8)
        s.ear = Warp(s, *bake_ear(st, K), g, 3, 24) if st["ears"] else None
        Rw, aw = bake_brow(st, K)
        s.browR = Mesh(Rw, aw, 8, 2, False)
        s.iris = bake_iris(st)
        s.bg = s.bake_bg()
        s.copyp = skia.Paint(BlendMode=skia.BlendMode.kSrc)

        def samp(u, v):
            return colf[int((v - Rf.y0) * K), int((u - Rf.x0) * K)].copy()

        e = st["eye"]
        s.lidc = {sd: (samp(sd * e["x"], -26), samp(sd * e["x"], 20)) for sd in (-1, 1)}
        s.cheekc = samp(0, 140)
        s.surfarr = np.zeros((H, W, 4), np.uint8)
        s.surf = skia.Surface.MakeRasterDirect(
            skia.ImageInfo.Make(W, H, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType), s.surfarr
        )
        s.bake_s = time.time() - t0

    def bake_bg(s):
        W, H = s.W, s.H
        y, x = np.mgrid[0:H, 0:W].astype(np.float32)
        a, b, c = [hexc(k) for k in s.st["bg"]]
        cx, cy = W * 0.42, H * 0.30
        r = np.hypot((x - cx) / W, (y - cy) / H * min(1.0, H / W * 0.75))
        t = np.clip(r / 0.95, 0, 1)
        col = np.where(
            (t < 0.5)[..., None], a + (b - a) * (t * 2)[..., None], b + (c - b) * (t * 2 - 1)[..., None]
        )
        a4 = np.zeros((H, W, 4), np.uint8)
        sf = skia.Surface.MakeRasterDirect(
            skia.ImageInfo.Make(W, H, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType), a4
        )
        cv = sf.getCanvas()
        q = W / 720

        def blob(pts, al, bl, cc="#ffffff"):
            cv.drawPath(
                poly(np.array(pts) * [W, H]),
                skia.Paint(
                    Color=C(cc, al),
                    AntiAlias=True,
                    MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, bl * q),
                ),
            )

        for k, (x0, wd) in enumerate([(-0.10, 0.17), (0.11, 0.17), (0.32, 0.10)]):
            blob(
                [(x0, -0.05), (x0 + wd, -0.05), (x0 + wd - 0.22, 0.75), (x0 - 0.22, 0.75)],
                0.30 - 0.07 * k,
                16,
            )
        blob([(0.80, 0.06), (1.1, 0.06), (1.1, 0.62), (0.80, 0.62)], 0.16, 12, s.st["bg"][2])
        blob([(0.835, 0.09), (1.1, 0.09), (1.1, 0.59), (0.835, 0.59)], 0.28, 9, s.st["bg"][0])
        k = a4[..., 3:].astype(np.float32) / 255
        col = col * (1 - k) + a4[..., :3].astype(np.float32) / 255
        vg = 1 - 0.13 * sstep(0.55, 1.15, np.hypot((x - W * 0.5) / W * 1.3, (y - H * 0.42) / H * 1.25))
        col = col * vg[..., None]
        col += np.random.default_rng(0).normal(0, 0.004, (H, W, 1))
        return img(to_rgba(col.astype(np.float32), np.ones((H, W), np.float32)))

    # --- transforms
    def setup(s, r):
        s.cyaw, s.syaw = math.cos(math.radians(r.yaw)), math.sin(math.radians(r.yaw))
        s.cp, s.sp = math.cos(math.radians(r.pitch)), math.sin(math.radians(r.pitch))
        s.cr, s.sr = math.cos(math.radians(r.roll)), math.sin(math.radians(r.roll))
        s.r = r
        s.hx = r.sway * 10 + r.yaw * 0.55
        s.hy = -2.2 * r.breath + r.nod * 4
        s.G = 44 * r.open * (1 + 0.15 * r.round)
        s.jaw = 0.56 * s.G * (1 - 0.35 * r.round)

    def head(s, u, v, z):
        x = u * s.cyaw + z * s.syaw
        z2 = -u * s.syaw + z * s.cyaw
        y = (v - PIV[1]) * s.cp - z2 * s.sp
        z3 = (v - PIV[1]) * s.sp + z2 * s.cp
        k = 1 + z3 / 1500
        x = x * k
        y = y * k
        X = x * s.cr - y * s.sr
        Y = x * s.sr + y * s.cr
        return X + s.hx, Y + PIV[1] + s.hy

    def bodyxf(s, u, v):
        r = s.r
        k = sstep(820, 240, v)
        rise = -3.0 * r.breath * sstep(820, 330, v)
        spread = 1 + 0.006 * r.breath * np.exp(-(((v - 430) / 120) ** 2))
        return u * spread + r.sway * 6 * k + r.roll * 0.25 * k, v + rise + np.abs(
            u
        ) / 300 * r.sway * 0 + u / 300 * r.sway * 3

    def facedef(s, u, v):
        r = s.r
        a = np.abs(u)
        w = sstep(112, 168, v) * (1 - 0.5 * np.clip(a / 125, 0, 1) ** 2)
        dv = s.jaw * w
        sm = max(0, r.smile)
        g = np.exp(-(((a - 66) / 34) ** 2) - ((v - 78) / 34) ** 2)
        dv = dv - 5.5 * sm * g
        du = np.sign(u) * (3.2 * sm * g - 0.035 * a * r.open * sstep(70, 150, v) * 0.8)
        return u + du, v + dv

    def P(s, u, v, dz=0):
        u = np.asarray(u, float)
        v = np.asarray(v, float)
        return s.head(u, v, zface(u, v) + dz)

    def path(s, X, Y, close=True):
        p = skia.Path()
        p.addPoly(list(map(skia.Point, np.asarray(X, float).tolist(), np.asarray(Y, float).tolist())), close)
        return p

    # --- render
    def render(s, r):
        CSC[0] = s.cs
        s.setup(r)
        c = s.surf.getCanvas()
        if s.bare:
            c.clear(0)
        else:
            c.drawImage(s.bg, 0, 0, skia.SamplingOptions(), s.copyp)

        def soft(zf, w0, w1):
            def F(u, v):
                hx, hy = s.head(u, v, zf(u, v))
                bx, by = s.bodyxf(u, v)
                w = sstep(w1, w0, v)
                return hx * w + bx * (1 - w), hy * w + by * (1 - w)

            return F

        if s.hairB:
            s.hairB.draw(c, soft(lambda u, v: -70.0, 60, 430))
        s.bcol.draw(c, s.bodyxf)
        s.neck.draw(c, soft(lambda u, v: -5.0, 110, 270))
        s.body.draw(c, s.bodyxf)
        if s.ear:
            s.ear.draw(c, lambda u, v: s.head(u, v, 8 - 0.55 * (np.abs(u) - 126)))
        s.face.draw(c, lambda u, v: s.faceF(u, v))
        c.save()
        c.translate(s.cx, s.cy)
        c.scale(s.cs, s.cs)
        s.mouth(c)
        for sd in (-1, 1):
            s.eye(c, sd)
        for sd in (-1, 1):
            s.brow(c, sd)
        c.restore()
        if s.st.get("glasses"):
            s.spectacles(c)
        s.hairF.draw(c, soft(lambda u, v: np.maximum(zface(u, np.minimum(v, 60)) * 0.92 + 14, -10), 120, 440))
        return s.surfarr

    def faceF(s, u, v):
        u2, v2 = s.facedef(u, v)
        return s.head(u2, v2, zface(u, v))
