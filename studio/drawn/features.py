"""What is drawn anew for every sprite: brows, eyes, mouth, spectacles."""

from __future__ import annotations

import math

from paint import *

CSC = [1.0]


def MB(k):
    return skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, k) if k * CSC[0] > 1.15 else None


class Features:
    """Of a ``Puppet``: its style, its rig and its projection are there."""

    def brow(s, c, sd):
        b = s.st["brow"]
        e = s.st["eye"]
        r = s.r
        val = r.brow_l if sd < 0 else r.brow_r
        m = s.browR
        t = (m.u + 46) / 92
        u = e["x"] + 1 + m.u
        v = (
            m.v
            + b["y"]
            - val * 11
            + r.brow_in * (-9 * (1 - t) + 3 * t)
            + 2.2 * r.squint
            - 1.0 * (val * 4 * np.sin(np.pi * np.clip(t, 0, 1)))
        )
        u = u - np.maximum(0, -r.brow_in) * 4 * (1 - t)
        m.draw(c, *s.P(sd * u, v, 2))

    def eye(s, c, sd):
        st = s.st
        e = st["eye"]
        r = s.r
        bl = np.clip(r.blink_l if sd < 0 else r.blink_r, 0, 1)
        val = r.brow_l if sd < 0 else r.brow_r
        N = 19
        t = np.sin(np.linspace(-1, 1, N) * np.pi / 2)  # -1 inner .. 1 outer
        w = e["w"]
        x = e["x"] + w * t
        tilt = -e["tilt"] * t + 0.8
        up = e["up"] * (
            1
            + 0.10 * max(0, val)
            - 0.18 * r.squint
            - 0.10 * max(0, -r.gaze_y) * -1 * 0
            + (0.10 * r.gaze_y * -1 if r.gaze_y < 0 else -0.22 * r.gaze_y)
        )
        tt = t - e["skew"] * (1 - t * t)
        shp = np.clip(1 - tt**2, 0, 1) ** 0.72 * (1 - 0.06 * t)
        tl = t - 0.16 * (1 - t * t)
        lshp = np.clip(1 - tl**2, 0, 1) ** 0.85
        lo = e["lo"] * (1 - 0.35 * r.squint - 0.25 * max(0, r.smile - 0.3))
        yup0 = e["y"] + tilt - up * shp
        ylo = e["y"] + tilt + lo * lshp
        ycl = e["y"] + tilt + (lo * 0.62) * lshp + 1.0
        yup = yup0 * (1 - bl) + ycl * bl
        ylo = ylo * (1 - 0.25 * bl) + (e["y"] + tilt + lo * 0.75 * lshp) * 0.25 * bl
        X1, Y1 = s.P(sd * x, yup, -2)
        X2, Y2 = s.P(sd * x, ylo, -2)
        open_ = float(np.max(ylo - yup))
        sk0, sk1 = s.lidc[sd]
        dk = hexc(st["skin"][1][1])
        dd = hexc(st["skin"][0][1])
        # ---- eyeball
        if open_ > 1.6:
            opn = s.path(np.r_[X1, X2[::-1]], np.r_[Y1, Y2[::-1]])
            c.save()
            c.clipPath(opn, True)
            top = float(Y1.min())
            bot = float(Y2.max())
            wh = mix(hexc("#fbf6f2"), hexc(st["skin"][4][1]), 0.12)
            c.drawPaint(
                skia.Paint(
                    Shader=skia.GradientShader.MakeLinear(
                        [skia.Point(0, top), skia.Point(0, bot)],
                        [
                            C(wh * np.array([0.70, 0.66, 0.68])),
                            C(wh * 0.97),
                            C(wh * np.array([0.93, 0.88, 0.87])),
                        ],
                        [0, 0.5, 1],
                    )
                )
            )
            # caruncle
            cxp, cyp = s.P(sd * (e["x"] - w * 0.93), e["y"] + e["tilt"] + 1.2, -2)
            cc = "#d98a7c" if st["gender"] == "f" else "#9a5a4c"
            c.drawCircle(
                float(cxp),
                float(cyp),
                6.2,
                skia.Paint(
                    AntiAlias=True,
                    Shader=skia.GradientShader.MakeRadial(
                        skia.Point(float(cxp), float(cyp)),
                        6.2,
                        [C(cc, 0.9), C(cc, 0.75), C(cc, 0)],
                        [0, 0.5, 1],
                    ),
                ),
            )
            gx = r.gaze_x * 9.5 - r.yaw * 0.0
            gy = r.gaze_y * 6.0
            ix, iy = s.P(sd * e["x"] + gx, e["y"] - 2.6 + gy, 0)
            R = e["iris"]
            fx = math.cos(math.asin(np.clip((gx + r.yaw * 0.25) / 26, -0.9, 0.9)))
            c.save()
            c.translate(float(ix), float(iy))
            c.scale(fx, 1)
            c.drawCircle(0, 0, R + 0.9, skia.Paint(Color=C("#3a2a28", 0.22), AntiAlias=True))
            c.drawImageRect(
                s.iris,
                skia.Rect.MakeXYWH(-R, -R, 2 * R, 2 * R),
                skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear),
            )
            c.restore()
            # lid shadow on ball
            s.strip(c, X1, Y1 - 1, X1, Y1 + 10 + 0.12 * open_, "#2a1512", 0.85)
            # catchlights
            a = float(np.clip(open_ / 12, 0, 1))
            c.drawOval(
                skia.Rect.MakeXYWH(float(ix) - R * 0.52, float(iy) - R * 0.60, R * 0.46, R * 0.46),
                skia.Paint(Color=C((1, 1, 1), 0.95 * a), AntiAlias=True),
            )
            c.drawOval(
                skia.Rect.MakeXYWH(float(ix) + R * 0.22, float(iy) + R * 0.30, R * 0.24, R * 0.20),
                skia.Paint(Color=C((1, 1, 1), 0.50 * a), AntiAlias=True),
            )
            c.restore()
        # ---- upper lid skin (crease -> lid line)
        crg = 7.5 if st["gender"] == "f" else 5.5
        ycr = yup0 - crg * (1 - 0.25 * np.abs(t) ** 2) + 2.0 * bl
        Xc, Yc = s.P(sd * (e["x"] + (w + 1.5) * t), ycr, -2)
        lid = s.path(np.r_[X1, Xc[::-1]], np.r_[Y1, Yc[::-1]])
        lt = mix(sk0, dk, 0.30)
        lm = mix(sk0, hexc(st["skin"][4][1]), 0.25)
        c.drawPath(
            lid,
            skia.Paint(
                AntiAlias=True,
                Shader=skia.GradientShader.MakeLinear(
                    [skia.Point(0, float(Yc.min())), skia.Point(0, float(Y1.max()))],
                    [C(mix(sk0, dk, 0.55)), C(mix(lm, sk0, 0.4)), C(lt)],
                    [0, 0.5, 1],
                ),
                MaskFilter=MB(0.7),
            ),
        )
        # crease line
        cw = np.sin(np.pi * np.clip((t + 1.02) / 2.04, 0, 1)) ** 0.8 * 1.5 + 0.2
        c.drawPath(
            s.path(np.r_[Xc, Xc[::-1]], np.r_[Yc - cw * 0.5, (Yc + cw * 0.5)[::-1]]),
            skia.Paint(Color=C(dd, 0.55 - 0.2 * bl), AntiAlias=True, MaskFilter=MB(0.6)),
        )
        # ---- lash line
        f = st["lash"]
        th = (1.0 + (2.6 * f) * sstep(-1, 0.7, t) + 0.5) * (1 - 0.55 * sstep(0.9, 1, t))
        ext = 3.8 * f
        Xl = np.r_[X1, X1[-1] + sd * ext * s.cyaw]
        Yl = np.r_[Y1, Y1[-1] - ext * 0.62 * (1 - 1.3 * bl)]
        th = np.r_[th, 0.2]
        c.drawPath(
            s.path(np.r_[Xl, Xl[::-1]], np.r_[Yl - th * 0.85, (Yl + th * 0.35)[::-1]]),
            skia.Paint(Color=C(st["lash_c"], 0.95), AntiAlias=True),
        )
        lp = skia.Path()
        dirn = -1 + 1.75 * bl
        for q in np.linspace(0.50, 0.985, int(8 * max(f, 0.0))) if f > 0.6 else []:
            k = q * (N - 1)
            i = int(k)
            fr = k - i
            i2 = min(i + 1, N - 1)
            px = X1[i] * (1 - fr) + X1[i2] * fr
            py = Y1[i] * (1 - fr) + Y1[i2] * fr
            ln = (1.0 + 6.6 * q**1.8) * f
            ax = sd * (-0.25 + 1.05 * q)
            ay = dirn * (1 - 0.25 * q)
            nx, ny = px + ax * ln, py + ay * ln
            qx, qy = px + ax * ln * 0.55, py + ay * ln * 0.38
            lp.moveTo(px - 0.8, py)
            lp.quadTo(qx - 0.5, qy, nx, ny)
            lp.quadTo(qx + 0.5, qy, px + 0.8, py)
            lp.close()
        c.drawPath(lp, skia.Paint(Color=C(st["lash_c"], 0.9), AntiAlias=True))
        c.drawPath(
            s.path(X2[2:-1], Y2[2:-1] - 0.7, False),
            skia.Paint(
                Color=C("#f0b9a8" if st["gender"] == "f" else "#a87360", 0.75 * (1 - bl)),
                AntiAlias=True,
                Style=skia.Paint.kStroke_Style,
                StrokeWidth=1.3,
            ),
        )
        # lower lid line + rim
        c.drawPath(
            s.path(X2[3:], Y2[3:] + 0.4, False),
            skia.Paint(
                Color=C(mix(st["lash_c"], dk, 0.45), 0.55),
                AntiAlias=True,
                Style=skia.Paint.kStroke_Style,
                StrokeWidth=1.0,
                StrokeCap=skia.Paint.kRound_Cap,
            ),
        )

    def spectacles(s, c):
        """Thin rims on the head, over lids and brows."""
        st = s.st
        e = st["eye"]
        col = hexc(st["glasses"])
        a = np.linspace(0, 2 * np.pi, 49)
        c.save()
        c.translate(s.cx, s.cy)
        c.scale(s.cs, s.cs)
        stroke = dict(AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeCap=skia.Paint.kRound_Cap)

        def line(u, v, dz, w, colour, off=(0, 0)):
            X, Y = s.P(np.asarray(u, float), np.asarray(v, float), dz)
            c.drawPath(
                s.path(X + off[0], Y + off[1], False), skia.Paint(Color=colour, StrokeWidth=w, **stroke)
            )

        sq = lambda q: np.sign(q) * np.abs(q) ** 0.72
        for sd in (-1, 1):
            u = sd * (e["x"] + 1) + 47 * sq(np.cos(a))
            v = 6 + 33 * sq(np.sin(a))
            X, Y = s.P(u, v, 16)
            c.drawPath(s.path(X, Y), skia.Paint(AntiAlias=True, Color=C((1, 1, 1), 0.05)))
            line(u, v, 14, 4.5, C("#1a0e0a", 0.16), (2, 5))
            line(u, v, 16, 3.6, C(col, 0.96))
            line(u, v, 16, 1.0, C(mix(col, "#ffffff", 0.55), 0.7), (-0.7, -0.9))
            line(
                [sd * (e["x"] + 48), sd * (e["x"] + 58), sd * (e["x"] + 70)],
                [-6, -9, -8],
                4,
                4.0,
                C(col, 0.96),
            )
        b = np.linspace(-1, 1, 13)
        line(b * 13, -4 - 7 * (1 - b * b), 20, 4.2, C("#1a0e0a", 0.16), (1, 4))
        line(b * 13, -4 - 7 * (1 - b * b), 22, 3.6, C(col, 0.96))
        line(b * 13, -4 - 7 * (1 - b * b), 22, 1.0, C(mix(col, "#ffffff", 0.55), 0.7), (-0.5, -0.9))
        c.restore()

    def mouth(s, c):
        st = s.st
        L = st["lip"]
        r = s.r
        cy = 118.0
        N = 27
        t = np.sin(np.linspace(-1, 1, N) * np.pi / 2)
        W = L["w"] * (1 + 0.20 * r.width + 0.10 * max(0, r.smile) - 0.46 * r.round - 0.04 * r.open)
        G = s.G
        m = 0.92 - 0.40 * r.round - 0.10 * min(1, r.open)
        prof = np.clip(1 - t * t, 0, 1) ** m
        corner = cy - 1.5 - 13.0 * r.smile * (1 - 0.5 * r.round) + 0.22 * G * (1 - 0.6 * r.round)
        yc = cy + (corner - cy) * np.abs(t) ** 1.7 + 1.1 * np.exp(-((t / 0.22) ** 2)) * (1 - r.round)
        ku = 0.14 + 0.24 * r.round
        yu = yc - prof * (ku * G + 5.5 * r.upper)
        yl = yc + prof * ((1 - ku) * G + 1.0 * r.upper)
        if r.tuck > 0:
            yl = yl - prof * 4.0 * r.tuck
        yl = np.maximum(yl, yu)
        Tu = L["u"] * (
            1
            - 0.10 * r.open
            - 0.30 * r.press
            - 0.22 * r.upper * 0.6
            - 0.22 * max(0, r.smile - 0.3)
            + 0.12 * r.round
        )
        Tl = L["l"] * (
            1 - 0.10 * r.open - 0.28 * r.press - 0.42 * r.tuck - 0.18 * max(0, r.smile - 0.3) + 0.10 * r.round
        )
        at = np.abs(t)
        bow = 1 - 0.20 * np.exp(-((t / 0.15) ** 2)) + 0.10 * np.exp(-(((at - 0.27) / 0.16) ** 2))
        eu = 1.45 + 0.9 * r.round
        el = 1.85 + 0.6 * r.round
        ou = yu - Tu * np.clip(1 - at**eu, 0, 1) ** (1.0 - 0.25 * r.round) * bow - 0.5
        ol = yl + Tl * np.clip(1 - at**el, 0, 1) ** (0.95 - 0.25 * r.round) + 0.4
        dz = 6 + 9 * r.round * (1 - at)
        X, YU = s.P(W * t, yu, dz)
        _, YL = s.P(W * t, yl, dz)
        XO, YO = s.P((W + 2.5) * t, ou, dz - 1)
        XO2, YO2 = s.P((W + 2.0) * t, ol, dz - 1)
        inner = s.path(np.r_[X, X[::-1]], np.r_[YU, YL[::-1]])
        gap = float(np.max(yl - yu))
        d, mi, li = [hexc(q) for q in st["lipc"]]
        f = st["gender"] == "f"
        B = MB
        if r.smile > 0.3:
            k = min(1, (r.smile - 0.3) / 0.7) * (0.09 if f else 0.22)
            for sd in (-1, 1):
                fx_ = np.array([32, 38, 45, 51, W + 11])
                fy = np.array([74, 81, 89, 97, corner - 6])
                FX, FY = s.P(sd * catmull(np.c_[fx_, fy], 6)[:, 0], catmull(np.c_[fx_, fy], 6)[:, 1], 4)
                for wd_, q in ((7, 0.35), (4.2, 0.35), (2, 0.45)):
                    c.drawPath(
                        s.path(FX, FY, False),
                        skia.Paint(
                            Color=C(st["skin"][1][1], k * q),
                            AntiAlias=True,
                            Style=skia.Paint.kStroke_Style,
                            StrokeWidth=wd_,
                            StrokeCap=skia.Paint.kRound_Cap,
                        ),
                    )
        # soft contact shadow under lower lip
        bx, by = s.P(0.0, float(ol[N // 2]) + 4.5, 4)
        c.save()
        c.translate(float(bx), float(by))
        c.rotate(r.roll)
        s.glow(c, 0, 0, W * 0.66, 9, st["skin"][1][1], 0.5)
        c.restore()
        if gap > 1.2:
            c.save()
            c.clipPath(inner, True)
            ty, by_ = float(YU.min()), float(YL.max())
            c.drawPaint(
                skia.Paint(
                    Shader=skia.GradientShader.MakeLinear(
                        [skia.Point(0, ty), skia.Point(0, by_)],
                        [C("#2a0a0c"), C("#4d1517"), C("#6d2422")],
                        [0, 0.55, 1],
                    )
                )
            )
            tw = W * 0.96

            def tongue():
                tu = r.tongue_up
                out = r.tongue_out
                top = (
                    yl[N // 2] - (4 + 0.42 * gap * r.tongue) - (0.34 * gap * tu) * r.tongue + out * 0.10 * gap
                )
                wd = W * (0.62 - 0.18 * tu + 0.06 * out)
                bot = float(yl.max()) + (-0.6 if out > 0.5 else 12)
                a = np.linspace(0, 1, 17)
                tx = wd * np.cos(np.pi * (1 - a))
                tyy = top + (8 + 0.35 * gap) * (1 - np.sin(np.pi * a) ** 0.75)
                TX, TY = s.P(tx, tyy, -2)
                BX, BY = s.P(np.array([wd * 1.12, -wd * 1.12]), np.array([bot + 8, bot + 8]), -2)
                c.drawPath(
                    s.path(np.r_[TX, BX], np.r_[TY, BY]),
                    skia.Paint(
                        AntiAlias=True,
                        Shader=skia.GradientShader.MakeLinear(
                            [skia.Point(0, float(TY.min())), skia.Point(0, float(TY.min()) + 20)],
                            [C("#e08d86"), C("#c4646a" if not out else "#cf7474"), C("#8e3a3e")],
                            [0, 0.5, 1],
                        ),
                    ),
                )
                gx_, gy_ = s.P(0.0, top + 4.5, 0)
                s.glow(c, float(gx_), float(gy_), wd * 0.5, 3.6, np.array([1, 0.87, 0.84]), 0.40)
                c.drawLine(
                    float(gx_),
                    float(gy_) + 2,
                    float(gx_),
                    float(gy_) + 14,
                    skia.Paint(Color=C("#7a2c30", 0.28), StrokeWidth=1.4, AntiAlias=True),
                )

            if r.tongue > 0.02 and r.tongue_out < 0.5:
                tongue()
            # lower teeth
            if r.teeth_l > 0.02:
                yt = yl[N // 2] - (1.5 + 6.0 * r.teeth_l) + 2.0 * t * t
                s.teeth(c, tw * 0.86, t, yt, yt + 16, False)
            if r.teeth_u > 0.02:
                yb = cy + 5.2 - 9 * (1 - r.teeth_u) - 3.2 * t * t + 0.02 * G
                s.teeth(c, tw, t, yb - 22, yb, True)
            if r.tongue > 0.02 and r.tongue_out >= 0.5:
                tongue()
            # shadow under upper lip + corners
            s.strip(c, X, YU - 1, X, YU + 4.5 + 0.10 * gap, "#2a0808", 0.72)
            for sd in (0, -1):
                q = skia.Point(float(X[sd]), float(YU[sd]))
                c.drawCircle(
                    q.x(),
                    q.y(),
                    W * 0.36,
                    skia.Paint(
                        Shader=skia.GradientShader.MakeRadial(
                            q, W * 0.36, [C("#2a0808", 0.6), C("#2a0808", 0.3), C("#2a0808", 0)], [0, 0.45, 1]
                        )
                    ),
                )
            c.restore()
        # lips
        up = s.path(np.r_[XO, X[::-1]], np.r_[YO, YU[::-1]])
        lw = s.path(np.r_[X, XO2[::-1]], np.r_[YL, YO2[::-1]])
        c.drawPath(
            up,
            skia.Paint(
                AntiAlias=True,
                MaskFilter=B(0.75),
                Shader=skia.GradientShader.MakeLinear(
                    [skia.Point(0, float(YO.min())), skia.Point(0, float(YU.max()))],
                    [C(mix(mi, li, 0.35)), C(mi), C(d)],
                    [0, 0.45, 1],
                ),
            ),
        )
        c.drawPath(
            lw,
            skia.Paint(
                AntiAlias=True,
                MaskFilter=B(0.75),
                Shader=skia.GradientShader.MakeLinear(
                    [skia.Point(0, float(YL.min())), skia.Point(0, float(YO2.max()))],
                    [C(mix(d, mi, 0.5)), C(mix(mi, li, 0.75)), C(mi), C(mix(d, mi, 0.6))],
                    [0, 0.38, 0.75, 1],
                ),
            ),
        )
        c.drawPath(
            s.path(XO[7:20], YO[7:20] - 1.2, False),
            skia.Paint(
                AntiAlias=True,
                Style=skia.Paint.kStroke_Style,
                StrokeWidth=1.8,
                Color=C(st["skin"][5][1], 0.38 if f else 0.16),
                MaskFilter=B(1.0),
            ),
        )
        # highlight on lower lip
        hx, hy = s.P(-3.0, float(yl[N // 2] + Tl * 0.40), dz[N // 2])
        c.save()
        c.translate(float(hx), float(hy))
        c.rotate(r.roll)
        s.glow(c, 0, 0, W * 0.42, 4.2, np.array([1, 0.92, 0.9]), 0.62 if f else 0.26)
        c.restore()
        # mouth line
        lt = 1.0 + 0.5 * (1 - np.abs(t))
        a = float(np.clip(1 - gap / 9, 0.25, 1))
        c.drawPath(
            s.path(np.r_[X, X[::-1]], np.r_[YU - lt * 0.7, (YU + lt * 0.7)[::-1]]),
            skia.Paint(Color=C("#4a1416" if f else "#2a0f0c", 0.85 * a), AntiAlias=True, MaskFilter=B(0.5)),
        )
        for i in (0, -1):
            q = skia.Point(float(X[i]), float(YU[i]))
            c.drawCircle(
                q.x(),
                q.y(),
                5,
                skia.Paint(
                    Shader=skia.GradientShader.MakeRadial(
                        q, 5, [C(st["skin"][0][1], 0.45), C(st["skin"][0][1], 0)]
                    )
                ),
            )

    @staticmethod
    def strip(c, xa, ya, xb, yb, col, a):
        n = len(xa)
        pa = list(map(skia.Point, xa.tolist(), ya.tolist()))
        xm = xa * 0.55 + xb * 0.45
        ym = ya * 0.55 + yb * 0.45
        pm = list(map(skia.Point, xm.tolist(), ym.tolist()))
        pb = list(map(skia.Point, xb.tolist(), yb.tolist()))
        for p, q, a0, a1 in ((pa, pm, a, a * 0.42), (pm, pb, a * 0.42, 0)):
            pos = [v for t in zip(p, q) for v in t]
            cl = [C(col, a0), C(col, a1)] * n
            c.drawVertices(
                skia.Vertices(skia.Vertices.kTriangleStrip_VertexMode, pos, None, cl, None),
                skia.Paint(),
                skia.BlendMode.kDst,
            )

    @staticmethod
    def glow(c, x, y, rx, ry, col, a):
        c.save()
        c.translate(x, y)
        c.scale(rx, ry)
        c.drawCircle(
            0,
            0,
            1,
            skia.Paint(
                Shader=skia.GradientShader.MakeRadial(
                    skia.Point(0, 0),
                    1,
                    [C(col, a), C(col, a * 0.62), C(col, a * 0.14), C(col, 0)],
                    [0, 0.42, 0.78, 1],
                )
            ),
        )
        c.restore()

    def teeth(s, c, w, t, y0, y1, upper):
        n = 25
        tt = np.linspace(-1, 1, n)
        ya = np.interp(tt, t, y0)
        yb = np.interp(tt, t, y1)
        X0, Y0 = s.P(w * tt, ya, -4)
        X1, Y1 = s.P(w * tt, yb, -4)
        e0, e1 = (float(Y1.min() - 16), float(Y1.max())) if upper else (float(Y0.min()), float(Y0.min()) + 12)
        cols = (
            [C("#c9b8ae"), C("#f6efe9"), C("#fffdfa")]
            if upper
            else [C("#efe5dd"), C("#d8c8be"), C("#a48e86")]
        )
        c.drawPath(
            s.path(np.r_[X0, X1[::-1]], np.r_[Y0, Y1[::-1]]),
            skia.Paint(
                AntiAlias=True,
                Shader=skia.GradientShader.MakeLinear(
                    [skia.Point(0, e0), skia.Point(0, e1)], cols, [0, 0.5, 1]
                ),
                MaskFilter=MB(0.4),
            ),
        )
        p = skia.Paint(Color=C("#a08a82", 0.30), StrokeWidth=0.7, AntiAlias=True)
        xs = [0, 0.235, 0.235 + 0.19, 0.235 + 0.19 + 0.18, 0.78] if upper else [0, 0.15, 0.30, 0.46, 0.62]
        for q in xs:
            for sg in (1, -1) if q else (1,):
                i = (q * sg + 1) / 2 * (n - 1)
                i0 = int(i)
                c.drawLine(float(X0[i0]), float(Y0[i0]), float(X1[i0]), float(Y1[i0]), p)
