"""What a provider says."""

from __future__ import annotations

import numpy as np

from bunraku.core.script import Prosody

ORDINARY = {
    "en": "Good morning, and welcome. The train to the city leaves at half past nine from platform two.",
    "zh": "早上好，欢迎光临。今天的天气很好，我们一起去公园散步吧。请问您需要什么帮助？",
    "ja": "おはようございます、ようこそ。電車は九時半に二番線から出発します。何かお手伝いしましょうか。",
    "es": "Buenos días y bienvenidos. El tren sale a las nueve y media. ¿En qué puedo ayudarle hoy?",
    "fr": "Bonjour et bienvenue à tous. Le train part à neuf heures et demie. Comment puis-je vous aider ?",
    "de": "Guten Morgen und herzlich willkommen. Der Zug fährt um halb zehn ab. Wie kann ich Ihnen helfen?",
    "it": "Buongiorno e benvenuti. Il treno parte alle nove e mezza. Come posso aiutarla oggi?",
    "pt": "Bom dia e sejam bem-vindos. O trem parte às nove e meia. Como posso ajudar você hoje?",
    "hi": "नमस्ते, आपका स्वागत है। गाड़ी साढ़े नौ बजे जाती है। मैं आपकी क्या सहायता कर सकता हूँ?",
}
"""Ordinary text of each language."""


async def say(provider, timbre, text, prosody=Prosody()):
    chunks = [c async for c in provider.speak(timbre, text, prosody)]
    return (
        np.concatenate([c.samples for c in chunks]),
        [p for c in chunks for p in c.phonemes],
        [w for c in chunks for w in c.words],
    )
