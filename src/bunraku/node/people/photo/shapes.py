"""Which mouths and eyes a photo's pack holds: how each is drawn, and where the compositor finds it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from bunraku.node.avatars.pack.manifest import EyesArt

AXES = ("open", "wide", "press", "tuck", "teeth", "tongue", "smile")
REST_SMILE = 0.5  # the photo's own mouth is a neutral mood's
OPENINGS = (0.06, 0.14, 0.24, 0.36, 0.5, 0.66, 0.84)


@dataclass(frozen=True)
class Rig:
    """How a mouth is held; 0 to 1 but where it says otherwise.

    ``open`` jaw and lips apart; ``round`` lips brought forward; ``width`` corners drawn apart (below 0:
    together); ``press`` lips rolled in; ``tuck`` lower lip under the upper teeth; ``smile`` 0.5 is the
    photo's; ``lift`` of the upper lip; ``tongue`` how high it lies; ``tip_up`` its tip behind the upper
    teeth; ``tip_out`` its tip between the teeth; ``teeth_up``, ``teeth_low`` how far rows are shown.
    """

    open: float = 0.0
    round: float = 0.0
    width: float = 0.0
    press: float = 0.0
    tuck: float = 0.0
    smile: float = REST_SMILE
    lift: float = 0.0
    tongue: float = 0.4
    tip_up: float = 0.0
    tip_out: float = 0.0
    teeth_up: float = 1.0
    teeth_low: float = 0.0


class Shape(NamedTuple):
    rig: Rig
    at: dict[str, float]
    """Its point in mouth space (docs/packs.md)."""


AT_REST = 2
"""Of ``MOUTHS``: the mouth of the figure when nothing is said."""


def _mouths() -> list[Shape]:
    out = [Shape(Rig(smile=s), {"smile": s, "wide": 0.0}) for s in (0.0, 0.25, REST_SMILE, 0.75, 1.0)]
    lips = (
        (0.8, Rig(width=1.0, lift=0.6)),
        (0.3, Rig(width=0.45, lift=0.4)),
        (-0.1, Rig(width=0.0, lift=0.2)),
        (-0.55, Rig(round=0.55, teeth_up=0.7)),
        (-1.0, Rig(round=1.0, teeth_up=0.3)),
    )
    for wide, lip in lips:
        most = {-1.0: 0.5, 0.8: 0.66}.get(wide, 1.0)
        for opening in (o for o in OPENINGS if o <= most):
            low = 0.5 if wide == 0.8 and opening < 0.4 else 0.0
            rig = replace(lip, open=opening, tongue=0.3 + 0.3 * opening, teeth_low=low)
            out.append(Shape(rig, {"open": opening, "wide": wide}))
    out += [Shape(Rig(press=p), {"press": p}) for p in (1.0, 0.5)]
    out += [
        Shape(Rig(open=o, tuck=t, lift=0.8 * t), {"open": o, "tuck": t})
        for o, t in ((0.08, 0.5), (0.15, 1.0))
    ]
    between = Rig(width=0.15, lift=0.4, tongue=1.0, tip_out=1.0)
    out += [Shape(replace(between, open=o), {"open": o, "tongue": 1.0, "wide": 0.1}) for o in (0.18, 0.32)]
    behind = Rig(width=0.15, lift=0.35, tongue=1.0, tip_up=1.0)
    out += [Shape(replace(behind, open=o), {"open": o, "tongue": 0.55, "wide": 0.1}) for o in (0.22, 0.42)]
    hiss, hush = Rig(width=0.5, lift=0.6, teeth_low=1.0), Rig(round=0.5, lift=0.7, teeth_low=0.9)
    out.append(Shape(replace(hiss, open=0.17), {"open": 0.17, "wide": 0.45, "teeth": 1.0}))
    out.append(Shape(replace(hush, open=0.22), {"open": 0.22, "wide": -0.5, "teeth": 1.0}))
    laugh = Rig(width=0.9, lift=0.6, smile=1.0)
    out += [Shape(replace(laugh, open=o), {"open": o, "wide": 0.8, "smile": 1.0}) for o in (0.12, 0.26)]
    return out


MOUTHS = tuple(_mouths())

EYES = (
    *(EyesArt(gaze_x=x, gaze_y=y, lid=0.0) for y in (-0.7, 0.0, 0.7) for x in (-1.0, -0.5, 0.0, 0.5, 1.0)),
    *(EyesArt(gaze_x=0.0, gaze_y=0.0, lid=lid) for lid in (0.25, 0.5, 0.75, 1.0)),
    *(EyesArt(gaze_x=0.0, gaze_y=0.0, lid=0.0, squint=s) for s in (0.4, 0.8)),
)
