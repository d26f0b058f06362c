"""Attackers, run as a process of their own: ``python attacks.py NAME PORT SECONDS``. Loopback only.

Each is bounded in time and in bytes; what is sent is cheap to make, and dear to parse.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

CHUNK = b"1\r\nx\r\n"
BYTES = 6 << 20


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=3)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def pour(s, data, until, total=BYTES):
    """Send ``data`` again and again; give the bytes that went out before the end or a refusal."""
    sent = 0
    try:
        while time.monotonic() < until and sent < total:
            sent += s.send(data)
    except OSError:
        pass
    return sent


def nothing(port, until):
    """To compare with."""
    time.sleep(max(0.0, until - time.monotonic()))
    return 0


def chunks(port, until, path="/console/login"):
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    sent = 0
    while time.monotonic() < until and sent < BYTES:
        with connect(port) as s:
            s.sendall(head)
            sent += pour(s, CHUNK * 10_000, until)
        time.sleep(0.01)
    return sent


def chunks_to_root(port, until):
    return chunks(port, until, "/?Action=DriveByText")


def upgraded(port, path):
    s = connect(port)
    s.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    answer = s.recv(4096)
    assert b" 101 " in answer, answer
    return s


def frame(opcode, payload=b"", fin=True):
    """Masked with zeros (RFC 6455 section 5.2)."""
    return bytes([opcode | (0x80 if fin else 0), 0x80 | len(payload)]) + bytes(4) + payload


def frames(port, until, path, first, again):
    sent = 0
    while time.monotonic() < until and sent < BYTES:
        try:
            with upgraded(port, path) as s:
                sent += pour(s, first, until, len(first))
                sent += pour(s, again * 10_000, until)
        except (OSError, AssertionError):
            pass
        time.sleep(0.01)
    return sent


def fragments(port, until):
    return frames(port, until, "/rtc/room", frame(1, b"x", fin=False), frame(0, b"x", fin=False))


def pongs(port, until):
    return frames(port, until, "/rtc/room", b"", frame(10))


def pings(port, until):
    return frames(port, until, "/rtc/room", b"", frame(9, b"x"))


def socket_fragments(port, until):
    return frames(port, until, os.environ["DRIVE"], frame(2, b"x", fin=False), frame(0, b"x", fin=False))


def socket_messages(port, until):
    return frames(port, until, os.environ["DRIVE"], b"", frame(2, b"x"))


def together(count, work, *arguments):
    """``work`` by so many at once; gives what they sent in all."""
    sent = [0] * count

    def one(i):
        sent[i] = work(*arguments)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sum(sent)


def crowd(port, until):
    """Sixteen of the first, from one address."""
    return together(16, chunks, port, until)


# --- well-formed, and dear


def requests(port, until, request, at_once=1, total=BYTES):
    """One connection that asks, waits for the answers, and asks again; a new one when it is closed."""
    sent, ends = 0, b"HTTP/1.1 "
    while time.monotonic() < until and sent < total:
        try:
            with connect(port) as s:
                while time.monotonic() < until and sent < total:
                    s.sendall(request * at_once)
                    sent += len(request) * at_once
                    missing = at_once
                    while missing > 0:
                        got = s.recv(1 << 20)
                        if not got:
                            raise ConnectionError
                        missing -= got.count(ends)
        except OSError:
            time.sleep(0.01)
    return sent


def get(path, more=b""):
    return b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + more + b"\r\n"


def post(path, body, more=b""):
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + length + more + b"\r\n" + body


def heads(port, until):
    """Heads of fifteen thousand lines."""
    return together(4, requests, port, until, get(b"/healthz", b"a:\r\n" * 15_000))


def queries(port, until):
    return together(4, requests, port, until, get(b"/healthz?" + b"a&" * 30_000))


def arrays(port, until):
    """A megabyte of empty arrays, before anybody has logged in."""
    body = b'{"password": [' + b"[]," * 340_000 + b"[]]}"
    return together(4, requests, port, until, post(b"/console/login", body), 1, 8 * BYTES)


def questions(port, until):
    """Small requests, as many as are answered, on 64 connections."""
    return together(64, requests, port, until, get(b"/healthz"), 10)


def pages(port, until):
    return together(64, requests, port, until, get(b"/"), 4)


def unsigned(port, until):
    """Calls that are refused."""
    query = b"/?Action=DriveByText&AppId=12345&SignatureNonce=a&Timestamp=1&Signature=b&SignatureVersion=2.0"
    return together(64, requests, port, until, post(query, b"{}"), 10)


def socket_text(port, until):
    """Sixteen megabytes of arrays as one text, where PCM is expected."""
    text = b"[" + b"[]," * 5_500_000 + b"[]]"
    head = bytes([0x81, 0xFF]) + len(text).to_bytes(8, "big") + bytes(4)
    sent = 0
    while time.monotonic() < until:
        try:
            with upgraded(port, os.environ["DRIVE"]) as s:
                s.sendall(head + text)
                sent += len(text)
        except OSError:
            time.sleep(0.01)
    return sent


def socket_pcm(port, until):
    """Sound faster than it can be heard, in the largest messages there may be."""
    sound = bytes(16 << 20)
    head = bytes([0x82, 0xFF]) + len(sound).to_bytes(8, "big") + bytes(4)
    sent = 0
    try:
        with upgraded(port, os.environ["DRIVE"]) as s:
            s.settimeout(0.5)
            while time.monotonic() < until:
                sent += pour(s, head + sound, until, len(head + sound))
    except (OSError, AssertionError):
        pass
    return sent


def offers(port, until):
    """Offers of a viewer, as dear as may be, each of another user's."""
    fill = "".join(f"a=candidate:{i} 1 udp 1 127.0.0.1 {i + 1024} typ host\r\n" for i in range(15_000))
    dense = "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF " + " ".join(map(str, range(128))) + "\r\n"
    dense += "".join(f"a=rtpmap:{n % 128} opus/48000/2\r\na=fmtp:{n % 128} x\r\n" for n in range(950))
    head = b"Content-Type: application/sdp\r\nAuthorization: Bearer " + os.environ["TOKEN"].encode() + b"\r\n"
    whole = [post(os.environ["WHEP"].encode(), text.encode(), head) for text in ("v=0\r\n" + fill, dense)]
    return together(4, requests, port, until, b"".join(whole))


def forms(port, until):
    """Signed, with a file in many tiny lines that look like boundaries."""
    lines = b"\r\n--x\r\n-" * 400_000
    body = b'--x\r\nContent-Disposition: form-data; name="File"; filename="a"\r\n\r\n' + lines
    head = b"Content-Type: multipart/form-data; boundary=xy\r\n"
    return together(
        4, requests, port, until, post(os.environ["FORM"].encode(), body.replace(b"--x", b"--xy", 1), head)
    )


def datagrams(port, until, made=None):
    """To the media port, as fast as they go."""
    target, sent = ("127.0.0.1", int(os.environ["UDP"])), 0
    made = made or [os.urandom(200), b"\x80\x6f" + os.urandom(100), b"\x16\xfe\xfd" + os.urandom(80)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        while time.monotonic() < until:
            for datagram in made * 20:
                s.sendto(datagram, target)
                sent += len(datagram)
    return sent


def checks(port, until):
    """STUN, well-formed, of a session that is there, with a wrong password and many attributes."""
    from aioice import stun

    made = []
    for i in range(20):
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{os.environ['UFRAG']}:{'x' * 300}"
        request.attributes["SOFTWARE"] = "y" * (700 + i)
        request.add_message_integrity(b"not the password")
        made.append(bytes(request))
    return datagrams(port, until, made)


ALL = {
    f.__name__: f
    for f in (
        nothing,
        chunks,
        chunks_to_root,
        fragments,
        pongs,
        pings,
        socket_fragments,
        socket_messages,
        crowd,
        heads,
        queries,
        arrays,
        questions,
        pages,
        unsigned,
        socket_text,
        socket_pcm,
        offers,
        forms,
        datagrams,
        checks,
    )
}

if __name__ == "__main__":
    print(ALL[sys.argv[1]](int(sys.argv[2]), time.monotonic() + float(sys.argv[3])))
