"""Layers that follow the head: a triangle mesh, and an inverse warp."""

from __future__ import annotations

import math

from paint import *


class Mesh:
    def __init__(s, R, rgba, nx, ny, crop=True):
        if crop:
            ys = np.nonzero(rgba[..., 3].max(1))[0]
            xs = np.nonzero(rgba[..., 3].max(0))[0]
            y0, y1, x0, x1 = ys[0], ys[-1] + 1, xs[0], xs[-1] + 1
        else:
            y0, y1, x0, x1 = 0, rgba.shape[0], 0, rgba.shape[1]
        gx = np.linspace(x0, x1, nx + 1)
        gy = np.linspace(y0, y1, ny + 1)
        GX, GY = np.meshgrid(gx, gy)
        s.u = (R.x0 + GX / R.K).ravel()
        s.v = (R.y0 + GY / R.K).ravel()
        s.tex = [skia.Point(float(a), float(b)) for a, b in zip(GX.ravel(), GY.ravel())]
        idx = []
        for j in range(ny):
            for i in range(nx):
                a = j * (nx + 1) + i
                # skip fully transparent cells
                if rgba[int(gy[j]) : math.ceil(gy[j + 1]), int(gx[i]) : math.ceil(gx[i + 1]), 3].max() == 0:
                    continue
                idx += [a, a + 1, a + nx + 1, a + 1, a + nx + 2, a + nx + 1]
        s.idx = idx
        s.image = img(rgba)
        s.paint = skia.Paint(
            Shader=s.image.makeShader(
                skia.TileMode.kClamp, skia.TileMode.kClamp, skia.SamplingOptions(skia.FilterMode.kLinear)
            ),
            AntiAlias=False,
        )

    def draw(s, c, x, y):
        v = skia.Vertices(
            skia.Vertices.kTriangles_VertexMode,
            [skia.Point(a, b) for a, b in zip(x.tolist(), y.tolist())],
            s.tex,
            None,
            s.idx,
        )
        c.drawVertices(v, s.paint, skia.BlendMode.kSrcOver)


class Warp:
    """cached layer image re-projected by an inverse map solved on a coarse node grid (fixed point, warm started) + cv2.remap"""

    def __init__(s, pup, R, rgba, g=12, iters=3, margin=46, thr=0.12):
        s.thr = thr
        ys = np.nonzero(rgba[..., 3].max(1))[0]
        xs = np.nonzero(rgba[..., 3].max(0))[0]
        y0, y1, x0, x1 = ys[0], ys[-1] + 1, xs[0], xs[-1] + 1
        s.src = np.ascontiguousarray(rgba[y0:y1, x0:x1])
        s.K = R.K
        s.u0 = R.x0 + x0 / R.K
        s.v0 = R.y0 + y0 / R.K
        cs = pup.cs
        px0 = max(0, int(pup.cx + (s.u0 - margin) * cs))
        py0 = max(0, int(pup.cy + (s.v0 - margin) * cs))
        px1 = min(pup.W, int(pup.cx + (R.x0 + x1 / R.K + margin) * cs) + 1)
        py1 = min(pup.H, int(pup.cy + (R.y0 + y1 / R.K + margin) * cs) + 1)
        s.px, s.py = px0, py0
        nw = -(-(px1 - px0) // g)
        nh = -(-(py1 - py0) // g)
        s.g = g
        s.dw, s.dh = px1 - px0, py1 - py0
        s.nw, s.nh = nw, nh
        nw += 2
        nh += 2
        s.nw, s.nh = nw, nh
        X, Y = np.meshgrid(px0 + (np.arange(nw) - 0.5) * g, py0 + (np.arange(nh) - 0.5) * g)
        s.tx = ((X - pup.cx) / cs).ravel()
        s.ty = ((Y - pup.cy) / cs).ravel()
        s.u = s.tx.copy()
        s.v = s.ty.copy()
        s.iters = iters
        s.first = True
        s.last = None
        s.node = np.empty((nh, nw, 2), np.float32)
        s.map = np.empty((nh * g, nw * g, 2), np.float32)
        s.out = np.empty((s.dh, s.dw, 4), np.uint8)
        # active tile runs: where (dilated) layer alpha can land; empty tiles are never remapped or blended
        al = (
            cv2.warpAffine(
                s.src[..., 3],
                np.float32([[1, 0, (s.u0 * cs + pup.cx) - px0], [0, 1, (s.v0 * cs + pup.cy) - py0]]),
                (s.dw, s.dh),
            )
            if abs(R.K - cs) < 1e-6
            else np.full((s.dh, s.dw), 255, np.uint8)
        )
        k = int(min(margin, 40) * cs) | 1
        al = cv2.dilate(al, np.ones((k, k), np.uint8))
        s.runs = []
        nx, ny = 10, 12
        xs_ = np.linspace(0, s.dw, nx + 1).astype(int)
        ys_ = np.linspace(0, s.dh, ny + 1).astype(int)
        prev = []
        for j in range(ny):
            row = []
            st_ = None
            for i in range(nx + 1):
                on = i < nx and al[ys_[j] : ys_[j + 1], xs_[i] : xs_[i + 1]].any()
                if on and st_ is None:
                    st_ = xs_[i]
                if not on and st_ is not None:
                    row.append([st_, xs_[i]])
                    st_ = None
            if prev and [q[:2] for q in prev] == row:
                for q in prev:
                    q[3] = ys_[j + 1]
            else:
                prev = [[a_, b_, ys_[j], ys_[j + 1]] for a_, b_ in row]
                s.runs += prev
        s.rects = [skia.Rect.MakeLTRB(int(a_), int(c_), int(b_), int(d_)) for a_, b_, c_, d_ in s.runs]
        s.region = skia.Region()
        for a_, b_, c_, d_ in s.runs:
            s.region.op(
                skia.IRect.MakeLTRB(int(a_) + px0, int(c_) + py0, int(b_) + px0, int(d_) + py0),
                skia.Region.kUnion_Op,
            )
        s.frac = sum((b_ - a_) * (d_ - c_) for a_, b_, c_, d_ in s.runs) / (s.dw * s.dh)

    def draw(s, c, F):
        for _ in range(s.iters if not s.first else 12):
            x, y = F(s.u, s.v)
            s.u += s.tx - x
            s.v += s.ty - y
        s.first = False
        s.node[..., 0] = ((s.u - s.u0) * s.K - 0.5).reshape(s.nh, s.nw)
        s.node[..., 1] = ((s.v - s.v0) * s.K - 0.5).reshape(s.nh, s.nw)
        if s.last is not None and float(np.abs(s.node - s.last).max()) < s.thr:
            s.blit(c)
            return
        s.last = s.node.copy()
        cv2.resize(s.node, (s.nw * s.g, s.nh * s.g), dst=s.map, interpolation=cv2.INTER_LINEAR)
        M = s.map[s.g : s.g + s.dh, s.g : s.g + s.dw]
        for x0, x1, y0, y1 in s.runs:
            cv2.remap(
                s.src,
                M[y0:y1, x0:x1],
                None,
                cv2.INTER_LINEAR,
                dst=s.out[y0:y1, x0:x1],
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=(0, 0, 0, 0),
            )
        s.cim = skia.Image.fromarray(s.out, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType, None, False)
        s.blit(c)

    def blit(s, c):
        if len(s.rects) == 1:
            c.drawImage(s.cim, s.px, s.py)
            return
        c.save()
        c.clipRegion(s.region)
        c.drawImage(s.cim, s.px, s.py)
        c.restore()
