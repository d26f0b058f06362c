"""Publishing to a WHIP server (RFC 9725): ``whip``."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from bunraku.core.clock import patience
from bunraku.core.media import Codec, EncodedUnit, Kind
from bunraku.core.output import OutputOrder
from bunraku.node.outputs.base import Feed, Guard, Means, OutputFailed, OutputLost, Sender, Told, Wants
from bunraku.node.outputs.storage import Place
from bunraku.node.rtc.aiortc.sdp import connection, without_mdns
from bunraku.node.rtc.aiortc.watcher import UnitTrack
from bunraku.node.rtc.feedback import Feedback, PathEstimate
from bunraku.node.workers.pool import JobFailed

log = logging.getLogger(__name__)

SDP = "application/sdp"
PROFILE = "42e01f"  # constrained baseline: what the encoder makes
CANDIDATES = ("a=candidate", "a=end-of-candidates")
TRANSPORT = ("a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup")
CODEC = ("m=", "c=", "a=mid:", "a=rtpmap", "a=fmtp")
DELETE_PATIENCE = 3.0  # s


def open_sender(order: OutputOrder, place: Place, means: Means) -> Sender:
    del place
    return WhipSender(order, means)


class WhipSender:
    """A ``Sender``. Each attempt is a session of its own: a lost one is not restarted but replaced."""

    wants = Wants(Codec.OPUS)

    def __init__(self, order: OutputOrder, means: Means) -> None:
        self._url, self._means = order.url or "", means
        self._headers = (
            {} if order.bearer_token is None else {"Authorization": f"Bearer {order.bearer_token}"}
        )

    async def run(self, feed: Feed, told: Told) -> None:
        peer, resource = connection(), None
        try:
            session = _Session(peer, feed, self._means.clock.monotonic)
            await peer.setLocalDescription(await peer.createOffer())
            answer, resource = await self._post(peer.localDescription.sdp)
            try:
                answer = session.taken(answer)
                await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            except Exception as error:  # aiortc raises many kinds for what a server may answer
                raise OutputLost("the target's answer is not understood") from error
            await session.connected(self._means.timeout)
            feed.skip()  # what waited meanwhile is not live any more
            told.active()
            await session.pump(told)
        finally:
            # The peer first: cancelled while it says goodbye, nothing of it runs on.
            await peer.close()
            if resource is not None:
                await self._delete(resource)

    async def _post(self, offer: str) -> tuple[str, str | None]:
        head, body = await self._exchange("POST", self._url, offer.encode(), {"Content-Type": SDP})
        if head["status"] != 201:
            raise OutputLost(f"the target answered {head['status']}")
        host = urlsplit(head["url"]).hostname or ""
        answer = without_mdns(body.decode("utf-8", "replace"))
        return guarded(answer, self._means.guard, host, head["address"]), head["location"]

    async def _delete(self, resource: str) -> None:
        with suppress(OutputLost, OutputFailed, TimeoutError):
            async with patience(DELETE_PATIENCE):
                await self._exchange("DELETE", resource, b"", {})

    async def _exchange(
        self, method: str, url: str, body: bytes, headers: dict[str, str]
    ) -> tuple[dict[str, Any], bytes]:
        """Raises ``OutputLost`` or ``OutputFailed``."""
        seconds = self._means.timeout
        request = self._means.guard.asked() | {
            "method": method,
            "url": url,
            "headers": headers | self._headers,
            "seconds": seconds,
        }
        try:
            async with self._means.workers.job("exchange", request, seconds + 1) as job:
                job.send({}, body)
                block = await job.receive(seconds + 2)
        except JobFailed as error:
            raise OutputLost(f"the target does not answer ({error})") from None
        if block is None:
            raise OutputLost("the target does not answer")
        if "refused" in block[0]:
            raise OutputFailed(block[0]["refused"])
        return block


def guarded(answer: str, guard: Guard, host: str, address: str) -> str:
    """An answer without candidates that callers may not send us to. ``host`` gave it, from ``address``."""

    def may(line: str) -> bool:
        fields = line.split(" ")
        if not line.startswith("a=candidate:") or len(fields) < 8:
            return True
        try:
            return guard.permits(fields[4]) or (guard.names(host) and fields[4] == address)
        except ValueError:
            return False  # a name

    return "\r\n".join(line for line in answer.split("\r\n") if may(line))


class _Session:
    """One peer connection and its two tracks."""

    def __init__(self, peer: RTCPeerConnection, feed: Feed, now: Any) -> None:
        self._peer, self._feed, self._now = peer, feed, now
        self._changed = asyncio.Event()
        self._path = PathEstimate()
        self._tracks = {kind: UnitTrack(kind, feed.request_keyframe) for kind in (Kind.AUDIO, Kind.VIDEO)}
        peer.on("connectionstatechange", self._changed.set)
        for kind, track in self._tracks.items():
            transceiver = peer.addTransceiver(track, "sendonly")
            known = RTCRtpSender.getCapabilities(kind.value).codecs
            transceiver.setCodecPreferences([c for c in known if _sent(c)])
            if kind is Kind.VIDEO:
                self._listen(transceiver.sender)

    def _listen(self, sender: Any) -> None:
        """aiortc ignores PLI and FIR of packets that it did not encode itself."""
        feedback = Feedback(sender._ssrc, self._path, self._feed.request_keyframe, lambda lost: lost)  # noqa: SLF001 - aiortc's
        handle = sender._handle_rtcp_packet  # noqa: SLF001 - aiortc's
        sender._send_keyframe = lambda: None  # noqa: SLF001 - aiortc's

        async def heard(packet: Any) -> None:
            feedback.take(packet, self._now())
            await handle(packet)

        sender._handle_rtcp_packet = heard  # noqa: SLF001 - aiortc's

    def taken(self, answer: str) -> str:
        """An answer as aiortc can read it: a refused section must look as the accepted one, and is not
        sent to. Raises ``OutputLost`` when nothing is taken."""
        head, *sections = re.split(r"\r\n(?=m=)", answer)
        good = next((s for s in sections if not _refused(s)), None)
        if good is None:
            raise OutputLost("the target takes neither sound nor picture")
        candidates = [line for line in good.split("\r\n") if line.startswith(CANDIDATES)]
        transport = [line for line in good.split("\r\n") if line.startswith(TRANSPORT)]
        offered = re.split(r"\r\n(?=m=)", self._peer.localDescription.sdp)[1:]
        mids: list[str] = []
        for i, section in enumerate(sections):
            own = offered[i].split("\r\n")
            mids += [line.removeprefix("a=mid:") for line in own if line.startswith("a=mid:")]
            if _refused(section):
                self._tracks.pop(Kind(own[0][2:].split(" ")[0]), None)
                codecs = [
                    line for line in own if line.startswith(("m=", "c=", "a=mid:", "a=rtpmap", "a=fmtp"))
                ]
                sections[i] = "\r\n".join([*codecs, *transport, "a=inactive", "a=rtcp-mux"])
            if "\r\na=candidate:" not in sections[i]:  # in a bundle only the first need have any
                sections[i] = "\r\n".join([sections[i].removesuffix("\r\n"), *candidates])
        head = re.sub(r"a=group:BUNDLE.*", f"a=group:BUNDLE {' '.join(mids)}", head)
        return "\r\n".join([head, *(s.removesuffix("\r\n") for s in sections), ""])

    async def connected(self, seconds: float) -> None:
        """Raises ``OutputLost``."""
        try:
            async with patience(seconds):
                while self._peer.connectionState != "connected":
                    self._check()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise OutputLost("no connection came about") from None

    def _check(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            raise OutputLost("the connection is lost")

    async def pump(self, told: Told) -> None:
        async for unit in self._feed:
            self._check()
            if isinstance(unit, EncodedUnit):
                track = self._tracks.get(unit.kind)
                if track is not None:
                    track.push(unit)
                    told.sent(len(unit.data))


def _refused(section: str) -> bool:
    return section.split(" ")[1] == "0"


def _sent(codec: Any) -> bool:
    if codec.mimeType.lower() == "audio/opus":
        return True
    return codec.mimeType == "video/H264" and codec.parameters.get("profile-level-id") == PROFILE
