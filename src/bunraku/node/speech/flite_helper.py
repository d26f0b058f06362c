"""The flite helper process: ``python -m bunraku.node.speech.flite_helper``.

flite (Debian's ``libflite1``) is called in a process of its own, so that a fault in it costs one
sentence. It speaks the protocol of ``bunraku.node.speech.helper``.

Request: ``{"voice": "slt", "text": "..."}``, in ASCII. The reply's first block tells
``{"phonemes": [["hh", end], ...], "words": [[place, start, end], ...]}``, places in the text and times in
seconds; it goes out with the first sound, and the rest of the sound as flite makes it.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from bunraku.node.speech.helper_side import Requests

ENGINE = ("libflite.so.1", "libflite_usenglish.so.1", "libflite_cmulex.so.1")
VOICES = ("slt", "rms", "awb", "kal16")
RATE = 16_000
FIRST, BLOCK = RATE // 20, RATE // 4  # samples of the first block, and of those after it
GO_ON, STOP = 0, -1
_POINTER = ctypes.c_void_p
_PATH = ctypes.c_char_p
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "new_utterance": (_POINTER, []),
    "feat_set": (None, [_POINTER, _PATH, _POINTER]),
    "feat_set_string": (None, [_POINTER, _PATH, _PATH]),
    "flite_do_synth": (_POINTER, [_POINTER, _POINTER, _POINTER]),
    "new_audio_streaming_info": (_POINTER, []),
    "audio_streaming_info_val": (_POINTER, [_POINTER]),
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


class _Features(ctypes.Structure):
    """The beginning of an utterance, whose features come first."""

    _fields_ = [("features", ctypes.c_void_p)]


class _FliteVoice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(_Wave), ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p
)


class _Streaming(ctypes.Structure):
    _fields_ = [("least", ctypes.c_int), ("callback", _Callback)]


def voice_library(voice: str) -> str:
    return f"libflite_cmu_us_{voice}.so.1"


class FliteSynthesizer:
    """flite and its voices. Raises ``OSError`` when the library is not on this machine."""

    def __init__(self, requests: Requests) -> None:
        libraries = [ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL) for name in ENGINE]
        self._lib, self._requests = libraries[0], requests
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._lib.flite_init()
        self._voices: dict[str, int] = {}
        self._callback = _Callback(self._on_sound)
        self._utterance = 0
        self._head: dict[str, Any] | None = None
        self._pcm = bytearray()

    def _voice(self, name: str) -> int:
        if name not in self._voices:
            if name not in VOICES:
                raise ValueError(f"no voice {name!r}")
            register = getattr(ctypes.CDLL(voice_library(name)), f"register_cmu_us_{name}")
            register.restype, register.argtypes = _POINTER, [_POINTER]
            voice: int = register(None)
            streaming = self._lib.new_audio_streaming_info()
            how = ctypes.cast(streaming, ctypes.POINTER(_Streaming)).contents
            how.least, how.callback = FIRST, self._callback
            features = ctypes.cast(voice, ctypes.POINTER(_FliteVoice)).contents.features
            self._lib.feat_set(features, b"streaming_info", self._lib.audio_streaming_info_val(streaming))
            self._voices[name] = voice
        return self._voices[name]

    def speak(self, voice: str, text: str) -> None:
        """Reply with the sound of one text. Raises ``ValueError`` for an unknown voice or no sound."""
        lib, chosen = self._lib, self._voice(voice)
        utterance = self._utterance = lib.new_utterance()
        self._head, self._pcm = None, bytearray()
        features = ctypes.cast(utterance, ctypes.POINTER(_Features)).contents.features
        # The place of the last word is told by what follows it.
        lib.feat_set_string(features, b"input_text", text.encode("ascii", "replace") + b" ")
        synthesise = ctypes.cast(lib.utt_synth, _POINTER)
        if not lib.flite_do_synth(utterance, chosen, synthesise):  # it has deleted the utterance
            raise ValueError("flite made no sound")
        try:
            self._send()
        finally:
            lib.delete_utterance(utterance)

    def _on_sound(self, wave: Any, start: int, size: int, last: int, streaming: Any) -> int:
        """Called by flite for each stretch that it has made."""
        del last, streaming
        made = wave.contents
        if made.sample_rate != RATE:
            return STOP
        begin = ctypes.addressof(made.samples.contents) + start * 2
        self._pcm += ctypes.string_at(begin, size * 2)
        if self._head is None or len(self._pcm) >= BLOCK * 2:
            self._send()
        return STOP if self._requests.aborted() else GO_ON

    def _send(self) -> None:
        if self._head is None:
            self._head = self._timed()
            self._requests.reply(self._head, bytes(self._pcm))
        elif self._pcm:
            self._requests.reply({}, bytes(self._pcm))
        self._pcm = bytearray()

    def _timed(self) -> dict[str, Any]:
        """What is said when: known before its sound is made."""
        name, end = self._lib.ffeature_string, self._lib.ffeature_float
        phonemes = [
            [name(item, b"name").decode(), round(end(item, b"end"), 4)]
            for item in self._items(self._utterance, b"Segment")
        ]
        return {"phonemes": phonemes, "words": self._words(self._utterance)}

    def _items(self, utterance: int, relation: bytes) -> list[int]:
        found: list[int] = []
        item = self._lib.relation_head(self._lib.utt_relation(utterance, relation))
        while item:
            found.append(item)
            item = self._lib.item_next(item)
        return found

    def _words(self, utterance: int) -> list[list[Any]]:
        """Where each word is in the text, its start and its end."""
        words: list[list[Any]] = []
        for item in self._items(utterance, b"Word"):
            token = self._lib.ffeature_string(item, b"R:Token.parent.name")
            first = b"R:SylStructure.daughter1.daughter1.R:Segment.p.end"
            start = self._lib.ffeature_float(item, first)
            end = self._lib.ffeature_float(item, b"R:SylStructure.daughtern.daughtern.R:Segment.end")
            # flite has read the token, its marks, and the space after it.
            behind = int(self._lib.ffeature_float(item, b"R:Token.parent.file_pos"))
            marks = self._lib.ffeature_string(item, b"R:Token.parent.punc")
            place = behind - 1 - len(token) - len(marks if marks != b"0" else b"")
            if end > start:
                words.append([max(0, place), round(start, 4), round(end, 4)])
        return words


def main() -> None:
    requests = Requests()
    synthesizer = FliteSynthesizer(requests)
    requests.hello({"sample_rate": RATE})

    def answer(request: dict[str, Any]) -> None:
        if not requests.aborted():
            synthesizer.speak(request["voice"], request["text"])

    requests.serve(answer)


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
