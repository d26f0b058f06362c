"""The worker's side of the HLS output."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bunraku.core.media import EncodedUnit, Kind
from bunraku.core.output import OutputFile
from bunraku.node.outputs.base import Caption
from bunraku.node.outputs.hls.sender import PLAYLIST
from bunraku.node.outputs.mux import Muxer
from bunraku.node.outputs.sink_job import Teller

LISTED = 6  # segments in the playlist
SPARE = 4  # segments kept beyond, for players that are slow


class HlsSink:
    """A playlist that slides; what has left it is deleted."""

    def __init__(self, folder: Path, seconds: int, teller: Teller) -> None:
        self._folder, self._seconds, self._teller = folder, seconds, teller
        self._muxer: Muxer | None = None

    def write(self, unit: EncodedUnit) -> None:
        if self._muxer is not None:
            self._muxer.write(unit)
        elif unit.keyframe and unit.kind is Kind.VIDEO:
            self._open(unit)

    def _open(self, first: EncodedUnit) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob("*.m4s"):
            left.unlink()  # of an attempt before: its playlist is written anew
        # Each attempt's segments have names of their own, or a player would take new ones for old.
        life = f"{int(time.time()):x}"
        options = {
            "hls_segment_type": "fmp4",
            "hls_time": str(self._seconds),
            "hls_list_size": str(LISTED),
            "hls_delete_threshold": str(SPARE),
            "hls_flags": "independent_segments+delete_segments+temp_file+program_date_time",
            "hls_segment_filename": str(self._folder / f"{life}-%06d.m4s"),
            "hls_fmp4_init_filename": f"{life}-init.mp4",
            # The encoder's priming lies before zero: an edit list takes it away (ISO/IEC 14496-12, 8.6.6),
            # where FFmpeg would move sound and picture behind it, each by another edit.
            "avoid_negative_ts": "disabled",
        }
        self._muxer = Muxer(str(self._folder / PLAYLIST), "hls", options, first)
        self._teller.file(OutputFile(PLAYLIST, 0, 0.0))

    def caption(self, word: Caption) -> None:
        del word

    def close(self) -> None:
        if self._muxer is not None:
            self._muxer.close()


def open_sink(request: dict[str, Any], teller: Teller) -> HlsSink:
    return HlsSink(Path(request["folder"]), request["segment_seconds"], teller)
