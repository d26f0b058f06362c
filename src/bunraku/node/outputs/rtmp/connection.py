"""Publishing over RTMP 1.0 (Adobe, 2012): handshake, chunks, and the few commands there are.

FFmpeg's own client, as PyAV gives it, takes neither an address that was checked nor a certificate to
verify; and what a server says is parsed here, in a worker.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bunraku.core.urls import Guard
from bunraku.node.outputs.base import OutputLost
from bunraku.node.outputs.rtmp import amf
from bunraku.node.outputs.rtmp.address import Address
from bunraku.node.workers.download import pin, tls

SET_CHUNK_SIZE, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW_SIZE = 1, 3, 4, 5
AUDIO, VIDEO, DATA, COMMAND = 8, 9, 18, 20
PING, PONG = 6, 7  # of user control messages
HANDSHAKE = 1536
CHUNK = 4096  # bytes of payload in a chunk of ours
LARGEST = 64 * 1024  # bytes of a message of the server's
EXTENDED = 0xFFFFFF


@dataclass(slots=True)
class _Incoming:
    """A message that comes in chunks."""

    length: int = 0
    kind: int = 0
    extended: bool = False
    data: bytearray = field(default_factory=bytearray)


class Connection:
    """Blocking, used by one thread. Raises ``OSError``, ``OutputLost``, ``FetchFailed``."""

    def __init__(self, address: Address, guard: Guard, timeout: float) -> None:
        pinned = pin(address.host, address.port, guard)
        self._address, self._timeout = address, timeout
        self._socket: socket.socket = socket.create_connection((pinned, address.port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if address.secure:
                self._socket = tls().wrap_socket(self._socket, server_hostname=address.host)
            self._buffer = bytearray()
            self._coming: dict[int, _Incoming] = {}
            self._chunk_in = 128
            self._window: int | None = None
            self._received = self._acknowledged = 0
            self._stream_id = 0
            self._shake_hands()
            self._publish()
        except ssl.SSLCertVerificationError:
            self.close()
            raise OutputLost("the target's certificate is not valid") from None
        except (amf.MalformedAmf, struct.error):
            self.close()
            raise OutputLost("the target does not speak RTMP") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._socket.close()

    # --- beginning and end

    def _shake_hands(self) -> None:
        self._socket.sendall(b"\x03" + bytes(8) + os.urandom(HANDSHAKE - 8))
        answer = self._exactly(1 + 2 * HANDSHAKE)
        if answer[:1] != b"\x03":
            raise OutputLost("the target does not speak RTMP")
        self._socket.sendall(answer[1 : 1 + HANDSHAKE])

    def _publish(self) -> None:
        self._send(2, SET_CHUNK_SIZE, struct.pack(">I", CHUNK), chunk=128)
        a = self._address
        about = {
            "app": a.application,
            "type": "nonprivate",
            "flashVer": "FMLE/3.0 (compatible; bunraku)",
            "tcUrl": a.server_url,
        }
        self._command("connect", 1, about)
        self._answer_to(1)
        self._command("releaseStream", 2, None, a.key)
        self._command("FCPublish", 3, None, a.key)
        self._command("createStream", 4, None)
        self._stream_id = int(self._answer_to(4)[-1])
        self._command("publish", 5, None, a.key, "live", stream=self._stream_id)
        while True:
            name, *rest = self._next_command()
            if name == "onStatus" and isinstance(rest[-1], dict):
                if rest[-1].get("code") == "NetStream.Publish.Start":
                    return
                raise OutputLost("the target refused the stream")

    def end(self) -> None:
        """Say goodbye."""
        self._command("FCUnpublish", 6, None, self._address.key)
        self._command("deleteStream", 7, None, self._stream_id)

    def _command(self, *values: Any, stream: int = 0) -> None:
        self._send(3, COMMAND, amf.encode(*values), stream=stream)

    def _answer_to(self, number: int) -> list[Any]:
        while True:
            name, got, *rest = self._next_command()
            if got == number and name == "_error":
                raise OutputLost("the target refused the stream")
            if got == number and name == "_result" and rest:
                return rest

    def _next_command(self) -> list[Any]:
        while True:
            for kind, data in self._messages():
                if kind == COMMAND and len(values := amf.decode(data)) > 2:
                    return values
            self._receive()

    # --- media

    def send(self, kind: int, time_ms: int, data: bytes) -> None:
        """A message of the stream: ``AUDIO``, ``VIDEO`` or ``DATA``."""
        self._send({AUDIO: 4, VIDEO: 6, DATA: 5}[kind], kind, data, time_ms, self._stream_id)
        self._hear()

    def _send(
        self, channel: int, kind: int, data: bytes, time_ms: int = 0, stream: int = 0, chunk: int = CHUNK
    ) -> None:
        time_ms &= 0xFFFFFFFF
        late = struct.pack(">I", time_ms) if time_ms >= EXTENDED else b""
        head = bytes([channel]) + min(time_ms, EXTENDED).to_bytes(3, "big") + len(data).to_bytes(3, "big")
        parts = [head, bytes([kind]), struct.pack("<I", stream), late, data[:chunk]]
        for at in range(chunk, len(data), chunk):
            parts += [bytes([0xC0 | channel]), late, data[at : at + chunk]]
        self._socket.sendall(b"".join(parts))

    # --- what the server says

    def _hear(self) -> None:
        """Take what is there, without waiting."""
        while self._pending():
            self._receive()
            for kind, data in self._messages():
                if kind == COMMAND:
                    name, *rest = amf.decode(data) or [None]
                    about = rest[-1] if rest else None
                    if name == "onStatus" and isinstance(about, dict) and about.get("level") == "error":
                        raise OutputLost("the target ended the stream")

    def _pending(self) -> bool:
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        return bool(select.select([self._socket], [], [], 0)[0])

    def _receive(self) -> None:
        data = self._socket.recv(16 * 1024)
        if not data:
            raise OutputLost("the target closed the connection")
        self._buffer += data
        self._received += len(data)
        if self._window is not None and self._received - self._acknowledged >= self._window:
            self._acknowledged = self._received
            self._send(2, ACKNOWLEDGEMENT, struct.pack(">I", self._received & 0xFFFFFFFF))

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._receive()
        piece = bytes(self._buffer[:count])
        del self._buffer[:count]
        return piece

    def _messages(self) -> Iterator[tuple[int, bytes]]:
        """Whole messages, but for those that are answered or heeded here."""
        while (message := self._chunk()) is not None:
            kind, data = message
            if kind == SET_CHUNK_SIZE:
                self._chunk_in = max(1, min(struct.unpack(">I", data[:4])[0] & 0x7FFFFFFF, LARGEST))
            elif kind == WINDOW_SIZE:
                self._window = struct.unpack(">I", data[:4])[0]
            elif kind == USER_CONTROL and data[:2] == struct.pack(">H", PING):
                self._send(2, USER_CONTROL, struct.pack(">H", PONG) + data[2:6])
            elif kind:
                yield kind, data

    def _chunk(self) -> tuple[int, bytes] | None:
        """Take one chunk off the buffer: the message it ends, (0, b"") for another, None for half a one."""
        buffer, at = self._buffer, 1
        if not buffer:
            return None
        form, channel = buffer[0] >> 6, buffer[0] & 63
        if channel < 2:
            at = 2 + channel
            if len(buffer) < at:
                return None
            channel = 64 + int.from_bytes(buffer[1:at], "little")
        size = (11, 7, 3, 0)[form]
        if len(buffer) < at + size:
            return None
        head = bytes(buffer[at : at + size])
        at += size
        known = self._coming.setdefault(channel, _Incoming())
        length = int.from_bytes(head[3:6], "big") if size >= 7 else known.length
        kind = head[6] if size >= 7 else known.kind
        extended = int.from_bytes(head[:3], "big") == EXTENDED if size else known.extended
        if length > LARGEST or len(self._coming) > 64:
            raise amf.MalformedAmf("too large")
        if extended:
            at += 4
        piece = min(self._chunk_in, length - len(known.data))
        if len(buffer) < at + piece:
            return None
        known.length, known.kind, known.extended = length, kind, extended
        known.data += buffer[at : at + piece]
        del buffer[: at + piece]
        if len(known.data) < known.length:
            return 0, b""
        data = bytes(known.data)
        known.data.clear()
        return known.kind, data
