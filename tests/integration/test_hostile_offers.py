"""Mutated offers to both transports: each is answered or refused, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import time
from pathlib import Path

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.waiting import wait_for

MUTANTS = 120
WORDS = [
    "",
    "0",
    "-1",
    "65536",
    "99999999999999999999",
    "\x00",
    "\ud7ff",
    "é" * 40,
    "a" * 2000,
    "IN IP6 ::1",
    "*",
    "%s",
]
ODD = [  # lines that a peer may add
    "a=candidate:1 1 udp 1 ff02::fb 9 typ host",
    "a=candidate:1 1 udp 1 0.0.0.0 9 typ host",
    "a=candidate:1 1 udp 1 255.255.255.255 0 typ host",
    "a=candidate:1 1 tcp 1 127.0.0.1 1 typ host tcptype active",
    "a=candidate:1 9999999999 udp x 127.0.0.1 70000 typ relay raddr x",
    "a=candidate:1 1 udp 1 nobody.invalid 9 typ host",
    "a=candidate:",
    "a=remote-candidates:1 127.0.0.1 9",
    "a=setup:passive",
    "a=setup:holdconn",
    "a=rtcp-mux-only",
    "a=ice-lite",
    "a=ice-options:trickle renomination",
    "a=ssrc:99999999999 cname:x",
    "a=ssrc-group:FID 1",
    "a=ssrc:1 msid:x",
    "a=group:BUNDLE 0 0 1 7",
    "a=group:BUNDLE",
    "a=extmap:0 urn:x",
    "a=extmap:99999 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=rtpmap:111 opus/0/0",
    "a=rtpmap:300 H264/90000",
    "a=fmtp:111 =;=;;minptime",
    "a=rtcp-fb:* nack",
    "a=max-message-size:-5",
    "a=sctp-port:99999999",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "m=video 0 UDP/TLS/RTP/SAVPF 111",
    "m=audio 9 RTP/AVP 0 8",
    "m=text 9 UDP/TLS/RTP/SAVPF t140",
    "a=fingerprint:md5 00",
    "a=fingerprint:sha-256 " + ":".join(["ZZ"] * 32),
    "a=fingerprint:sha-512 " + ":".join(["00"] * 64),
    "c=IN IP4 999.1.1.1",
    "b=AS:-1",
    "t=x y",
    "o=",
]


@pytest.fixture(scope="module", params=["port", "aiortc"])
def served(request):
    with RunningServer(providers=[ToneVoices()], rtc={"transport": request.param}) as s:
        yield s


async def offer(direction):
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in ("audio", "video"):
        connection.addTransceiver(kind, direction=direction)
    await connection.setLocalDescription(await connection.createOffer())
    text = connection.localDescription.sdp
    await connection.close()
    return text


def mutant(text, rng):
    lines = text.split("\r\n")
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(lines))
        match rng.randrange(7):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, rng.choice(ODD))
            case 2:
                lines[at:at] = [lines[rng.randrange(len(lines))]] * rng.choice([1, 3, 70])
            case 3:
                words = re.split(r"([ :/;=])", lines[at])
                words[rng.randrange(len(words))] = rng.choice(WORDS)
                lines[at] = "".join(words)
            case 4:
                lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
            case 5:
                other = rng.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 6:
                lines[at] += rng.choice([" ", ":", "\n", "\r", " " * 3000, "a=" * 500])
        lines = lines or [""]
    return "\r\n".join(lines)


def crafted(text):
    """Groups that name what is not there, or is not taken."""
    yield text.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 7 0 1")
    yield text.replace("m=audio", "m=text", 1)
    yield text.replace("a=mid:0", "a=mid:1")
    yield text.replace("a=sendrecv", "").replace("a=setup:actpass", "a=setup:active")


def sockets():
    return sum(
        os.readlink(p).startswith("socket:") for p in Path("/proc/self/fd").iterdir() if p.is_symlink()
    )


@pytest.mark.parametrize("way", ["whep", "whip"])
async def test_a_mutated_offer_is_answered_or_refused_and_leaves_nothing(served, way, caplog):
    rng, statuses = random.Random(f"{way} 16"), set()
    direction = "recvonly" if way == "whep" else "sendonly"
    text = await offer(direction)
    headers = {"Content-Type": "application/sdp"}
    headers["Authorization"] = f"Bearer {generate(APP_ID, 'u', SECRET, time.time())}"
    with served.client() as api:
        task = api.create(
            api.digital_humans()[0]["DigitalHumanId"], room_id="r", stream_id=f"{way}-1", size=(128, 128)
        )
        await asyncio.to_thread(wait_for, lambda: api.status(task)["Status"] == 3)
        url = (
            f"{served.base_url}/whep/{APP_ID}/{way}-1"
            if way == "whep"
            else f"{served.base_url}/whip/{APP_ID}/r/mic"
        )
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(trust_env=False, timeout=10, limits=limits) as http:
            with caplog.at_level(logging.INFO):
                await http.get(f"{served.base_url}/healthz")
                before = await asyncio.to_thread(sockets)
                for n, made in enumerate([*crafted(text), *(mutant(text, rng) for _ in range(MUTANTS))]):
                    begun = time.monotonic()
                    reply = await http.post(url, content=made.encode("utf-8", "replace"), headers=headers)
                    assert time.monotonic() - begun < 5, made
                    assert reply.status_code in (201, 400, 413), (n, reply.status_code, made)
                    statuses.add(reply.status_code)
                    if reply.status_code == 201:
                        gone = await http.delete(served.base_url + reply.headers["location"])
                        assert gone.status_code == 200
                    else:
                        assert "Traceback" not in reply.text
                assert statuses >= {201, 400}
                # What was refused half way has given its sockets back.
                await asyncio.to_thread(wait_for, lambda: sockets() <= before, 10)
        said = [r for r in caplog.records if r.levelno >= logging.WARNING]
        assert not said, [r.getMessage()[:300] for r in said[:3]]
        api.stop(task)
