"""Rate adaptation on virtual time: down at once, up with patience, never for one watcher."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.media import Codec
from bunraku.node.performance.rate import FLOOR, GAP, RateControl
from bunraku.node.rtc.feedback import PathEstimate
from bunraku.node.streams.stream import Stream


def test_a_complaint_lowers_the_rate_at_once_and_silence_raises_it_slowly():
    control = RateControl(1_000_000)
    assert not control.update(0, None)
    assert control.update(1, 400_000)
    assert control.rate == 360_000
    assert not control.update(1.5, 100_000)  # too soon
    assert control.update(3.1, 100_000)
    assert control.rate == int(1_000_000 * FLOOR)
    rates = []
    for tick in range(4, 60):
        if control.update(tick, None):
            rates.append((tick, control.rate))
    assert [r for _, r in rates] == [180_000, 270_000, 405_000, 607_500, 911_250, 1_000_000]
    assert all(b - a >= 6 for (a, _), (b, _) in zip(rates, rates[1:], strict=False))


def test_a_step_up_that_failed_is_tried_again_later_and_later():
    control = RateControl(1_000_000)
    control.update(0, 300_000)
    ups, now = [], 0.0
    for _ in range(200):
        now += 1
        low = 300_000 if control.rate > 300_000 else None
        before = control.rate
        control.update(now, low)
        if control.rate > before:
            ups.append(now)
    gaps = [b - a for a, b in zip(ups, ups[1:], strict=False)]
    assert len(ups) >= 4
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 40


def test_a_small_shortfall_is_left_alone():
    control = RateControl(1_000_000)
    assert not control.update(0, 1_050_000)
    assert control.rate == 1_000_000


@given(st.lists(st.tuples(st.floats(0.01, 3), st.none() | st.integers(0, 3_000_000)), max_size=200))
def test_changes_are_few_and_the_rate_stays_in_bounds(events):
    control = RateControl(800_000)
    now, last = 0.0, None
    for step, limit in events:
        now += step
        if control.update(now, limit):
            assert last is None or now - last >= GAP - 1e-9
            last = now
        assert 800_000 * FLOOR - 1 <= control.rate <= 800_000


class Watcher:
    video_codec = Codec.H264

    def __init__(self, limit):
        self.video_limit = limit


def limit_of(*limits):
    stream = Stream(1, "r", "s", "u", "digitalhuman")
    stream.watchers.update(Watcher(x) for x in limits)
    return stream.video_limit


def test_the_median_watcher_decides():
    assert limit_of() is None
    assert limit_of(None) is None
    assert limit_of(300) == 300
    assert limit_of(300, None) is None
    assert limit_of(300, 500, None) == 500
    assert limit_of(300, None, None) is None
    assert limit_of(300, 400, None, None) is None
    assert limit_of(300, 400, 500, None) == 500


def sending(path, start, seconds, rate):
    for i in range(int(seconds * 25)):
        path.sent(start + i / 25, rate // 8 // 25)
    return start + seconds


def test_heavy_loss_lowers_the_estimate_and_its_end_lifts_it():
    path = PathEstimate()
    now = sending(path, 0, 2, 800_000)
    path.lost(now, 0.05)
    assert path.limit(now) is None
    path.lost(now, 0.3)
    assert 600_000 < path.limit(now) < 720_000
    before = path.limit(now)
    path.lost(now, 0.3)
    assert path.limit(now) < before
    for _ in range(40):
        path.lost(now, 0.0)
    assert path.limit(now) is None


def test_loss_that_repeats_made_good_is_loss_all_the_same():
    """The receiver's report counts a repeated packet as received; its NACKs tell the truth."""
    path, repaired = PathEstimate(), PathEstimate()
    for i in range(100):
        now = i * 0.04
        for estimate in (path, repaired):
            estimate.sent(now, 2000, 2)
        if i % 3 == 0:
            repaired.missed(2 * i)
            repaired.missed(2 * i)  # asked for twice, lost once
        if i % 25 == 24:
            path.lost(now, 0.0)
            repaired.lost(now, 0.0)
    assert path.limit(4.0) is None
    limit = repaired.limit(4.0)
    assert limit is not None
    assert limit < repaired.rate


def test_an_outage_never_leaves_an_estimate_below_nothing():
    """Asked for again after the report that counted it, a packet is still one; a share is at most 1."""
    path = PathEstimate()
    now = sending(path, 0, 3, 800_000)
    for _ in range(3):
        for sequence in range(450):
            path.missed(sequence)
        path.lost(now, 1.0)
        assert path.limit(now) > 0
    for _ in range(60):
        now = sending(path, now, 1, 100_000)
        path.lost(now, 0.0)
    assert path.limit(now) is None


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 400), st.floats(0, 1)), max_size=60))
def test_estimates_are_rates(reports):
    path, now = PathEstimate(), 0.0
    for sent, missed, fraction in reports:
        now += 1.0
        for _ in range(sent):
            path.sent(now, 1000)
        for sequence in range(missed):
            path.missed(sequence)
        path.lost(now, fraction)
        limit = path.limit(now)
        assert limit is None or limit > 0


def test_a_receiver_that_is_sent_little_does_not_complain_by_its_low_estimate():
    path = PathEstimate()
    now = sending(path, 0, 2, 200_000)
    path.remb(now, 260_000)
    assert path.limit(now) is None
    path.remb(now, 150_000)
    assert path.limit(now) == 150_000
    assert path.limit(now + 9) is None
