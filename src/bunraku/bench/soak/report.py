"""Whether anything grows: slopes with their confidence, and the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from html import escape

import numpy as np

from bunraku.bench.soak.life import Sample

WARM_SHARE = 0.25
"""Of the run: caches fill and pools grow; what is judged begins after it."""
BLOCKS = 12
STUDENT = 2.228
"""Student's t, two-sided 95 %, for the ten degrees of freedom that twelve blocks leave a line."""
FIGURES = ("rss_mb", "helpers_mb", "threads", "files", "sockets", "av_offset_ms")


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth per hour, and half the width of its 95 % confidence interval."""

    per_hour: float
    margin: float

    @property
    def grows(self) -> bool:
        return self.per_hour - self.margin > 0


def slope(samples: Sequence[Sample], name: str) -> Slope:
    """A line through the means of ``BLOCKS`` blocks after the warm-up.

    Samples one after another are alike, and would make any line look certain; means of blocks many
    times longer than a task's life are nearly independent.
    """
    kept = list(samples)[int(len(samples) * WARM_SHARE) :]
    if len(kept) < BLOCKS:
        return Slope(math.nan, math.nan)
    blocks = np.array_split(np.arange(len(kept)), BLOCKS)
    x = np.array([np.mean([kept[i].seconds for i in block]) for block in blocks]) / 3600
    y = np.array([np.mean([float(getattr(kept[i], name)) for i in block]) for block in blocks])
    spread = float(((x - x.mean()) ** 2).sum())
    per_hour = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    rest = y - y.mean() - per_hour * (x - x.mean())
    error = math.sqrt(float((rest**2).sum()) / (BLOCKS - 2) / spread)
    return Slope(round(per_hour, 3), round(STUDENT * error, 3))


def plot(samples: Sequence[Sample], name: str) -> str:
    """One figure over time as SVG."""
    width, height, left = 720, 140, 60
    xs, ys = [s.seconds for s in samples], [float(getattr(s, name)) for s in samples]
    low, high = min(0.0, *ys), max(ys) * 1.1 or 1.0
    span = xs[-1] or 1.0
    across, down = (width - left - 10) / span, (height - 30) / (high - low)
    points = " ".join(
        f"{left + x * across:.1f},{height - 20 - (y - low) * down:.1f}" for x, y in zip(xs, ys, strict=True)
    )
    return (
        f'<figure><figcaption>{escape(name)}</figcaption><svg viewBox="0 0 {width} {height}" role="img">'
        f'<text x="4" y="18">{high:.4g}</text><text x="4" y="{height - 20}">{low:.4g}</text>'
        f'<text x="{left}" y="{height - 4}">0</text>'
        f'<text x="{width - 60}" y="{height - 4}">{span:.0f} s</text>'
        f'<polyline points="{points}"/></svg></figure>'
    )


STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2rem auto;padding:0 1rem;color:#17202e}"
    "svg{width:100%;background:#f4f6fa;border-radius:8px}polyline{fill:none;stroke:#c93c37;stroke-width:1.5}"
    "text{font-size:11px;fill:#5b6678}td,th{padding:.2rem .8rem;text-align:right;font-weight:400}"
    "th:first-child{text-align:left}figure{margin:1rem 0}"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a soak came to. ``callbacks_lost``: what should have come and did not."""

    samples: Sequence[Sample]
    acts: Mapping[str, int]
    trials: Mapping[str, float]
    callbacks_lost: Sequence[str]
    callbacks_repeated: int

    @property
    def slopes(self) -> dict[str, Slope]:
        return {name: slope(self.samples, name) for name in FIGURES}


def _counts(counts: Mapping[str, float]) -> str:
    return "".join(f"<tr><th>{escape(k)}</th><td>{v:g}</td></tr>" for k, v in sorted(counts.items()))


def page(found: Found) -> str:
    """The whole of it as one HTML file without anything beside."""
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{s.per_hour:+.3f}</td><td>± {s.margin:.3f}</td>"
        f"<td>{'grows' if s.grows else ''}</td></tr>"
        for name, s in found.slopes.items()
    )
    lost = "; ".join(found.callbacks_lost[:20])
    plots = "".join(plot(found.samples, f.name) for f in fields(Sample) if f.name != "seconds")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Soak</title><style>{STYLE}</style>'
        f"<h1>Soak of {found.samples[-1].seconds / 60:.1f} minutes</h1>"
        "<h2>Slope per hour after the warm-up, with its 95 % confidence</h2>"
        f"<table>{rows}</table>"
        f"<h2>What was done</h2><table>{_counts(found.acts)}{_counts(found.trials)}</table>"
        f"<p>Callbacks that should have come and did not: {len(found.callbacks_lost)}. {escape(lost)}"
        f" Repeated: {found.callbacks_repeated}.</p>{plots}</html>"
    )


def data(found: Found) -> dict[str, object]:
    """The same for a program."""
    return {
        "slopes_per_hour": {name: asdict(s) for name, s in found.slopes.items()},
        "acts": dict(found.acts),
        "trials": dict(found.trials),
        "callbacks_lost": list(found.callbacks_lost),
        "callbacks_repeated": found.callbacks_repeated,
        "samples": [asdict(s) for s in found.samples],
    }
