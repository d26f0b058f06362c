"""Lit shapes: a filled outline puffed up, and soft ridges along a line."""

from __future__ import annotations

import math

import numpy as np
import skia
from paint import C, catmull, gf, inflate, lit, ramp, resample


def lit_shape(
    R,
    path,
    ramp_,
    zmax,
    bumps=None,
    wrap=0.4,
    spec=0.0,
    rim=0.15,
    rimc=(1, 0.9, 0.8),
    edge_ao=0,
    tshift=0,
    flat=1.0,
    blur=0,
):
    m = R.mask(path)
    z = inflate(m) ** flat * zmax
    if bumps is not None:
        z = z + bumps
    if blur:
        z = R.blur(z, blur)
    t, sp, fr, n = lit(z, R.K, wrap)
    t = np.clip(t + tshift, 0, 1)
    col = (
        ramp(t, ramp_)
        + (sp**22 * spec)[..., None]
        + (np.clip(fr, 0, 1) ** 2 * np.clip(n[..., 0], 0, 1) * rim)[..., None] * np.array(rimc)
    )
    return m, col, t


def line_field(R, pts, wd, amp, taper=True):
    """gaussian-ridge bump along polyline"""
    P = resample(catmull(pts, 12), 40)
    a, c, _ = R.surf()
    for i in range(len(P) - 1):
        k = math.sin(math.pi * (i + 0.5) / (len(P) - 1)) if taper else 1
        c.drawLine(
            *map(float, P[i]),
            *map(float, P[i + 1]),
            skia.Paint(
                Color=C((1, 1, 1), k),
                AntiAlias=True,
                StrokeWidth=wd,
                StrokeCap=skia.Paint.kRound_Cap,
                Style=skia.Paint.kStroke_Style,
                BlendMode=skia.BlendMode.kLighten,
            ),
        )
    return gf(a[..., 3].astype(np.float32) / 255, wd * 0.55 * R.K) * amp
