"""The flite helper process: ``python -m bunraku.node.speech.flite_helper``.

flite (Debian's ``libflite1``) is called in a process of its own, so that a fault in it costs one
sentence. It speaks the protocol of ``bunraku.node.speech.helper``.

Request: ``{"voice": "slt", "text": "...", "prompt": true, "early": true}``, in ASCII; one that is ``prompt``
begins with its first sound, not with the pause that flite puts in front. The reply's first block tells
``{"phonemes": [["hh", end], ...], "words": [[place, start, end], ...]}``, places in the text and times in
seconds; it goes out with the first sound, and the rest of the sound as flite makes it.

flite finds how all of a sentence sounds before it makes the first of it. So of one that is wanted ``early``,
some syllables are made before the rest is thought of: as part of the whole sentence, which is what each
sound's length and pitch depend on, and with two more syllables, which is as far as they look ahead. Then all
of it is made, and takes over where these end, from the same sound. The first block says ``"more": true``
then, and tells of these syllables; the block with which the rest begins tells of that.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from dataclasses import dataclass, field
from typing import Any

from bunraku.node.speech.helper_side import Requests

ENGINE = ("libflite.so.1", "libflite_usenglish.so.1", "libflite_cmulex.so.1")
VOICES = ("slt", "rms", "awb", "kal16")
RATE = 16_000
STEP = RATE // 20  # samples that flite makes between two looks at what it has made
FIRST, BLOCK = RATE // 16, RATE // 4  # samples of the first block, and of those after it
LEAD = 0.005  # s of the pause in front of a text that are left of it
FRAME = 0.005  # s
GO_ON, STOP = 0, -1
OVERLAP = RATE // 100
"""Samples for which the syllables made early and the rest are both heard, one fading into the other."""
LEAST_EARLY = 7
"""Sounds of the shortest beginning that is made early, the pause in front included: 0.4 s, mostly."""
SHARE_EARLY = 20
"""The beginning of a long sentence is a longer one, for the rest takes longer: this part of its sounds."""
LOOKED_AHEAD = 2  # syllables
WORTH = 5  # sounds that must follow those
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
    "utt_synth": (_POINTER, [_POINTER]),
    "cg_synth": (_POINTER, [_POINTER]),
    "cg_db_val": (_POINTER, [_POINTER]),
    "feat_present": (ctypes.c_int, [_POINTER, _PATH]),
    "feat_remove": (ctypes.c_int, [_POINTER, _PATH]),
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


class _Model(ctypes.Structure):
    """What a statistical voice is made of, as ``cst_cg.h`` has it, which says that it stays so."""

    _fields_ = [
        ("before", _POINTER * 2),
        ("types", ctypes.c_int),
        ("sample_rate", ctypes.c_int),
        ("trees", _POINTER * 15),
        ("shape", ctypes.c_int),
        ("frame_advance", ctypes.c_float),
        ("durations", _POINTER * 4),
        ("smooth", ctypes.c_int),
        ("dynamics", _POINTER * 6),
        ("by_syllables", ctypes.c_int),
        ("gain", ctypes.c_float),
        ("freeable", ctypes.c_int),
    ]


class _Item(ctypes.Structure):
    """The beginning of an item of a relation."""

    _fields_ = [("contents", _POINTER), ("relation", _POINTER), ("following", _POINTER)]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(_Wave), ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p
)


class _Streaming(ctypes.Structure):
    _fields_ = [("least", ctypes.c_int), ("callback", _Callback)]


def voice_library(voice: str) -> str:
    return f"libflite_cmu_us_{voice}.so.1"


@dataclass
class EarlyPart:
    """The beginning of a sentence that is made before the rest."""

    last: int
    """The item of its last segment."""
    beyond: int
    """The item of the last segment that it needs to know of."""
    time: float = 0.0
    """How long it is, s; known with its first sound."""
    tail: bytes = b""
    """Sound of what follows, to fade from."""
    over: bool = False
    """It is made: all of the sentence is being made."""


@dataclass
class Progress:
    """Of one request. Times and samples count from flite's first, which may be left out."""

    utterance: int
    early: EarlyPart | None = None
    lead: float | None = None
    """s of silence in front that are left out; None until it is known."""
    made: int = 0
    """Samples that flite has made, this time."""
    taken: int = 0
    """Samples that went by: left out, sent, or in ``pcm``."""
    pcm: bytearray = field(default_factory=bytearray)
    """To be sent."""
    told: float = -1.0
    """Until when (s) sounds and words were told; negative before the first block."""

    @property
    def beginning(self) -> EarlyPart | None:
        """What is being made, when it is the beginning alone."""
        return None if self.early is None or self.early.over else self.early

    def take(self, pcm: bytes) -> None:
        """flite has made some more."""
        begin, self.made = self.made, self.made + len(pcm) // 2
        early = self.beginning
        limit = self.made if early is None else min(self.made, int(early.time * RATE))
        since, until = max(begin, self.taken), max(begin, limit)
        self.pcm += pcm[(since - begin) * 2 : (until - begin) * 2]
        self.taken = max(self.taken, limit)
        if early is not None:
            early.tail = (early.tail + pcm[(until - begin) * 2 :])[: OVERLAP * 2]

    def join(self) -> None:
        """Fade from the beginning's sound into the whole sentence's, when ``pcm`` begins with that."""
        if self.early is not None and self.early.over and self.early.tail:
            size = len(self.early.tail)
            self.pcm[:size] = faded(self.early.tail, bytes(self.pcm[:size]))
            self.early.tail = b""


class FliteSynthesizer:
    """flite and its voices; one in a process, which its voices belong to. Raises ``OSError`` when the library
    is not on this machine."""

    def __init__(self, requests: Requests) -> None:
        libraries = [ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL) for name in ENGINE]
        self._lib, self.requests = libraries[0], requests
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._lib.flite_init()
        self._voices: dict[str, int] = {}
        self._lengths: dict[int, int] = {}
        """Of statistical voices, what finds their sounds' lengths; 0 where nothing does."""
        self._kept: list[_Model] = []
        self._callback = _Callback(self._on_sound)
        self._sentence, self._measuring = Progress(0), False

    def _voice(self, name: str) -> int:
        if name not in self._voices:
            if name not in VOICES:
                raise ValueError(f"no voice {name!r}")
            library = ctypes.CDLL(voice_library(name))
            register = getattr(library, f"register_cmu_us_{name}")
            register.restype, register.argtypes = _POINTER, [_POINTER]
            voice: int = register(None)
            streaming = self._lib.new_audio_streaming_info()
            how = ctypes.cast(streaming, ctypes.POINTER(_Streaming)).contents
            how.least, how.callback = STEP, self._callback
            features = ctypes.cast(voice, ctypes.POINTER(_FliteVoice)).contents.features
            self._lib.feat_set(features, b"streaming_info", self._lib.audio_streaming_info_val(streaming))
            if self._lib.feat_present(features, b"cg_db"):
                # Its last step is called from here, for it may be wanted twice.
                self._lib.feat_remove(features, b"wave_synth_func")
                self._lengths[voice] = self._of_lengths(features, _lengths(library, name))
            self._voices[name] = voice
        return self._voices[name]

    def _of_lengths(self, features: int, model: _Model | None) -> int:
        """The model as flite's value; 0 where there is none. The voice keeps it: flite would free it else."""
        if model is None:
            return 0
        self._kept.append(model)
        value: int = self._lib.cg_db_val(ctypes.addressof(model))
        self._lib.feat_set(features, b"bunraku_lengths", value)
        return value

    def speak(self, voice: str, text: str, *, prompt: bool = False, early: bool = False) -> None:
        """Reply with the sound of one text. Raises ``ValueError`` for an unknown voice or no sound."""
        lib, chosen = self._lib, self._voice(voice)
        utterance = lib.new_utterance()
        sentence = self._sentence = Progress(utterance, lead=None if prompt else 0.0)
        features = ctypes.cast(utterance, ctypes.POINTER(_Features)).contents.features
        # The place of the last word is told by what follows it.
        lib.feat_set_string(features, b"input_text", text.encode("ascii", "replace") + b" ")
        synthesise = ctypes.cast(lib.utt_synth, _POINTER)
        if not lib.flite_do_synth(utterance, chosen, synthesise):  # it has deleted the utterance
            raise ValueError("flite made no sound")
        try:
            if chosen in self._lengths:
                sentence.early = self._beginning(utterance) if early else None
                if sentence.early is not None:
                    self._begin(sentence.early, self._lengths[chosen])
                if not self.requests.aborted():
                    lib.cg_synth(utterance)
            self._send()
        finally:
            lib.delete_utterance(utterance)

    def _beginning(self, utterance: int) -> EarlyPart | None:
        """What of a sentence is made early; None where the rest is not worth it."""
        segments = self._items(utterance, b"Segment")
        name = self._lib.ffeature_string
        ends = [
            at
            for at, item in enumerate(segments)
            if name(item, b"R:SylStructure.name") != b"0" and name(item, b"R:SylStructure.n.name") == b"0"
        ]
        least = max(LEAST_EARLY, len(segments) // SHARE_EARLY)
        wanted = [at for at in ends if at + 1 >= least][: LOOKED_AHEAD + 1]
        if len(wanted) <= LOOKED_AHEAD or wanted[-1] + WORTH >= len(segments):
            return None
        return EarlyPart(segments[wanted[0]], segments[wanted[-1]])

    def _begin(self, early: EarlyPart, lengths: int) -> None:
        """Make the beginning: flite is shown a sentence that ends with what the beginning needs."""
        if lengths:
            self._measure(lengths)
        item = ctypes.cast(early.beyond, ctypes.POINTER(_Item)).contents
        following, item.following = item.following, None
        try:
            self._lib.cg_synth(self._sentence.utterance)
        finally:
            item.following = following
        self._send()
        early.over, self._sentence.made = True, 0

    def _measure(self, lengths: int) -> None:
        """Find how long each sound is, which the pitch of others depends on."""
        utterance = self._sentence.utterance
        features = ctypes.cast(utterance, ctypes.POINTER(_Features)).contents.features
        self._lib.feat_set(features, b"cg_db", lengths)
        self._measuring = True
        try:
            self._lib.cg_synth(utterance)
        finally:
            self._measuring = False
            self._lib.feat_remove(features, b"cg_db")

    def _on_sound(self, wave: Any, start: int, size: int, last: int, streaming: Any) -> int:
        """Called by flite for each stretch that it has made."""
        del last, streaming
        made, sentence = wave.contents, self._sentence
        if self._measuring or made.sample_rate != RATE:
            return STOP
        if not sentence.made:
            self._know(sentence)
        sentence.take(ctypes.string_at(ctypes.addressof(made.samples.contents) + start * 2, size * 2))
        early = sentence.beginning
        if len(sentence.pcm) >= (FIRST if sentence.told < 0 else BLOCK) * 2:
            self._send()
        ready = early is not None and len(early.tail) == OVERLAP * 2
        return STOP if ready or self.requests.aborted() else GO_ON

    def _know(self, sentence: Progress) -> None:
        """How long sounds are is known now."""
        end = self._lib.ffeature_float
        if sentence.early is not None:
            sentence.early.time = end(sentence.early.last, b"end")
        if sentence.lead is None:
            first = self._lib.relation_head(self._lib.utt_relation(sentence.utterance, b"Segment"))
            sentence.lead = max(0.0, end(first, b"end") - LEAD)
            sentence.taken = int(sentence.lead * RATE)

    def _send(self) -> None:
        sentence, head = self._sentence, {}
        early = sentence.beginning
        sentence.join()
        until = float("inf") if early is None else early.time
        if sentence.told < until:
            head = self._timed(max(0.0, sentence.told), until)
            sentence.told = until
            if early is not None:
                head["more"] = True
        if head or sentence.pcm:
            self.requests.reply(head, bytes(sentence.pcm))
        sentence.pcm.clear()

    def _timed(self, since: float, until: float) -> dict[str, Any]:
        """What is said when, of what ends after ``since`` and not after ``until``: known before its sound
        is made."""
        name, end, lead = self._lib.ffeature_string, self._lib.ffeature_float, self._sentence.lead or 0.0
        ends = ((item, end(item, b"end")) for item in self._items(self._sentence.utterance, b"Segment"))
        phonemes = [
            [name(item, b"name").decode(), round(at - lead, 4)] for item, at in ends if since < at <= until
        ]
        words = [
            [place, round(max(0.0, first - lead), 4), round(last - lead, 4)]
            for place, first, last in self._words()
            if since < last <= until
        ]
        return {"phonemes": phonemes, "words": words}

    def _items(self, utterance: int, relation: bytes) -> list[int]:
        found: list[int] = []
        item = self._lib.relation_head(self._lib.utt_relation(utterance, relation))
        while item:
            found.append(item)
            item = self._lib.item_next(item)
        return found

    def _words(self) -> list[tuple[int, float, float]]:
        """Where each word is in the text, its start and its end; those whose times are known."""
        words: list[tuple[int, float, float]] = []
        for item in self._items(self._sentence.utterance, b"Word"):
            token = self._lib.ffeature_string(item, b"R:Token.parent.name")
            first = b"R:SylStructure.daughter1.daughter1.R:Segment.p.end"
            start = self._lib.ffeature_float(item, first)
            end = self._lib.ffeature_float(item, b"R:SylStructure.daughtern.daughtern.R:Segment.end")
            # flite has read the token, its marks, and the space after it.
            behind = int(self._lib.ffeature_float(item, b"R:Token.parent.file_pos"))
            marks = self._lib.ffeature_string(item, b"R:Token.parent.punc")
            place = behind - 1 - len(token) - len(marks if marks != b"0" else b"")
            if end > start:
                words.append((max(0, place), start, end))
        return words


def _lengths(library: ctypes.CDLL, name: str) -> _Model | None:
    """The voice's model as one that makes lengths and no sound: where a frame's length is no number, none
    comes before the end of anything. None for a voice whose pitch is made syllable by syllable: all
    syllables of known lengths need their frames then."""
    made = _Model.from_buffer_copy(_Model.in_dll(library, f"cmu_us_{name}_cg_db"))
    known = made.sample_rate == RATE and abs(made.frame_advance - FRAME) < 1e-6 and made.smooth == 1
    if not known or made.freeable or made.by_syllables:
        return None
    made.frame_advance, made.smooth = float("nan"), 0
    return made


def faded(before: bytes, after: bytes) -> bytes:
    """``after``, its beginning faded in over ``before``, which is the same moment's sound."""
    old, new = array("h", before), array("h", after)
    for at in range(size := min(len(old), len(new))):
        share = (at + 1) / (size + 1)
        new[at] = round(old[at] * (1 - share) + new[at] * share)
    return new.tobytes()


def main() -> None:
    requests = Requests()
    synthesizer = FliteSynthesizer(requests)
    requests.hello({"sample_rate": RATE})

    def answer(request: dict[str, Any]) -> None:
        if not requests.aborted():
            wanted = {name: bool(request.get(name)) for name in ("prompt", "early")}
            synthesizer.speak(request["voice"], request["text"], **wanted)

    requests.serve(answer)


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
