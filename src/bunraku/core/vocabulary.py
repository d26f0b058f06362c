"""Names that several rooms must spell alike: emotions, gestures, visemes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

EMOTIONS = ("neutral", "warm", "serious", "happy")
"""What a face may show at rest (``Emotion``, contract section 13)."""

PACE: Mapping[str, float] = MappingProxyType({"neutral": 1.0, "warm": 0.97, "serious": 0.94, "happy": 1.05})
"""How much faster than usual text is spoken in an emotion."""

GESTURES: Mapping[str, float] = MappingProxyType(
    {"nod": 1.3, "shake_head": 1.6, "bow": 2.4, "idle_action": 2.6, "mute_action": 2.6}
)
"""Gestures of head and face, which every figure has; seconds that each takes."""

LIMB_GESTURES: Mapping[str, float] = MappingProxyType({"wave": 3.0, "thumbs_up": 2.4, "open_palms": 2.8})
"""Gestures that a figure has when its pack draws the limbs; the face joins in. Seconds."""

OWN_GESTURE = 2.6
"""Seconds of a pack's own gesture whose manifest gives none."""

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
"""The Oculus/Meta set, in the order of its reference (Meta, "Viseme Reference")."""
