"""The flite helper process: ``python -m bunraku.node.speech.flite_helper``.

flite (Debian's ``libflite1``) is called in a process of its own, so that a fault in it costs one
sentence. It speaks the protocol of ``bunraku.node.speech.helper``.

Request: ``{"voice": "slt", "text": "..."}``. The reply is one block with the whole sentence and
``{"phonemes": [["hh", end], ...], "words": [["Hello", start, end], ...]}``, times in seconds.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from bunraku.node.speech.helper_side import Requests

ENGINE = ("libflite.so.1", "libflite_usenglish.so.1", "libflite_cmulex.so.1")
VOICES = ("slt", "rms", "awb", "kal16")
RATE = 16_000
_POINTER = ctypes.c_void_p
_PATH = ctypes.c_char_p
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "flite_synth_text": (_POINTER, [_PATH, _POINTER]),
    "utt_wave": (_POINTER, [_POINTER]),
    "utt_relation": (_POINTER, [_POINTER, _PATH]),
    "relation_head": (_POINTER, [_POINTER]),
    "item_next": (_POINTER, [_POINTER]),
    "ffeature_string": (_PATH, [_POINTER, _PATH]),
    "ffeature_float": (ctypes.c_float, [_POINTER, _PATH]),
    "delete_utterance": (None, [_POINTER]),
}


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("samples_count", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


def voice_library(voice: str) -> str:
    return f"libflite_cmu_us_{voice}.so.1"


class FliteSynthesizer:
    """flite and its voices. Raises ``OSError`` when the library is not on this machine."""

    def __init__(self) -> None:
        libraries = [ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL) for name in ENGINE]
        self._lib = libraries[0]
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._lib.flite_init()
        self._voices: dict[str, int] = {}

    def _voice(self, name: str) -> int:
        if name not in self._voices:
            if name not in VOICES:
                raise ValueError(f"no voice {name!r}")
            register = getattr(ctypes.CDLL(voice_library(name)), f"register_cmu_us_{name}")
            register.restype, register.argtypes = _POINTER, [_POINTER]
            self._voices[name] = register(None)
        return self._voices[name]

    def speak(self, voice: str, text: str) -> tuple[dict[str, Any], bytes]:
        """Head and PCM of one text. Raises ``ValueError`` for an unknown voice or no sound."""
        lib = self._lib
        utterance = lib.flite_synth_text(text.encode(), self._voice(voice))
        if not utterance:
            raise ValueError("flite made no sound")
        try:
            wave = ctypes.cast(lib.utt_wave(utterance), ctypes.POINTER(_Wave)).contents
            if wave.sample_rate != RATE:
                raise ValueError(f"unexpected rate {wave.sample_rate}")
            pcm = ctypes.string_at(wave.samples, wave.samples_count * 2)
            phonemes = [
                [lib.ffeature_string(item, b"name").decode(), round(lib.ffeature_float(item, b"end"), 4)]
                for item in self._items(utterance, b"Segment")
            ]
            return {"phonemes": phonemes, "words": self._words(utterance)}, pcm
        finally:
            lib.delete_utterance(utterance)

    def _items(self, utterance: int, relation: bytes) -> list[int]:
        found: list[int] = []
        item = self._lib.relation_head(self._lib.utt_relation(utterance, relation))
        while item:
            found.append(item)
            item = self._lib.item_next(item)
        return found

    def _words(self, utterance: int) -> list[list[Any]]:
        """Words as they were written: what one token was read as is joined again."""
        words: list[list[Any]] = []
        token = None
        for item in self._items(utterance, b"Word"):
            this = self._lib.ffeature_string(item, b"R:Token.parent.name").decode("utf-8", "replace")
            first = b"R:SylStructure.daughter1.daughter1.R:Segment.p.end"
            start = self._lib.ffeature_float(item, first)
            end = self._lib.ffeature_float(item, b"R:SylStructure.daughtern.daughtern.R:Segment.end")
            where = self._lib.ffeature_float(item, b"R:Token.parent.file_pos")
            mark = self._lib.ffeature_string(item, b"R:Token.parent.punc").decode("utf-8", "replace")
            if words and (this, where) == token:
                words[-1][2] = round(end, 4)
            elif end > start:
                words.append([this + mark.strip("0"), round(start, 4), round(end, 4)])
            token = (this, where)
        return words


def main() -> None:
    requests = Requests()
    synthesizer = FliteSynthesizer()
    requests.hello({"sample_rate": RATE})

    def answer(request: dict[str, Any]) -> None:
        if not requests.aborted():
            requests.reply(*synthesizer.speak(request["voice"], request["text"]))

    requests.serve(answer)


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
