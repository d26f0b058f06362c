"""Which node a new room goes to. Pure: loads and times come in, an order comes out.

Of two nodes drawn at random the one with less reserved (the power of two choices: Mitzenmacher 2001).
What was placed here in the last seconds counts too, because the loads that nodes report are a beat
old: without that a burst would all land on one.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Sequence

from bunraku.core.load import NodeInfo

RECENT = 2.0  # s: by then what was placed shows in the reported load
DRAWN = 16  # nodes that are looked at: pairs for a first try and for refusals
LATE = 0.02  # s, half a tick: a node whose ticks come later takes nothing more


class Placement:
    """One per front."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()
        self._recent: deque[tuple[float, str]] = deque()
        self._placed: Counter[str] = Counter()

    def order(self, nodes: Sequence[NodeInfo], now: float) -> list[NodeInfo]:
        """Nodes to ask, best first; none only when none can take a task. ``now`` is monotonic
        seconds."""
        self._forget(now)
        able = [n for n in self._rng.sample(nodes, min(DRAWN, len(nodes))) if self._able(n)]
        if len(able) < DRAWN // 4 and len(nodes) > DRAWN:  # nearly full: every one that is left counts
            able = [n for n in nodes if self._able(n)]
            self._rng.shuffle(able)
        for i in range(0, len(able) - 1, 2):
            if self._share(able[i]) > self._share(able[i + 1]):
                able[i], able[i + 1] = able[i + 1], able[i]
        # The better of each pair first: the first of them decides, the rest are for refusals.
        return able[::2] + able[1::2]

    def placed(self, node_id: str, now: float) -> None:
        """A task went to this node."""
        self._recent.append((now, node_id))
        self._placed[node_id] += 1

    def _able(self, node: NodeInfo) -> bool:
        return node.state == "up" and node.load.lateness <= LATE and self._room(node) > 0

    def _room(self, node: NodeInfo) -> int:
        return node.load.capacity - node.load.tasks - self._placed[node.id]

    def _share(self, node: NodeInfo) -> float:
        """Of its capacity that is taken."""
        return (node.load.tasks + self._placed[node.id]) / max(1, node.load.capacity)

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - RECENT:
            _, node_id = self._recent.popleft()
            self._placed[node_id] -= 1
            if not self._placed[node_id]:
                del self._placed[node_id]
