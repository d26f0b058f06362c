"""The espeak-ng helper process: ``python -m bunraku.node.speech.espeak_helper``.

espeak-ng is one voice per process and GPL-3; it therefore lives in processes of its own and
speaks the protocol of ``bunraku.node.speech.helper``, which any other synthesizer could speak as well.

Requests::

    {"voice": "en-us+f3", "text": "...", "rate": 175, "pitch": 50, "phonemes_only": false}
    {"voice": "en-us", "text": "...", "phonemes_only": true, "tie": true}

With ``pronounced``, a list of ``[start, end, IPA]`` by characters of the text, those words are said so.
With ``tie`` the parts of one sound, as of a diphthong, are tied by ``^``.

Heads of the reply::

    {"events": [["p", sample, "IPA"], ["w", sample, position, length], ...]}
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from bunraku.node.speech.espeak_phonemes import alike, from_ipa
from bunraku.node.speech.helper_side import Requests

SYNCHRONOUS = 2
BUFFER_MS = 60
BLOCK_S = 0.5  # s of sound in a block after the first, which goes out as soon as it is there
OPTIONS = 0x8000 | 0x0001 | 0x0002  # don't exit on error, phoneme events, as IPA
FLAGS = 0x1 | 0x1000  # UTF-8, pause at the end
PHONEMES_IN_TEXT = 0x100  # between [[ and ]]
RATE, PITCH = 1, 3
IPA, TIE = 0x02, 0x80 | ord("^") << 8
WORD, PHONEME = 1, 7


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


class _Voice(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class EspeakSynthesizer:
    """The library, opened once. Not thread-safe: nothing in espeak-ng is."""

    def __init__(self, requests: Requests) -> None:
        import espeakng_loader  # the extra bunraku[espeak]

        lib = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        lib.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
        lib.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int,
            ctypes.c_uint, ctypes.c_uint, ctypes.POINTER(ctypes.c_uint), ctypes.c_void_p,
        ]  # fmt: skip
        lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        lib.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        lib.espeak_GetCurrentVoice.restype = ctypes.POINTER(_Voice)
        data = str(espeakng_loader.get_data_path()).encode()
        self.sample_rate: int = lib.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, data, OPTIONS)
        if self.sample_rate <= 0:
            raise RuntimeError("espeak-ng did not initialise")
        self._lib = lib
        self._callback = _Callback(self._on_block)
        lib.espeak_SetSynthCallback(self._callback)
        self._requests = requests
        self._voice = ""
        self._begun = False
        self._events: list[list[Any]] = []
        self._pcm = bytearray()
        self._listening = False
        self._places: list[tuple[int, int]] = []
        """Where each piece of the text that is said begins in what was asked for."""

    def choose(self, voice: str) -> None:
        if voice == self._voice:
            return
        by_name = self._lib.espeak_SetVoiceByName(voice.encode())
        # Some unknown names fail silently and keep the voice before them: look at what we got.
        if by_name != 0 or voice.lower() not in self._current():
            # Tags such as en-gb name a language, not a voice.
            wanted = _Voice(languages=voice.encode())
            if self._lib.espeak_SetVoiceByProperties(ctypes.byref(wanted)) != 0 or (
                voice.lower() not in self._current()
            ):
                self._voice = ""
                raise ValueError(f"no voice {voice!r}")
        self._voice = voice

    def _current(self) -> tuple[str, str]:
        """Identifier and language of the voice that is set, in lower case."""
        current = self._lib.espeak_GetCurrentVoice().contents
        identifier = (current.identifier or b"").decode("utf-8", "replace")
        # The list of languages is a priority byte and a tag each; the first tag is the voice's own.
        language = (current.languages or b" ")[1:].decode("utf-8", "replace")
        return identifier.rsplit("/", 1)[-1].lower(), language.lower()

    def speak(self, request: dict[str, Any]) -> None:
        self.choose(request["voice"])
        self._lib.espeak_SetParameter(RATE, int(request["rate"]), 0)
        self._lib.espeak_SetParameter(PITCH, int(request["pitch"]), 0)
        text, flags = self._spelled(request["text"], request.get("pronounced", []))
        self._begun = False
        self._synthesise(text, flags)
        self._send()

    def _synthesise(self, text: str, flags: int) -> None:
        encoded = text.encode() + b"\0"
        self._lib.espeak_Synth(encoded, len(encoded), 0, 1, 0, flags, None, None)
        self._lib.espeak_Synchronize()

    def _spelled(self, text: str, pronounced: list[tuple[int, int, str]]) -> tuple[str, int]:
        """The text with phonemes in the place of such words, and the flags that it is said with."""
        self._places = []
        if not pronounced:
            return text, FLAGS
        out, at = "", 0
        for start, end, ipa in pronounced:
            names = from_ipa(ipa)
            heard = self._heard(names) if names else ""
            if not names or not alike(ipa, heard):
                continue
            self._places.append((len(out), at))
            out += text[at:start].replace("[[", "  ")
            self._places.append((len(out), start))
            out += f"[[{names}]]"
            at = end
        self._places.append((len(out), at))
        return out + text[at:].replace("[[", "  "), FLAGS | PHONEMES_IN_TEXT

    def _heard(self, names: str) -> str:
        """What a word by phonemes sounds like, in IPA."""
        self._listening = True
        self._synthesise(f"[[{names}]]", FLAGS | PHONEMES_IN_TEXT)
        self._listening = False
        heard = "".join(e[2] for e in self._events if e[0] == "p")
        self._events, self._pcm = [], bytearray()
        return heard

    def _place(self, position: int) -> int:
        """A place of espeak-ng's, from 1, in the text that was asked for."""
        before = [(said, asked) for said, asked in self._places if said < position]
        return position - before[-1][0] + before[-1][1] if before else position

    def phonemes(self, request: dict[str, Any]) -> str:
        """IPA of a text; a change of language shows as ``(en)`` and the like."""
        self.choose(request["voice"])
        buffer = ctypes.create_string_buffer(request["text"].encode())
        pointer = ctypes.cast(buffer, ctypes.c_char_p)
        mode = IPA | (TIE if request.get("tie") else 0)
        out: list[str] = []
        while pointer.value:
            out.append((self._lib.espeak_TextToPhonemes(ctypes.byref(pointer), 1, mode) or b"").decode())
        return " ".join(out)

    def _on_block(self, wav: Any, count: int, events: Any) -> int:
        i = 0
        while events[i].type:
            event = events[i]
            if event.type == PHONEME:
                # The name may fill all eight bytes without a NUL.
                raw = ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0]
                self._events.append(["p", event.sample, raw.decode("utf-8", "replace")])
            elif event.type == WORD:
                self._events.append(["w", event.sample, self._place(event.text_position), event.length])
            i += 1
        if wav and count > 0:
            self._pcm += ctypes.string_at(wav, count * 2)
        if self._listening:
            return 0
        if not self._begun or len(self._pcm) >= BLOCK_S * self.sample_rate * 2:
            self._send()
        return int(self._requests.aborted())  # 1 ends the synthesis

    def _send(self) -> None:
        if self._events or self._pcm:
            self._begun = self._begun or bool(self._pcm)
            self._requests.reply({"events": self._events}, bytes(self._pcm))
            self._events, self._pcm = [], bytearray()


def main() -> None:
    requests = Requests()
    synthesizer = EspeakSynthesizer(requests)
    requests.hello({"sample_rate": synthesizer.sample_rate})

    def answer(request: dict[str, Any]) -> None:
        if request.get("phonemes_only"):
            requests.reply({"phonemes": synthesizer.phonemes(request)})
        else:
            synthesizer.speak(request)

    requests.serve(answer)


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
