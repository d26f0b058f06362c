"""What a provider says."""

from __future__ import annotations

import numpy as np

from bunraku.core.script import Prosody


async def say(provider, timbre, text, prosody=Prosody()):
    chunks = [c async for c in provider.speak(timbre, text, prosody)]
    return (
        np.concatenate([c.samples for c in chunks]),
        [p for c in chunks for p in c.phonemes],
        [w for c in chunks for w in c.words],
    )
