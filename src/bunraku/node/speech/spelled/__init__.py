"""From what is written to the words a person would say: numbers, dates, money, addresses.

Each word knows its place in the written sentence, so that captions show what was written.
"""

from bunraku.node.speech.spelled.languages import prepare, spell_out
from bunraku.node.speech.spelled.words import SaidWord

__all__ = ["SaidWord", "prepare", "spell_out"]
