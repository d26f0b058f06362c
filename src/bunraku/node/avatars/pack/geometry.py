"""Rectangles of what changed."""

from __future__ import annotations

from bunraku.core.media import Rect

WARP_COST = 12_000  # px: what beginning another warp costs
NOTHING = Rect(0, 0, 0, 0)


def union(a: Rect, b: Rect) -> Rect:
    if a.empty:
        return b
    if b.empty:
        return a
    x0, y0 = min(a.x, b.x), min(a.y, b.y)
    x1, y1 = max(a.x + a.width, b.x + b.width), max(a.y + a.height, b.y + b.height)
    return Rect(x0, y0, x1 - x0, y1 - y0)


def merged(rects: list[Rect]) -> list[Rect]:
    """Rectangles from top to bottom; neighbours are joined where one warp costs less than two."""
    out: list[Rect] = []
    for rect in rects:
        if out and out[-1].y + out[-1].height == rect.y:
            both = union(out[-1], rect)
            waste = both.width * both.height - out[-1].width * out[-1].height - rect.width * rect.height
            if waste < WARP_COST:
                out[-1] = both
                continue
        out.append(rect)
    return out


def intersection(a: Rect, b: Rect) -> Rect:
    x0, y0 = max(a.x, b.x), max(a.y, b.y)
    x1, y1 = min(a.x + a.width, b.x + b.width), min(a.y + a.height, b.y + b.height)
    return Rect(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else NOTHING


def around(rect: Rect, reach: int) -> Rect:
    """Grown by ``reach`` to all sides, but not past the picture's first row and column."""
    x, y = max(0, rect.x - reach), max(0, rect.y - reach)
    return Rect(x, y, rect.x + rect.width + reach - x, rect.y + rect.height + reach - y)


def covered(rect: Rect, parts: list[Rect]) -> bool:
    """Whether parts that lie one below the other cover every row of ``rect``."""
    top = rect.y
    for part in sorted(parts, key=lambda p: p.y):
        wide = part.x <= rect.x and part.x + part.width >= rect.x + rect.width
        if wide and part.y <= top < part.y + part.height:
            top = part.y + part.height
    return top >= rect.y + rect.height


def contains(outer: Rect, inner: Rect) -> bool:
    return intersection(outer, inner) == inner
