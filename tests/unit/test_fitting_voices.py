"""Every digital human has a voice that fits, in each language that somebody like them speaks."""

import pytest

from bunraku.node.avatars.catalog import Catalog
from bunraku.node.speech import espeak, flite
from bunraku.node.speech.kokoro.cast import CAST

WOMEN, MEN = "anna helen imani nadia", "henrik marcus"
SOUNDS_LIKE = {
    WOMEN: (
        "en-us-hazel en-us-iris en-us-nora en-gb-edith es-es-marisol fr-fr-manon it-it-chiara pt-br-beatriz"
        " zh-cn-lan ja-jp-sora hi-in-kavya en-us-grace en-us-ava zh-cn-mei es-es-lucia fr-fr-chloe"
        " it-it-giulia hi-in-ananya de-de-greta"
    ),
    MEN: (
        "en-us-miles en-us-felix en-gb-hugh es-es-diego it-it-matteo pt-br-caio zh-cn-jun ja-jp-ren hi-in-arjun"
        " en-us-reed en-gb-alban en-us-evan en-gb-oliver de-de-lukas pt-br-rafael fr-fr-luc"
    ),
}
"""Which timbres are a woman's and which a man's, as they sound."""

TIMBRES = {v.timbre.id: v.timbre.language for v in (*CAST, *espeak.VOICES, *flite.VOICES)}
NEURAL = {m.timbre.id for m in CAST}
PACKS = {pack.name.lower(): pack for pack in Catalog().list()}


def test_the_table_holds_every_timbre_once():
    told = [t for timbres in SOUNDS_LIKE.values() for t in timbres.split()]
    assert sorted(told) == sorted(TIMBRES)
    assert {name.split()[0] for name in PACKS} == {*WOMEN.split(), *MEN.split()}


@pytest.mark.parametrize("language", sorted(set(TIMBRES.values())))
@pytest.mark.parametrize("name", sorted(PACKS))
def test_every_built_in_digital_human_has_a_fitting_voice(name, language):
    group = WOMEN if name.split()[0] in WOMEN.split() else MEN
    fitting = {t for t in SOUNDS_LIKE[group].split() if TIMBRES[t] == language}
    named = PACKS[name].voices.get(language, ())
    assert set(named) <= fitting
    assert bool(named) == bool(fitting)
    # The pleasant ones first; without their extra there is still one of the others, where there is any.
    ranks = [t not in NEURAL for t in named]
    assert ranks == sorted(ranks)
    for kind in (NEURAL, TIMBRES.keys() - NEURAL):
        assert bool(set(named) & kind) == bool(fitting & kind)
