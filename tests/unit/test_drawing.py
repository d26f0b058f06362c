"""Streams that viewers draw: what is said of each tick, and the data channel that it goes by."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import struct

import cv2
import numpy as np
import pytest
from aiortc import RTCDataChannel, RTCDataChannelParameters, RTCSctpTransport
from aiortc.rtcsctptransport import SackChunk
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.framing import Framing
from bunraku.core.media import Drawn, Picture, Pose
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.base import Drawable, DrawablePack, Moment
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.pack.chooser import Chooser
from bunraku.node.avatars.pack.tracer import UNIT
from bunraku.node.lipsync.visemes import one_hot, rest
from bunraku.node.performance.drawing import drawn_track
from bunraku.node.performance.life import Life
from bunraku.node.rtc import drawing, offer
from bunraku.node.rtc.port.channel import DataChannel
from bunraku.node.rtc.port.sctp import ATTEMPTS, MAX_WAITING, Association
from bunraku.node.streams.stream import Stream, never

from ..support.sdp import OFFER
from ..support.states import FORMER, read

PACK = Catalog().list()[0]
SAID = ("rest", "aa", "aa", "PP", "E")
CHANNEL = (
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:draw\r\n"
    "a=sctp-port:5000\r\na=max-message-size:262144\r\n"
)


class Canvas:
    """Stands for a watcher that draws."""

    def __init__(self):
        self.seen: list[Drawn] = []

    def draw(self, drawn: Drawn) -> None:
        self.seen.append(drawn)


def moments():
    for i, name in enumerate(SAID):
        mouth = rest() if name == "rest" else one_hot(name)
        yield Moment(mouth, Pose(yaw=2.0 * i, nod=-0.5, gesture="wave", gesture_phase=0.1 * i), i * 40_000)


def said(state):
    return read(state, len(PACK.manifest.bases))


def test_a_trace_says_what_the_compositor_shows():
    figure = PACK.stage(Framing(64, 64))
    assert isinstance(figure, Drawable)
    chooser, former = Chooser(PACK.manifest), []
    for moment in moments():
        found = said(figure.trace([moment]))
        figure.render(moment)
        shown = figure.canvas
        assert figure.plates[found.plate] is shown.plate
        assert found.foretold == 0
        mouth, eyes = found.sprites[FORMER]
        assert (found.plate, mouth, eyes) == chooser.choose(moment.weights, moment.pose)
        assert (mouth, eyes) == (shown.mouth, shown.eyes)
        values = dict(zip(PACK.manifest.bases, found.first, strict=True))
        assert values["yaw"] == moment.pose.yaw * UNIT
        assert values["nod"] == -0.5 * UNIT
        names = list(dict.fromkeys(limb.gesture for limb in PACK.manifest.limbs))
        assert names[found.gesture - 1] == "wave"
        assert found.phases[0] == round(moment.pose.gesture_phase * 65535)
        repeated = found.sprites[:FORMER][::-1]
        assert repeated[: len(former)] == former[:FORMER]
        former.insert(0, (mouth, eyes))


def spoken(count):
    """Moments as life makes them, with mouths at random, each twice."""
    rng = np.random.default_rng(3)
    life = Life(7)
    for i in range(count):
        if i % 2 == 0:
            mouth = one_hot(VISEMES[rng.integers(len(VISEMES))])
        if i == count // 2:
            life.gesture("nod", i / 25)
        yield Moment(mouth, life.pose(i / 25, float(rng.random()), True), i * 40_000)


def test_ticks_that_come_as_foretold_are_not_said_again():
    every = list(spoken(60))
    tracer, plain = PACK.stage(Framing(64, 64)), Chooser(PACK.manifest)
    chosen = [plain.choose(m.weights, m.pose) for m in every]
    sent = {}
    for i in range(len(every) - 2):
        state = tracer.trace(every[i : i + 3])
        if state is not None:
            sent[i] = said(state)
    gaps = np.diff(list(sent))
    assert set(gaps) <= {1, 2}
    assert len(sent) < 40  # a pose that changes is said at once
    told = {}
    for i, one in sent.items():
        for k, pair in enumerate(one.sprites, -FORMER):
            if i + k >= 0:
                told[i + k] = pair
        for k in range(3):
            told["pose", i + k] = one.plate, one.first if k == 0 else one.last if k == 2 else None
    for i, choice in enumerate(chosen[: len(every) - 2]):
        assert told[i] == (choice.mouth, choice.eyes)
        assert told["pose", i][0] == choice.plate
        values = told["pose", i][1]
        if values is not None:
            assert values[0] == round(every[i].pose.yaw * UNIT)


def test_nobody_looks_ahead_for_a_tick_that_comes_as_foretold():
    every, looked = list(spoken(60)), 0
    plain, spared = PACK.stage(Framing(64, 64)), PACK.stage(Framing(64, 64))
    otherwise = {20: one_hot("PP"), 41: one_hot("aa")}
    for i in range(len(every) - 2):
        coming = every[i : i + 3]
        if i in otherwise:
            coming[0] = every[i] = Moment(otherwise[i], coming[0].pose, coming[0].time_us)
        if spared.foretold(coming[0]):
            said_now = None
        else:
            looked += 1
            said_now = spared.trace(coming)
        assert said_now == plain.trace(coming)
    assert looked < 50


def test_what_comes_otherwise_is_said_at_once():
    quiet = [Moment(rest(), Pose(), i * 40_000) for i in range(6)]
    tracer, plain = PACK.stage(Framing(64, 64)), Chooser(PACK.manifest)
    assert said(tracer.trace(quiet[:3])).foretold == 2
    loud = Moment(one_hot("aa"), quiet[1].pose, quiet[1].time_us)
    found = said(tracer.trace([loud, *quiet[2:4]]))
    plain.choose(rest(), Pose())
    wanted = [plain.choose(m.weights, m.pose) for m in (loud, *quiet[2:4])]
    assert [pair[0] for pair in found.sprites[FORMER:]] == [one.mouth for one in wanted]
    assert tracer.trace(quiet[2:5]) is None
    assert tracer.trace(quiet[3:6]) is not None


def test_a_gesture_that_begins_within_a_message_is_said_at_once():
    poses = [Pose(), Pose(gesture="wave", gesture_phase=0.1), Pose(gesture="wave", gesture_phase=0.2), Pose()]
    all_ = [Moment(rest(), pose, i * 40_000) for i, pose in enumerate(poses)]
    tracer = PACK.stage(Framing(64, 64))
    assert said(tracer.trace(all_[:3])).gesture == 0
    found = said(tracer.trace(all_[1:4]))
    assert found.gesture
    assert found.phases[1] == found.phases[0] == round(0.1 * 65535)
    assert tracer.trace(all_[2:]) is None  # the last tick alone says that it is over
    assert said(tracer.trace(all_[3:])).gesture == 0


def test_after_a_pause_nothing_is_taken_for_told():
    figure = PACK.stage(Framing(64, 64))
    still = Pose()
    first = [Moment(rest(), still, i * 40_000) for i in range(3)]
    later = [Moment(rest(), still, (i + 100) * 40_000) for i in range(3)]
    assert figure.trace(first) is not None
    assert figure.trace(later) is not None
    assert figure.trace(later[1:]) is None


def test_nothing_is_traced_for_nobody():
    stream, framing = Stream(1, "r", "s", "u", "u"), Framing(64, 64, (1, 2, 3))
    track = drawn_track(PACK.stage(framing), framing, stream)
    canvas = Canvas()
    assert not track.wanted
    stream.drawers.add(canvas)
    assert track.wanted
    stream.draw_again(canvas)
    assert canvas.seen == []
    track.send(next(moments()), list)
    assert [d.time_us for d in canvas.seen] == [0]
    assert track.about["art"] == PACK.art
    assert canvas.seen[0].art == int(PACK.art[:2], 16)
    stream.draw_again(canvas)
    assert canvas.seen == canvas.seen[:1] * 2
    stream.fence = lambda: True
    track.send(next(moments()), list)
    stream.draw_again(canvas)
    assert len(canvas.seen) == 2
    stream.remove_drawer(canvas)
    stream.fence = never
    stream.draw_again(canvas)  # what was said to who is gone is old by now
    assert len(canvas.seen) == 2


def test_a_labelled_figure_is_drawn_by_those_who_know_of_labels():
    labelled = Catalog(label="AI-generated").list()[0]
    framing = Framing(256, 256)
    assert isinstance(labelled, DrawablePack)
    assert labelled.art == PACK.art
    stream, figure = Stream(1, "r", "s", "u", "u"), labelled.stage(framing)
    track = drawn_track(figure, framing, stream)
    plain = drawn_track(PACK.stage(framing), framing, stream)
    assert plain.about["kind"] == "pack"
    assert "label" not in plain.about
    assert track.about["kind"] == "pack+label"
    told = track.about["label"]
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(told["picture"]), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(picture, figure.badge.bgr)
    rect = figure.badge.rect
    assert (told["x"], told["y"], told["width"], told["height"]) == (rect.x, rect.y, rect.width, rect.height)
    canvas = Canvas()
    stream.drawers.add(canvas)
    track.send(next(moments()), list)
    assert canvas.seen[0].state == PACK.stage(framing).trace([next(moments())])


def test_a_figure_before_a_picture_is_not_drawn():
    framing = Framing(64, 64, backdrop=Picture(64, 64))
    assert drawn_track(PACK.stage(framing), framing, Stream(1, "r", "s", "u", "u")) is None
    plain = PACK.stage(framing)
    before = Framing(64, 64, backdrop=plain.picture)
    assert drawn_track(plain, before, Stream(1, "r", "s", "u", "u")) is None


def test_a_message_bears_the_time_of_the_watchers_own_sound():
    state = b"\1\2\3"
    version, art, time = struct.unpack("!BBL", drawing.message(Drawn(40_000, 7, state), 0xFFFFFFFF)[:6])
    assert (version, art, time) == (2, 7, 1919)
    assert drawing.message(Drawn(0, 0, state), 0)[6:] == state


def test_a_data_channel_is_taken_only_on_demand():
    offered = offer.parse(OFFER.rstrip() + "\r\n" + CHANNEL)
    assert offer.watched(offered).channel is None
    taken = offer.watched(offered, channel=True)
    assert taken.channel is not None
    assert (taken.channel.mid, taken.channel.sctp_port) == ("draw", 5000)
    assert offer.watched(offer.parse(OFFER), channel=True).channel is None
    other = CHANNEL.replace("UDP/DTLS/SCTP", "DTLS/SCTP")
    assert offer.watched(offer.parse(OFFER.rstrip() + "\r\n" + other), channel=True).channel is None


class Line:
    """Stands for the DTLS of a browser: whatever is sent lies here until it is handed over."""

    state, _role = "connected", "client"

    def __init__(self):
        self.sent: list[bytes] = []

    def _register_data_receiver(self, receiver):
        self.receiver = receiver

    def _unregister_data_receiver(self, receiver):
        pass

    async def _send_data(self, data):
        self.sent.append(data)


@pytest.fixture
async def ends():
    """Our channel and a peer's that are connected; ``carry`` hands over what was sent since."""

    class Ends:
        def __init__(self):
            self.line, self.left = Line(), []
            self.ours = DataChannel(5000, 5000, self.left.append, lambda: None)
            self.peer = RTCSctpTransport(self.line, 5000)
            told = RTCDataChannelParameters(
                label="drawing", negotiated=True, id=0, ordered=False, maxRetransmits=0
            )
            self.theirs, self.heard = RTCDataChannel(self.peer, told), []
            self.theirs.on("message", self.heard.append)

        async def carry(self, lose=()):
            for _ in range(8):
                await asyncio.sleep(0)
                left, self.left[:] = self.left[:], []
                for i, packet in enumerate(left):
                    if i not in lose:
                        await self.peer._handle_data(packet)  # noqa: SLF001 - aiortc's
                sent, self.line.sent[:] = self.line.sent[:], []
                for packet in sent:
                    self.ours.receive(packet)

    both = Ends()
    both.ours.start()
    await both.peer.start(RTCSctpTransport.getCapabilities(), 5000)
    await both.carry()
    yield both
    both.ours.close()
    await both.peer.stop()


async def test_messages_arrive_and_lost_ones_are_not_repeated(ends):
    assert ends.ours.open
    for i in range(5):
        ends.ours.send(b"%d" % i)
    await ends.carry(lose={1, 3})
    assert ends.heard == [b"0", b"2", b"4"]
    ends.ours.send(b"5")
    await ends.carry()
    assert ends.heard[-1] == b"5"


async def test_the_peer_does_not_wait_for_what_was_lost(ends):
    for i in range(40):
        ends.ours.send(b"%d" % i)
        await ends.carry(lose={0} if i % 7 == 3 else set())
    assert len(ends.heard) == 34
    ends.ours.on_beat(30.0)  # whatever is still open is given up
    await ends.carry()
    assert ends.ours.sctp.waiting == 0
    assert not ends.peer._sack_misordered  # noqa: SLF001 - aiortc's


@pytest.mark.parametrize("lost", [{0}, {1}, {2}, {3}, {0, 1, 2, 3}])
async def test_an_association_is_asked_for_again(lost):
    sent = []
    line, ours = Line(), DataChannel(5000, 5000, sent.append, lambda: None)
    peer = RTCSctpTransport(line, 5000)
    ours.start()
    await peer.start(RTCSctpTransport.getCapabilities(), 5000)
    count = 0
    for _ in range(40):
        for packet in [*sent]:
            if count not in lost:
                await peer._handle_data(packet)  # noqa: SLF001 - aiortc's
            count += 1
        del sent[: len(sent)]
        for packet in [*line.sent]:
            ours.receive(packet)
        line.sent.clear()
        ours.on_beat(0.25)
    assert ours.open
    assert peer.state == "connected"
    await peer.stop()


async def test_nobody_is_asked_for_ever():
    sent = []
    ours = DataChannel(5000, 5000, sent.append, lambda: None)
    ours.start()
    for _ in range(1000):
        ours.on_beat(0.25)
    assert len(sent) == 1 + ATTEMPTS
    assert not ours.open


async def test_a_path_that_takes_nothing_holds_little(ends):
    before = len(ends.left)
    for _ in range(1000):
        ends.ours.send(b"x" * 40)
    assert len(ends.left) - before == ends.ours.sctp.waiting == MAX_WAITING
    ends.left.clear()
    ends.ours.on_beat(30.0)  # nothing is confirmed: all of it is given up
    await ends.carry()
    assert ends.ours.sctp.waiting == 0
    ends.ours.send(b"again")
    await ends.carry()
    assert ends.heard == [b"again"]


async def test_what_a_peer_sends_by_the_channel_is_not_kept(ends):
    for _ in range(50):
        ends.theirs.send(b"y" * 1000)
    for _ in range(8):
        await asyncio.sleep(0)
    for packet in ends.line.sent:
        ends.ours.receive(packet)
    assert ends.line.sent
    assert not ends.left


@pytest.mark.parametrize(
    ("confirmed", "gaps"),
    [(0, [(2, 65535)]), (0, [(1, 4)]), (4, []), (3, [(1, 1)]), (0, [(1, 1)] * 65)],
)
async def test_a_peer_that_confirms_what_cannot_have_been_sent_is_refused(ends, confirmed, gaps):
    for _ in range(3):
        ends.ours.send(b"x")
    lie = SackChunk()
    lie.cumulative_tsn = ends.ours.sctp.confirmed + confirmed & 0xFFFFFFFF
    lie.advertised_rwnd, lie.gaps = 1 << 20, gaps
    await ends.peer._send_chunk(lie)  # noqa: SLF001 - aiortc's
    with pytest.raises(ValueError, match="not sent"):
        ends.ours.receive(ends.line.sent[-1])


@given(st.binary(max_size=200), st.integers(0, 255))
def test_garbage_raises_nothing_else(body, kind):
    ours = Association(5000, 5000, lambda _: None, lambda: None)
    ours.start()
    with contextlib.suppress(ValueError):
        ours.receive(ours.packet(0 if kind == 1 else ours.tag, kind, body))
    with contextlib.suppress(ValueError):
        ours.receive(body)


async def test_floods_are_dropped_before_they_are_read(ends):
    taken = []
    ends.ours.sctp.receive = taken.append
    for _ in range(1000):
        ends.ours.receive(b"z")
    assert 0 < len(taken) <= 100
