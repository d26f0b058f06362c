"""The worker's side of the RTMP output: FFmpeg's FLV, tag by tag, as messages."""

from __future__ import annotations

from typing import Any

from bunraku.core.media import EncodedUnit, Kind
from bunraku.core.urls import FetchFailed, FetchRefused, Guard
from bunraku.node.outputs.base import Caption, OutputLost
from bunraku.node.outputs.mux import Muxer
from bunraku.node.outputs.rtmp import amf
from bunraku.node.outputs.rtmp.address import Address
from bunraku.node.outputs.rtmp.connection import DATA, Connection
from bunraku.node.outputs.sink_job import Teller

FILE_HEADER = 13  # bytes before the first tag (FLV 10.1, annex E)
TAG_HEADER, TAG_END = 11, 4
OPTIONS = {"flvflags": "no_duration_filesize", "flush_packets": "1"}


class _Tags:
    """A file that FFmpeg writes an FLV into; whole tags leave as messages."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = bytearray()
        self._skip = FILE_HEADER
        self.error: Exception | None = None

    def write(self, data: bytes) -> int:
        try:
            self._write(data)
        except Exception as error:
            self.error = error  # FFmpeg would make an EIO of it
            raise
        return len(data)

    def _write(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if self._skip:
            if len(buffer) < self._skip:
                return
            del buffer[: self._skip]
            self._skip = 0
        while len(buffer) >= TAG_HEADER:
            size = int.from_bytes(buffer[1:4], "big")
            whole = TAG_HEADER + size + TAG_END
            if len(buffer) < whole:
                return
            kind = buffer[0]
            time_ms = int.from_bytes(buffer[4:7], "big") | buffer[7] << 24
            body = bytes(buffer[TAG_HEADER : TAG_HEADER + size])
            del buffer[:whole]
            if kind == DATA:
                body = amf.encode("@setDataFrame") + body
            self._connection.send(kind, time_ms, body)


class RtmpSink:
    """One publication."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._tags = connection, _Tags(connection)
        self._muxer: Muxer | None = None

    def write(self, unit: EncodedUnit) -> None:
        try:
            if self._muxer is not None:
                self._muxer.write(unit)
            elif unit.kind is Kind.VIDEO and unit.keyframe:
                self._muxer = Muxer(self._tags, "flv", OPTIONS, unit)
        except OSError:
            raise self._tags.error or OutputLost("the target is gone") from None

    def caption(self, word: Caption) -> None:
        del word

    def close(self) -> None:
        if self._muxer is not None:
            self._muxer.close()
        self._connection.end()
        self._connection.close()


def open_sink(request: dict[str, Any], teller: Teller) -> RtmpSink:
    del teller
    guard = Guard(request["allow_private"], tuple(request["listed"]))
    try:
        return RtmpSink(Connection(Address.of(request["url"]), guard, request["timeout"]))
    except FetchRefused:
        raise
    except FetchFailed as error:
        raise OutputLost(str(error)) from None
