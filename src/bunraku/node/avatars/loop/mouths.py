"""Which patch is shown when: a path through the patches that is true to the sound and smooth in time.

For the picture at hand and the ``ahead`` pictures after it the wanted points of mouth space are known.
Over these the cheapest path is found by dynamic programming (Viterbi), from the patch that was shown
last; its first step is shown, and at the next picture the search begins anew from there. A path costs

- for each patch, how far it is from what is wanted: the squared distance in mouth space, weighted by
  what the eye minds most (``AXIS_COST``), and by how much further the head is turned in it;
- for each step from a patch to the next, how different the two look (``apart``). A step to the
  patch's own successor in its take costs nothing: that is how the person moved.

Only the ``BEAM`` patches nearest to what is wanted, and the successors of the one that is shown, take
part in a picture's step: of hundreds the others are not on any path that is worth it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]

BEAM = 40
TURNED = 0.001
"""Cost of a degree (squared) by which the head is turned otherwise: 5 are as bad as 0.04 of openness."""

JUMP = 0.00008
"""Cost of a grey level (squared, mean over the patch) by which two successive patches differ."""

BACK = 0.35
"""Share of a step's cost that remains when the take is run through backwards."""

AXIS_COST = np.array([18.0, 2.0, 0.5, 0.5, 0.25, 0.6], np.float32)
"""Of an error on each of ``AXES``, found by the way of scripts/people_truth.py, with three of its sentences
and others. How open a mouth is counts for more than with drawn sprites (a shut one is not open, however it is
pressed), and teeth for less: in footage teeth are seen in most mouths."""


def successors(take: I32) -> I32:
    """For each patch the next of its take; -1 where there is none. ``take`` is (k, 2): run, place."""
    where = {(int(run), int(place)): i for i, (run, place) in enumerate(take.tolist()) if run >= 0}
    return np.array([where.get((int(r), int(p) + 1), -1) for r, p in take.tolist()], np.int32)


def step_costs(apart: F32, following: I32) -> F32:
    """(k, k): what it costs to show the second after the first. ``apart`` is the squared difference of
    their looks, grey levels."""
    steps = apart.astype(np.float32) * np.float32(JUMP)
    has = np.nonzero(following >= 0)[0]
    steps[following[has], has] *= np.float32(BACK)
    steps[has, following[has]] = 0.0
    np.fill_diagonal(steps, 0.0)
    return steps


class PathSearch:
    """Of one figure, asked for one picture after another."""

    def __init__(self, at: F32, turn: F32, following: I32, steps: F32, *, beam: int = BEAM) -> None:
        """``at`` (k, 6), ``turn`` (k, 2) degrees, ``following`` (k,) of ``successors``, ``steps`` (k, k) of
        ``step_costs``."""
        # One space for both: |p - w|^2 = |p|^2 - 2 p w + |w|^2, and the last is the same for all.
        self._weigh = np.sqrt(np.array([*AXIS_COST, TURNED, TURNED], np.float32))
        self._points = (np.concatenate([at, turn], 1) * self._weigh).astype(np.float32)
        self._square = (self._points**2).sum(1)
        self._following, self._steps, self._beam = following, steps, min(beam, len(at))
        self._shown = -1

    @property
    def shown(self) -> int:
        """The patch of the picture before; -1 when there was none."""
        return self._shown

    def rest(self) -> None:
        """No patch is shown: the next may be any."""
        self._shown = -1

    def costs(self, wanted: F32, turn: F32) -> F32:
        """(n, k): cost of each patch for n pictures, less what is the same for all of a picture."""
        asked = np.concatenate([wanted, turn], 1) * self._weigh
        return (self._square - 2.0 * asked @ self._points.T).astype(np.float32)

    def follow(self, wanted: F32, turn: F32) -> int:
        """The patch for the first of n pictures, whose points in mouth space and head's turns are
        ``wanted`` (n, 6) and ``turn`` (n, 2)."""
        costs = self.costs(wanted, turn)
        chain, here = [], self._shown
        for row in costs:
            here = int(self._following[here]) if here >= 0 else -1
            near = np.argpartition(row, self._beam - 1)[: self._beam]
            chain.append(near if here < 0 or here in near else np.append(near, here))
        best = costs[0][chain[0]]
        if self._shown >= 0:
            best = best + self._steps[self._shown][chain[0]]
        backs: list[npt.NDArray[np.intp]] = []
        for k in range(1, len(chain)):
            total = best[:, None] + self._steps[chain[k - 1][:, None], chain[k][None, :]]
            back = total.argmin(0)
            best = total[back, np.arange(len(back))] + costs[k][chain[k]]
            backs.append(back)
        end = int(best.argmin())
        for back in reversed(backs):
            end = int(back[end])
        self._shown = int(chain[0][end])
        return self._shown
