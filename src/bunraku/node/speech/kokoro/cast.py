"""The voices we list, and what each is in the model. Each speaks its own language only.

``gain`` brings a voice to -16 LUFS (``tests/integration/test_kokoro.py`` measures it, ``studio/voices``
made the table).
"""

from __future__ import annotations

from dataclasses import dataclass

from bunraku.node.speech.base import Timbre


@dataclass(frozen=True, slots=True)
class CastMember:
    """``style`` names the file of the voice's styles; ``espeak`` the reader of its language."""

    timbre: Timbre
    style: str
    espeak: str
    gain: float = 1.0


def _member(timbre_id: str, name: str, language: str, style: str, espeak: str, gain: float) -> CastMember:
    # The timbre's own gain is 1: the helper applies the member's before it limits the peaks.
    return CastMember(Timbre(timbre_id, name, language, gain=1.0), style, espeak, gain)


CAST = (
    CastMember(
        Timbre("en-us-hazel", "Hazel · English (US), neural", "en-US", gain=1.0), "af_heart", "en-us", 2.06
    ),
    _member("en-us-iris", "Iris · English (US), neural", "en-US", "af_bella", "en-us", 2.24),
    _member("en-us-nora", "Nora · English (US), neural", "en-US", "af_sarah", "en-us", 1.8),
    CastMember(
        Timbre("en-us-miles", "Miles · English (US), neural", "en-US", gain=1.0), "am_michael", "en-us", 2.5
    ),
    CastMember(
        Timbre("en-us-felix", "Felix · English (US), neural", "en-US", gain=1.0), "am_fenrir", "en-us", 1.39
    ),
    CastMember(
        Timbre("en-gb-edith", "Edith · English (UK), neural", "en-GB", gain=1.0), "bf_emma", "en-gb", 1.46
    ),
    CastMember(
        Timbre("en-gb-hugh", "Hugh · English (UK), neural", "en-GB", gain=1.0), "bm_george", "en-gb", 1.85
    ),
    _member("es-es-marisol", "Marisol · Español, neural", "es-ES", "ef_dora", "es", 2.32),
    _member("es-es-diego", "Diego · Español, neural", "es-ES", "em_alex", "es", 2.1),
    _member("fr-fr-manon", "Manon · Français, neural", "fr-FR", "ff_siwis", "fr", 1.27),
    _member("it-it-chiara", "Chiara · Italiano, neural", "it-IT", "if_sara", "it", 0.655),
    _member("it-it-matteo", "Matteo · Italiano, neural", "it-IT", "im_nicola", "it", 1.2),
    CastMember(
        Timbre("pt-br-beatriz", "Beatriz · Português, neural", "pt-BR", gain=1.0), "pf_dora", "pt-br", 2.26
    ),
    _member("pt-br-caio", "Caio · Português, neural", "pt-BR", "pm_alex", "pt-br", 2.1),
    _member("zh-cn-lan", "Lan · 中文, neural", "zh-CN", "zf_xiaoxiao", "cmn", 0.865),
    _member("zh-cn-jun", "Jun · 中文, neural", "zh-CN", "zm_yunxi", "cmn", 1.66),
    _member("ja-jp-sora", "Sora · 日本語, neural", "ja-JP", "jf_alpha", "ja", 1.56),
    _member("ja-jp-ren", "Ren · 日本語, neural", "ja-JP", "jm_kumo", "ja", 2.25),
    _member("hi-in-kavya", "Kavya · हिन्दी, neural", "hi-IN", "hf_alpha", "hi", 0.92),
    _member("hi-in-arjun", "Arjun · हिन्दी, neural", "hi-IN", "hm_omega", "hi", 0.94),
)

REHEARSED = {
    "en-US": (
        "ɡˈʊd mˈɔɹnɪŋ, ænd wˈɛlkəm. hˌW kæn I hˈɛlp ju tədˈA?",
        "ðə wˈɛðəɹ wʌz lˈʌvli ˈɔl lˈæst wˈik, bət nˈW ðə wˈɪnd ɪz blˈOɪŋ fɹʌm ðə nˈɔɹθ əɡˈɛn.",
        "plˈiz tˈAk ə sˈit, sˈɜɹ.",
        "I wʊd lˈIk tə nˈO wˌʌt ju θˈɪŋk əbˈWt ɪt.",
        "mI nˈAm ɪz ˈænə.",
        "hɪz sˈɪstəɹz kˈʌzᵊnz jˈuʒəwəli ʧˈuz sˈɪks fɹˈɛʃ fˈɪʃɪz.",
        "nˈW ˌIm əlˈOn ɪn ɐ ɹˈum, ænd ju ɑɹ ˈɔl əwˈA.",
        "pˈiɾəɹ tˈʊk ɐ kˈʌp ʌv hˈɑt kˈɔfi bˈæk tə ðə kˈɪʧᵊn tˈAbᵊl.",
    ),
    "en-GB": (
        "ɡˈʊd mˈɔːnɪŋ, and wˈɛlkəm. hˌW kan I hˈɛlp juː tədˈA?",
        "ðə wˈɛðə wɒz lˈʌvli ˈɔːl lˈɑːst wˈiːk, bət nˈW ðə wˈɪnd ɪz blˈQɪŋ fɹɒm ðə nˈɔːθ əɡˈɛn.",
        "plˈiːz tˈAk ə sˈiːt, sˈɜː.",
        "I wʊd lˈIk tə nˈQ wˌɒt juː θˈɪŋk əbˈWt ɪt.",
        "mI nˈAm ɪz ˈanə.",
        "hɪz sˈɪstəz kˈʌzᵊnz jˈuːʒʊəli ʧˈuːz sˈɪks fɹˈɛʃ fˈɪʃɪz.",
        "nˈW ˌIm əlˈQn ɪn ɐ ɹˈuːm, and juː ɑː ˈɔːl əwˈA.",
        "pˈiːtə tˈʊk ɐ kˈʌp ɒv hˈɒt kˈɒfi bˈak tə ðə kˈɪʧɪn tˈAbᵊl.",
    ),
    "es-ES": (
        "bwˈenos ðˈias i βjɛmbenˈiðos. kˈomo pwˈeðo aʝuðˈaɾle ˈoj?",
        "el tɾˈen sˈale a las nwˈeβe i mˈeðja, pˈeɾo ˈoj ʝˈeɣa kon ˈun pˈoko ðe rɛtɾˈaso.",
        "sjˈentese, poɾ faβˈoɾ.",
        "me ɣustaɾˈia saβˈeɾ lˈo ke pjˈensa ðe ˈesto.",
        "me ʝˈamo ˈana.",
        "los sˈesis pesˈes de sus ʧˈikas son sˈosos i sensˈiʝos.",
        "no ˈaj nˈaða ke mˈiɾe ˈuna ɣɾˈan lˈuna ni ˈun mˈaɾ.",
        "pˈako tˈoma kafˈe kon pˈoko tˈe en pekˈin.",
    ),
    "zh-CN": (
        "ʦau↓ʂa↘ŋxau↓, xwa→ni↗ŋkwa→ŋli↗n. ʨʰi↓ŋwə↘n ni↗n ɕy→jau↘ ʂə↗nmɤ pa→ŋꭧu↘?",
        "ʂa↘ŋkɤ↘ɕi→ŋʨʰi→ tɤ tʰjɛ→nʨʰi↘ i↘ꭧɨ↗ xə↓n xau↓, kʰɤ↓ʂɨ↘ ʨi→ntʰjɛ→n, pei↓fə→ŋ jou↘ kwa→ʨʰi↓lai↗ lɤ.",
        "ʨʰi↓ŋ ʦwo↘, ɕjɛ→nʂə→ŋ.",
        "wo↓ ɕja↓ŋ ꭧɨ→tau↘ ni↓ twei↘ ꭧɤ↘ʨjɛ↘n ʂɨ↘jou↓ ʂə↗nmɤ kʰa↘nfa↓.",
        "wo↓ ʨjau↘ a→nna↘.",
        "sɨ↘ʂɨ↗sɨ↘ ꭧɨ↓ ʂɨ↗ʂɨ→ʦɨ ʂɨ↘ sɨ↓ tɤ, ʂɨ↘pu↗ʂɨ↘, ʂwei↗ ʂwo→ tɤ↗ ʨʰi→ŋꭧʰu↓?",
        "ni↓mən jau↘ na↓kɤ, wo↓lai↗ na↗kei↓ ni↓mən kʰa↘n.",
        "tʰa→ xɤ→kʰa→fei→, tʰa→ xɤ→ꭧʰa↗, ta↘ʨja→ tou→ ꭧʰɨ→ pʰau↘ʦʰai↘ xɤ↗ kʰau↓ja→.",
    ),
    "ja-JP": (
        "ohajoːɡoʣaimasɨ, joːkoso. naɲi ka oteʦɨdai ɕimaɕoː ka?",
        "seɴɕɨː βa zɨʔto ii teŋkʲideɕita ɡa, kʲoː βa, mata kʲitakaʣe ɡa ɸɯite imasɨ.",
        "doːʣo, okake kɯdasai.",
        "soɾe ɲiʦɨite doː omoɯ ka oɕiete kɯdasai.",
        "βataɕi no namae βa annadesɨ.",
        "ɕizɨkana ɕiɕi ɡa joɴ çikʲi, sɨkoɕi zɨʦɨ sɨsɨnde imasɨ.",
        "mada daɾe mo inai ɯmʲi o naɡame naɡaɾa aɾɯita.",
        "peʔto to kaʔpɯ o kaʔte, kʲita kaɾa todokete moɾaʔta.",
    ),
}
"""Sentences in the model's alphabet, from which the usual statistics of a voice are taken: some with
many pauses, hisses or stops, some with none.

Languages without their own use the Spanish ones, whose sounds all of them have."""
