"""Digital humans of a clip, its arithmetic: the steady way of a head, the stretch that is played, the mouths
that are kept, the light they are brought to."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bunraku.core.media import Phoneme
from bunraku.core.vocabulary import VISEMES
from bunraku.node.lipsync.coarticulation import VisemeTrack
from bunraku.node.people.photo.mouth import JAW
from bunraku.node.people.video import bearing, jaw, listen, loop, measure, patch, select, steady
from bunraku.node.people.video.loop import FADE, LONGEST, SHORTEST

RANDOM = np.random.default_rng(5)


# --- the way of the head


def head() -> np.ndarray:
    """468 points of something like a face, 300 px wide: what a jaw moves lies below the lips, the lower the
    more it moves it."""
    random = np.random.default_rng(5)
    points = random.uniform(-1, 1, (468, 3)) * [120, 110, 80] + [360, 420, 0]
    for pair, share in JAW.items():
        for i, side in zip(pair, (-1, 1), strict=True):
            points[i] = (360 + side * (12 + 85 * (1 - share)), 560 + 75 * share, 0) + random.uniform(-8, 8, 3)
    for i, at in {
        33: (290, 430), 133: (330, 430), 362: (390, 430), 263: (430, 430), 2: (360, 520), 13: (360, 560), 14: (360, 561),
        0: (360, 545), 17: (360, 578), 61: (310, 560), 291: (410, 560), 152: (360, 650), 234: (240, 440), 454: (480, 440),
    }.items():  # fmt: skip
        points[i] = (*at, 0)
    line = [i for i in patch.JAW if i not in (234, 454, 152)]
    for i, t in zip(line, np.linspace(-0.9, 0.9, len(line)), strict=True):
        points[i] = (360 + 120 * t, 645 - 170 * t**4, 0)
    return points


def turned(points: np.ndarray, yaw: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    a = np.radians(yaw)
    r = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    return scale * (points - points.mean(0)) @ r.T + points.mean(0) + [*shift, 0]


def test_a_stance_is_found_again():
    rest = head()
    poses = [(0, 1, (0, 0)), (8, 1.1, (12, -7)), (-14, 0.93, (-30, 4))]
    stance = steady.stance_of(rest, np.array([turned(rest, *p) for p in poses]))
    assert stance.angles()[:, 0] == pytest.approx([0, 8, -14], abs=1e-6)
    assert stance.scale == pytest.approx([1, 1.1, 0.93])
    back = stance.back(np.array([turned(rest, *p) for p in poses]))
    assert np.abs(back - rest).max() < 1e-6
    assert np.abs(stance.to(rest)[1] - turned(rest, *poses[1])).max() < 1e-6


def way(n: int) -> np.ndarray:
    """A head that sways: (n, 1, 2)."""
    t = np.arange(n) / 25
    return np.stack([100 + 20 * np.sin(1.3 * t) + 3 * np.sin(9 * t), 200 + 8 * np.sin(0.9 * t)], -1)[:, None]


def test_the_path_follows_the_head_and_neither_jitters_nor_drifts():
    true = way(400)
    jittery = true + RANDOM.normal(0, 1.0, true.shape)
    moves = np.zeros((400, 2, 3))
    moves[:, :, :2] = np.eye(2)
    moves[1:, :, 2] = np.diff(true[:, 0], axis=0) + 0.04  # drifts by 16 px over the clip
    moves[0] = np.nan
    got = steady.path(jittery, moves)
    assert np.abs(got - true).mean() < 0.35
    assert np.sqrt((np.diff(got - true, 2, axis=0) ** 2).mean()) < 0.05
    assert np.sqrt((np.diff(jittery - true, 2, axis=0) ** 2).mean()) > 2


def test_where_the_motion_is_not_known_the_points_are_believed():
    true = way(200)
    moves = np.full((200, 2, 3), np.nan)
    assert np.abs(steady.path(true, moves) - true)[15:-15].max() < 1.5


def test_places_take_the_three_points_where_they_belong():
    at = np.array([[10.0, 20], [60, 20], [10, 70]])
    corners = np.array([[[100.0, 200], [150, 210], [90, 250]]])
    place = steady.places(corners, at)[0]
    assert at @ place[:, :2].T + place[:, 2] == pytest.approx(corners[0], abs=1e-3)


def test_smoothing_does_not_lag():
    ramp = np.arange(100.0)
    assert steady.smoothed(ramp, 3.0)[20:80] == pytest.approx(ramp[20:80])


# --- the stretch that is played


def footage(n: int, period: float | None, walk: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """State and small pictures of a head that sways with a period, or wanders off."""
    t = np.arange(n)
    at = np.sin(2 * np.pi * t / period) * 2 if period else walk * t
    state = np.stack([at, np.zeros(n)], -1)
    row = np.clip(128 + 30 * np.sin((np.arange(64)[None] + at[:, None]) / 6), 0, 255)
    return state, np.repeat(row[:, None], 20, 1).astype(np.uint8)


def test_a_sway_is_joined_where_it_comes_round():
    state, small = footage(500, 140)
    found = loop.choose(np.ones(500, bool), state, small)
    assert found is not None
    assert found.fade
    assert found.first >= FADE
    assert (found.last - found.first) % 140 in (0, 1, 2, 138, 139)
    assert found.cost < loop.FINE
    apart = state[found.last - FADE : found.last] - state[found.first - FADE : found.first]
    assert np.abs(apart).max() < 0.2


def test_a_head_that_wanders_off_and_rests_is_played_to_and_fro():
    state, small = footage(400, None, 0.0)
    path = np.concatenate([np.zeros(60), 8 * (1 - np.cos(np.linspace(0, np.pi, 120))), np.full(60, 16.0)])
    state = np.stack([path, np.zeros(len(path))], -1)
    small = np.repeat(np.clip(100 + 6 * path, 0, 255)[:, None, None], 64, 2).astype(np.uint8)
    # The stretches that stay at one end are too short.
    found = loop.choose(np.ones(len(path), bool), state, small)
    assert found is not None
    assert not found.fade
    assert found.first < 60
    assert found.last > 180


def test_only_usable_pictures_are_played():
    state, small = footage(900, 130)
    usable = np.zeros(900, bool)
    usable[300:480] = True
    found = loop.choose(usable, state, small)
    assert found is not None
    assert found.first - (FADE if found.fade else 0) >= 300
    assert found.last <= 480
    assert SHORTEST <= found.last - found.first <= LONGEST
    usable[300 + SHORTEST - 1 : 480] = False
    assert loop.choose(usable, state, small) is None


def test_the_calmest_stretch():
    calm = np.ones(100)
    calm[40:60] = 0.1
    assert np.flatnonzero(loop.calmest(calm, 20)).tolist() == list(range(40, 60))
    assert loop.calmest(calm, 500).all()


def test_a_cross_fade_moves_what_moved():
    def dot(x: int) -> np.ndarray:
        bgr = np.full((160, 160, 3), 90, np.uint8)
        cv2.circle(bgr, (x, 80), 20, (200, 220, 240), -1)
        return cv2.GaussianBlur(bgr, (0, 0), 2)

    middle = loop.faded(dot(70), dot(78), 0.5)
    wanted = dot(74)
    assert np.abs(middle.astype(int) - wanted).mean() < 0.4 * np.abs(dot(70).astype(int) - wanted).mean()
    assert [round(loop.share(m), 2) for m in (0, FADE - 1)] == [0.02, 0.98]


# --- what the mouth says


def speaking(n: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of a mouth that is silent for 200 pictures, then speaks; how far it is open, px; how it looks."""
    t = np.arange(n)
    gap = np.where(t < 200, 0.0, 10 * np.maximum(0, np.sin(t / 3.1)))
    points = np.repeat(head()[None], n, 0)
    for up, low in measure.GAPS:
        points[:, up, 1], points[:, low, 1] = 560, 561 + gap + RANDOM.normal(0, 0.05, n)
    return points, gap, looks(gap, np.zeros(n))


def looks(gap: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Small pictures of such a mouth: a dark hole that is so high and so wide."""
    y, x = np.mgrid[0:44, 0:56]
    tall, broad = (0.6 + gap / 2)[:, None, None], (9 + 4 * wide)[:, None, None]
    inside = ((x - 28) / broad) ** 2 + ((y - 20) / tall) ** 2
    grey = 150 - 110 / (1 + np.exp(np.minimum(4 * (inside - 1), 50))) + RANDOM.normal(0, 2, inside.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, 3)


def test_silence_and_speech_are_told_apart_by_the_lips():
    points, gap, mouths = speaking()
    found = measure.spoken(points, np.zeros(600), mouths, None)
    assert found.still[10:190].all()
    assert not loop.runs(found.still[210:590], 10)  # lips that touch for a moment are no silence
    assert found.talks[215:590].mean() > 0.8
    assert not found.talks[:190].any()
    assert (found.at[10:190] == 0).all()
    opened = found.at[:, measure.OPEN]
    assert np.corrcoef(opened, gap)[0, 1] > 0.97
    assert 0.5 < opened.max() < 0.9


def test_what_is_heard_settles_what_is_hard_to_see():
    points, gap, mouths = speaking(280)  # too little is said to learn from
    told = np.zeros((280, 6), np.float32)
    told[:, measure.OPEN] = gap / 15
    told[250:260, measure.TUCK] = 1.0
    found = measure.spoken(points, np.zeros(280), mouths, told)
    assert found.talks.sum() <= measure.ENOUGH
    assert found.at[250:260, measure.TUCK].max() > 0.9
    assert found.at[:240, measure.TUCK].max() < 0.2


def test_what_lips_mean_is_learned_from_many_uncertain_sounds():
    points, gap, _ = speaking(900)
    wide = np.where(gap > 0, 0.6 * np.sin(np.arange(900) / 5.3), 0.0)  # how wide this person's lips go
    true = np.zeros((900, 6), np.float32)
    true[:, measure.OPEN], true[:, measure.WIDE] = gap / 15, wide
    told = np.clip(true + RANDOM.normal(0, 0.2, true.shape), [0, -1, 0, 0, 0, 0], 1).astype(np.float32)
    told[gap == 0] = 0
    found = measure.spoken(points, np.zeros(900), looks(gap, wide), told)
    said = found.talks & (gap > 2)
    for axis in (measure.OPEN, measure.WIDE):

        def wrong(at: np.ndarray, axis: int = axis) -> float:
            return float(np.sqrt(((at - true)[said, axis] ** 2).mean()))

        assert wrong(found.at) < 0.7 * wrong(told)
        # Not drawn to the middle: as far apart as what is heard.
        assert found.at[said, axis].std() > 0.9 * true[said, axis].std()


def test_what_is_heard_pulls_as_the_track_of_a_voice_does():
    """One phoneme after another, each heard for sure: the same weights as ``VisemeTrack`` has."""
    track, p = VisemeTrack(), np.full((60, len(VISEMES)), 1e-6)
    at = 0.0
    said = (("t", "DD", 8), ("ɑ", "aa", 10), ("u", "ou", 12), ("m", "PP", 5), ("ɛ", "E", 25))
    for symbol, viseme, steps in said:
        track.add(Phoneme(at, at + steps * listen.STEP, symbol))
        first = round(at / listen.STEP)
        p[first : first + steps, VISEMES.index(viseme)] = 1.0
        at += steps * listen.STEP
    got = listen.pulled(p, np.arange(25) / 25 + 0.02, 0.02)
    wanted = np.stack([track.weights(t / 25) for t in range(25)])
    assert np.abs(got - wanted)[2:-2].mean() < 0.01
    assert np.abs(got - wanted)[2:-2].max() < 0.2
    assert got[:, VISEMES.index("PP")].max() > 0.9


def test_sound_that_is_late_is_found_out():
    t = np.arange(0, 400, 1 / listen.FINE)
    fine = np.maximum(0, np.sin(t / 4.3)) * np.sin(t / 31) ** 2
    gap = fine[:: listen.FINE]
    for by in (0, 5, -6):
        late, fit = listen.agreed(np.roll(fine, by), gap)
        assert (late, fit > 0.95) == (by, True)
        told = np.repeat(np.roll(fine, by)[:, None], 6, 1)
        assert np.abs(listen.moved(told, late)[:, 0] - gap)[10:390].max() < 1e-6
    assert listen.agreed(RANDOM.uniform(0, 1, 800), gap)[1] < listen.BELIEVED


# --- the mouths that are kept


def test_all_mouths_are_kept_when_they_are_few():
    talks = np.zeros(500, bool)
    talks[100:250] = True
    still = ~talks
    at = RANDOM.uniform(0, 1, (500, 6)).astype(np.float32)
    at[still] = 0
    kept = select.choose(at, np.zeros((500, 2)), np.ones(500), talks, still, np.ones(500, bool))
    assert kept[100:250].all()
    assert 1 <= kept[still].sum() <= select.RESTS


def test_of_many_mouths_the_different_and_the_sharp_are_kept():
    n = 3000
    at = np.zeros((n, 6), np.float32)
    at[:, 0] = 0.3 + 0.3 * np.sin(np.arange(n) / 5)
    at[2000:2020, 3] = 1.0  # seen once
    sharp = np.ones(n)
    sharp[:1000] = 0.4
    everything = np.ones(n, bool)
    kept = select.choose(at, np.zeros((n, 2)), sharp, everything, ~everything, everything)
    assert 100 < kept.sum() <= select.MOST
    assert kept[2000:2020].any()
    assert kept[:1000].sum() < 0.2 * kept.sum()
    unusable = everything.copy()
    unusable[1500:] = False
    assert not select.choose(at, np.zeros((n, 2)), sharp, everything, ~everything, unusable)[1500:].any()


def test_kinds_are_as_different_as_can_be():
    points = np.concatenate([RANDOM.normal(c, 0.01, (30, 2)) for c in ((0, 0), (1, 0), (0, 1))])
    kind = select.kinds_of(points, 3)
    assert [len(set(kind[i : i + 30].tolist())) for i in (0, 30, 60)] == [1, 1, 1]
    assert len(set(kind.tolist())) == 3
    assert len(select.kinds_of(points[:2], 5)) == 2
    assert len(select.kinds_of(points[:0], 5)) == 0


def test_neighbours_are_known():
    kept = np.array([0, 1, 1, 0, 1, 1, 1], bool)
    assert select.takes(kept).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [1, 2]]
    assert select.takes(kept[:4], 2).tolist() == [[0, 0], [0, 1], [-1, 0], [-1, 1]]
    assert select.takes(np.zeros(3, bool)).shape == (0, 2)  # nothing kept, and nothing drawn


def test_what_is_lacking():
    wanted = np.array([[0.8, 0, 0, 0, 0, 0], [0.2, -1, 0, 0, 0, 0]], np.float32)
    assert select.lacking(np.zeros((0, 6)), wanted, 0.3) == [0, 1]
    assert select.lacking(np.array([[0.78, 0, 0, 0, 0, 0]]), wanted, 0.3) == [1]


# --- the patch


def test_the_soft_edge_leaves_rim_and_chin_alone_and_covers_the_lips():
    rest = head()
    seat = patch.seat_of(rest)
    assert seat.width % 2 == seat.height % 2 == 0
    rim = np.concatenate([seat.alpha[0], seat.alpha[-1], seat.alpha[:, 0], seat.alpha[:, -1]])
    assert (rim == 0).all()

    def alpha_at(x: float, y: float) -> float:
        u, v = seat.on_patch(np.array([x, y]))
        return float(seat.alpha[round(v), round(u)]) if 0 <= v < seat.height - 0.5 else 0.0

    assert min(alpha_at(x, y) for x in (312, 360, 408) for y in (552, 560, 575)) > 0.97
    assert max(alpha_at(x, 649) for x in (330, 360, 390)) == 0


def test_a_jaw_that_is_down_is_brought_up_and_the_lips_stay():
    seat = patch.seat_of(head())
    rows = np.arange(530.0, 650.0)
    assert patch.lifted(rows, seat, 0.0, seat.lip) == pytest.approx(rows)
    found = patch.lifted(rows, seat, 20.0, seat.lip + 14)
    assert found[rows == 545] == pytest.approx([545], abs=1.0)
    assert found[rows == 590] == pytest.approx([592], abs=4)
    assert found[-1] == pytest.approx(669, abs=2)
    assert (np.diff(found) > 0).all()


def test_a_patch_takes_the_light_of_the_frame():
    seat = patch.seat_of(head())
    skin = np.zeros((seat.height, seat.width, 3), np.float32)
    skin[:] = (110, 140, 190)
    skin += RANDOM.normal(0, 4, skin.shape)
    day = np.clip(skin, 0, 255).astype(np.uint8)
    dusk = np.clip(skin * [0.8, 0.62, 0.55], 0, 255).astype(np.uint8)
    tones = [patch.tone_of(x, seat.ring) for x in (day, dusk)]
    same = patch.lit(day, patch.match(*tones))
    assert patch.tone_of(same, seat.ring) == pytest.approx(tones[1], abs=0.7)
    shade = np.linspace(0.75, 1.15, seat.width)[None, :, None]
    aside = np.clip(skin * shade, 0, 255).astype(np.uint8)
    level = patch.relight(aside, day, seat.beside)(aside)
    left, right = (level[:, s].mean() for s in (slice(20, 60), slice(-60, -20)))
    assert left / right == pytest.approx(day[:, 20:60].mean() / day[:, -60:-20].mean(), abs=0.05)
    # Shade below the lip is the jaw's, in the same light.
    shaded = day.copy()
    shaded[int(seat.on_patch([0, seat.lip])[1]) :] //= 2
    assert np.abs(patch.relight(shaded, day, seat.beside)(day).astype(int) - day).mean() < 2


# --- the jaw


def test_the_soft_edge_goes_down_with_the_jaw_and_what_is_above_the_lips_stays():
    rest = head()
    seat = patch.seat_of(rest, 40.0)
    assert seat.fall == 40.0
    field = jaw.field_of(rest, seat)
    assert not field.share[[0, -1]].any()
    assert not field.share[:, [0, -1]].any()
    chin, nose, neck = (seat.on_patch(np.array(at)) for at in ((360, 650), (360, 520), (360, 745)))

    def down(at: np.ndarray, fall: float) -> float:
        """How far what is seen at a place has come down."""
        x, y = ((at - field.box[:2]) / field.step).astype(np.float32)
        return float(
            cv2.remap(field.moved(fall), np.float32([[x]]), np.float32([[y]]), cv2.INTER_LINEAR)[0, 0]
        )

    assert down(chin + [0, 30], 30) == pytest.approx(30, abs=2.5)
    assert abs(down(nose, 30)) < 1
    assert abs(down(neck, 30)) < 2
    edge = jaw.lowered_edge(seat.alpha, field, 30.0)
    assert (np.concatenate([edge[0], edge[-1], edge[:, 0], edge[:, -1]]) == 0).all()
    middle = round(chin[0])
    lowest = [int(np.flatnonzero(a[:, middle] > 0.5).max()) for a in (seat.alpha, edge)]
    assert 18 < lowest[1] - lowest[0] <= 30
    assert lowest[1] < chin[1] + 30 - 0.1 * (chin[1] - seat.on_patch(np.array((360, seat.line)))[1])
    assert np.abs(jaw.lowered_edge(seat.alpha, field, 0.0) - seat.alpha).max() < 1e-3


# --- where a face that speaks is


def nose(dx: float, dy: float, gain: float = 1.0) -> np.ndarray:
    y, x = np.mgrid[0:80, 0:180].astype(np.float32)
    hole = sum(np.exp(-(((x - c - dx) / 14) ** 2) - ((y - 40 - dy) / 10) ** 2) for c in (64, 116))
    return (gain * (150 - 90 * hole) + 8)[:: bearing.COARSE, :: bearing.COARSE]


def test_how_far_pictures_lie_apart_is_seen_whatever_their_light():
    by = [(0.0, 0.0), (2.4, -1.4), (-1.6, 1.8), (0.0, 3.0)]
    got = bearing.shifts([nose(dx, dy, gain) for (dx, dy), gain in zip(by, (1, 0.9, 1.1, 1), strict=True)])
    assert got - got[0] == pytest.approx(np.array(by), abs=0.4)


def test_how_much_larger_a_face_is_and_how_it_is_turned_is_seen():
    y, x = np.mgrid[0:60, 0:200].astype(np.float32) - np.array([29.5, 99.5])[:, None, None]

    def lids(grown: float, rolled: float) -> np.ndarray:
        u, v = x + rolled * y - grown * x, y - rolled * x - grown * y
        edges = sum(np.exp(-(((u - c) / 9) ** 2) - (v / 14) ** 2) for c in (-80, -30, 30, 80))
        return (180 - 60 * edges)[:: bearing.COARSE, :: bearing.COARSE]

    grown = np.array([0.0, 0.01, -0.01, 0.02, -0.02])
    rolled = np.array([0.0, 0.005, 0.01, -0.01, -0.005])
    seen = bearing.turns([lids(*by) for by in zip(grown, rolled, strict=True)])
    assert seen[:, 0] == pytest.approx(grown, abs=0.002)
    assert seen[:, 1] == pytest.approx(rolled, abs=0.002)
    turn = np.array([[[1.02, -0.01], [0.01, 1.02]]])
    there = bearing.Bearing(np.array([100.0, 50.0]), turn, np.array([[1.0, -2.0]])).at(
        [[100, 50], [110, 150]]
    )
    assert there[0] == pytest.approx(np.array([[101, 48], [110.2, 150.1]]))


def test_how_the_lips_go_with_the_face_is_learnt_where_they_are_closed():
    random = np.random.default_rng(3)
    t = np.arange(600) / 25
    nod, turn = np.sin(1.7 * t), np.sin(0.9 * t + 1)
    face = np.stack([turn, 0.6 * nod, 0.4 * turn, nod + 0.2 * turn], -1) + random.normal(0, 0.05, (600, 4))
    true = np.stack([0.5 * turn, 0.4 * nod - 0.1 * turn], -1)
    when = np.arange(200)
    lips = true[when] + random.normal(0, 0.02, (200, 2))
    got = bearing.lips_by(face, when, lips)
    assert np.sqrt(((got - true)[200:] ** 2).mean(0)).max() < 0.08
    # Lips that move by themselves say nothing of the face, and nothing is believed of them.
    own = np.stack([np.sin(5 * t), np.sin(6.3 * t)], -1)[when]
    assert np.abs(bearing.lips_by(face, when, own)).max() < 0.2


def test_a_head_that_speaks_lies_where_its_nose_does():
    rest = head()
    seat = patch.seat_of(rest)
    size = (720, 1000, 3)
    face = np.full(size, 190, np.uint8)
    x, y = (int(v) for v in rest[2, :2])
    for cx in (x - 14, x + 14):
        cv2.ellipse(face, (cx, y - 3), (8, 6), 0, 0, 360, (60, 60, 60), -1, cv2.LINE_AA)
    cv2.ellipse(face, (x, int(rest[13, 1])), (48, 9), 0, 0, 360, (90, 90, 150), -1, cv2.LINE_AA)
    face = cv2.GaussianBlur(face, (0, 0), 2)
    lower = cv2.warpAffine(
        face, np.array([[1, 0, 0], [0, 1, 1.5]]), size[1::-1], borderMode=cv2.BORDER_REPLICATE
    )
    place = np.column_stack([np.eye(2) / seat.scale, seat.origin])
    seen = bearing.Bearings(rest, seat)
    talks = np.arange(200) >= 100
    for speaks in talks:
        seen.show(lower if speaks else face, place, closed=not speaks)
    lips = seat.on_patch(rest[[13], :2])
    by = (seen.found(talks).at(lips)[:, 0] - lips) / seat.scale
    by -= by[:80].mean(0)
    assert by[:80] == pytest.approx(0, abs=0.05)
    assert by[120:, 0] == pytest.approx(0, abs=0.1)
    assert by[120:, 1] == pytest.approx(1.5, abs=0.25)
