"""What a server's page of metrics says, and of two of them what was in between."""

from __future__ import annotations

from collections import defaultdict


def sums(text: str) -> dict[str, float]:
    """A page of metrics, of all nodes together; a histogram's buckets as ``name{le="bound"}``."""
    found: dict[str, float] = defaultdict(float)
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            name, _, labels = name.partition("{")
            bound = labels.partition('le="')[2].partition('"')[0]
            found[f'{name}{{le="{bound}"}}' if bound else name] += float(value)
    return found


def _cumulated(before: dict[str, float], after: dict[str, float], name: str) -> list[tuple[float, float]]:
    """A histogram's buckets, upper bound and count up to it, of what it saw in between."""
    rows: list[tuple[float, float]] = []
    for key, value in after.items():
        if key.startswith(f"{name}_bucket"):
            rows.append((float(key.split('le="')[1].split('"')[0]), value - before.get(key, 0.0)))
    return sorted(rows)


def percentile(before: dict[str, float], after: dict[str, float], name: str, share: float) -> float:
    """Upper bound of the bucket that holds a share of what a histogram saw in between."""
    rows = _cumulated(before, after, name)
    wanted = rows[-1][1] * share
    return next(bound for bound, count in rows if count >= wanted)


def quantile(before: dict[str, float], after: dict[str, float], name: str, share: float) -> float:
    """As ``percentile``, interpolated within the bucket."""
    rows = _cumulated(before, after, name)
    wanted = rows[-1][1] * share
    low, below = 0.0, 0.0
    for bound, count in rows:
        if count >= wanted and bound != float("inf"):
            return low + (bound - low) * (wanted - below) / max(1.0, count - below)
        if bound != float("inf"):
            low, below = bound, count
    return low
