"""MP4 files that survive the end of the process at any moment, and WebVTT beside them.

FFmpeg's *hybrid* MP4: while it is written it is a fragmented file, whole up to its last fragment; closed in
order, it becomes an ordinary one with one index, which every player seeks in. Its head is written with the
first fragment: only then is known what its edit lists must say (ISO/IEC 14496-12, 8.6.6), that the encoder's
priming is not heard and when sound begins.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bunraku.core.media import EncodedUnit, Kind, Word
from bunraku.node.captions import webvtt
from bunraku.node.outputs.base import Caption
from bunraku.node.outputs.mux import Muxer

FRAGMENT_US = 500_000
"""What is lost with the process, at most; a fragment costs some 300 bytes."""

OPTIONS = {
    "movflags": "hybrid_fragmented+frag_keyframe+empty_moov+delay_moov+default_base_moof",
    "frag_duration": str(FRAGMENT_US),
    "flush_packets": "1",
}
CAPTIONS_EVERY_US = 2_000_000
PATIENCE_US = 1_000_000  # for the last sound of a file


class _File:
    """One MP4 and what belongs to it."""

    def __init__(self, path: Path, first: EncodedUnit) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.begin_us = path, first.time_us
        self.captions_us = first.time_us
        self.muxer = Muxer(str(path), "mp4", OPTIONS, first)

    @property
    def seconds(self) -> float:
        return self.muxer.end_us / 1e6

    def put_captions(self, words: list[Caption], until_us: int) -> None:
        """Those that began to be heard in this file."""
        begin = self.begin_us
        heard = [
            Word(max(0, w.start_us - begin) / 1e6, (w.end_us - begin) / 1e6, w.text)
            for w in words
            if w.end_us > begin and w.start_us < until_us
        ]
        if heard:
            path = self.path.with_suffix(".vtt")
            partial = path.with_name(f".{path.name}.partial")
            partial.write_text(webvtt(heard), "utf-8")
            partial.replace(path)


class FileWriter:
    """One file after the other. ``path`` gives the next file's; a new one begins at a keyframe when the one
    before is ``segment_us`` long, or never for None. Blocking; raises ``OSError``.

    ``opened`` hears of each file's path, ``closed`` of its path and length in seconds when it is whole: the
    place to seal or send it. The captions of NAME.mp4 are in NAME.vtt, where there are any.
    """

    def __init__(
        self,
        path: Callable[[], Path],
        closed: Callable[[Path, float], None],
        *,
        opened: Callable[[Path], None] = lambda _: None,
        segment_us: int | None = None,
    ) -> None:
        self._next, self._closed, self._opened = path, closed, opened
        self._segment_us = segment_us
        self._file: _File | None = None
        self._former: _File | None = None
        """Its pictures are complete; its last sound may still come."""
        self._words: list[Caption] = []

    def write(self, unit: EncodedUnit) -> None:
        video, file = unit.kind is Kind.VIDEO, self._file
        if video and unit.keyframe and (file is None or self._full(file, unit.time_us)):
            self._end_former()
            self._former, self._file = file, self._open(unit)
            return
        if file is None:
            return
        if self._former is not None:
            if not video and unit.time_us < file.begin_us:
                self._former.muxer.write(unit)
                return
            if not video or unit.time_us - file.begin_us > PATIENCE_US:
                self._end_former()
        file.muxer.write(unit)
        if unit.time_us - file.captions_us >= CAPTIONS_EVERY_US:
            file.captions_us = unit.time_us
            file.put_captions(self._words, unit.time_us)

    def _full(self, file: _File, now_us: int) -> bool:
        return self._segment_us is not None and now_us - file.begin_us >= self._segment_us

    def _open(self, first: EncodedUnit) -> _File:
        path = self._next()
        self._opened(path)
        return _File(path, first)

    def caption(self, word: Caption) -> None:
        """It may come long before its sound. One without text takes back what has not begun by then."""
        if word.text:
            self._words.append(word)
        else:
            self._words = [w for w in self._words if w.start_us < word.start_us]

    def _end_former(self) -> None:
        former, self._former = self._former, None
        if former is not None:
            self._end(former)

    def _end(self, file: _File) -> None:
        until_us = file.begin_us + file.muxer.end_us
        file.muxer.close()
        file.put_captions(self._words, until_us)
        self._words = [w for w in self._words if w.end_us > until_us]
        self._closed(file.path, file.seconds)

    def close(self) -> None:
        """End what is open."""
        self._end_former()
        file, self._file = self._file, None
        if file is not None:
            self._end(file)
