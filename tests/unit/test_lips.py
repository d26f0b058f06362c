"""Every p, b, m, f, v closes; weights are a distribution; silence rests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.media import Phoneme
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.pack.mouth import MouthChooser
from bunraku.node.lipsync.coarticulation import VisemeTrack
from bunraku.node.lipsync.visemes import INDEX, from_arpabet, from_ipa, one_hot

IPA = ["p", "b", "m", "f", "v", "a", "iː", "u", "tʃ", "s", "h", "θ", "ɹ", "o", "ŋ", "", "ˈæ"]


def test_ipa_classes():
    assert from_ipa("ˈɔː") == ("oh",)
    assert from_ipa("tʃ") == ("CH",)
    assert from_ipa("aɪ") == ("aa", "ih")
    assert from_ipa("?") == ("sil",)
    assert from_arpabet("OW1") == ("oh", "ou")


def track(symbols: list[str], length: float) -> tuple[VisemeTrack, list[Phoneme]]:
    made = [Phoneme(i * length, (i + 1) * length, s) for i, s in enumerate(symbols)]
    out = VisemeTrack()
    for p in made:
        out.add(p)
    return out, made


@given(st.lists(st.sampled_from(IPA), min_size=1, max_size=30), st.floats(0.045, 0.2))
def test_weights_are_a_distribution_and_closures_show(symbols, length):
    t, made = track(symbols, length)
    frames = [t.weights(i * 0.04) for i in range(int(len(symbols) * length / 0.04) + 3)]
    for w in frames:
        assert w.shape == (15,)
        assert abs(float(w.sum()) - 1) < 1e-3
        assert float(w.min()) >= -1e-6
    for p in made:
        viseme = from_ipa(p.symbol)[0]
        if viseme in ("PP", "FF"):
            frame = frames[int((p.start + p.end) / 2 / 0.04 + 1e-6)]
            closures = frame[INDEX["PP"]] + frame[INDEX["FF"]]
            assert closures >= 0.9, (p, dict(zip(VISEMES, frame, strict=True)))


def test_a_closure_at_the_edge_of_two_pictures_is_seen():
    t, _ = track([*"ppppppppp", "a"], 0.08)
    assert t.weights(17 * 0.04)[INDEX["PP"]] >= 0.9  # 0.68 s, which is less than 17 * 0.04 in floats


def test_glottal_takes_the_vowel_that_follows():
    t, _ = track(["h", "u"], 0.1)
    assert VISEMES[int(t.weights(0.03).argmax())] == "ou"


@pytest.mark.parametrize("viseme", VISEMES)
def test_every_viseme_finds_its_own_mouth(viseme):
    manifest = Catalog().list()[0].manifest  # type: ignore[attr-defined]
    chooser = MouthChooser(manifest)
    for _ in range(6):
        at = manifest.mouths[chooser.choose(one_hot(viseme), 0.5)]
    if viseme == "PP":
        assert at["press"] == 1.0
    elif viseme == "FF":
        assert at["tuck"] == 1.0
    elif viseme == "sil":
        assert at.get("open", 0.0) == 0.0
    elif viseme == "aa":
        assert at["open"] >= 0.66
    elif viseme == "ou":
        assert at["wide"] == -1.0
