"""The compositor on the built-in packs."""

import cv2
import numpy as np
import pytest

from bunraku.core.errors import DigitalHumanBroken, DigitalHumanNotFound, DigitalHumanVersion
from bunraku.core.framing import Framing
from bunraku.core.media import Picture, Pose, Rect
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.pack.geometry import contains
from bunraku.node.avatars.pack.manifest import read
from bunraku.node.avatars.pack.plates import NODE
from bunraku.node.lipsync.visemes import one_hot, rest
from bunraku.node.performance.life import KNOWN, Life

PACKS = Catalog().list()
SIZE = Framing(256, 256, (90, 110, 140))


@pytest.fixture(scope="module", params=PACKS, ids=lambda p: p.name)
def pack(request):
    return request.param


def settle(figure, viseme, pose):
    for _ in range(6):
        figure.render(Moment(one_hot(viseme), pose))
    return figure.picture.buffer.copy()


def test_the_mouth_moves_and_little_else(pack):
    figure = pack.stage(SIZE)
    rest, wide = settle(figure, "sil", Pose()), settle(figure, "aa", Pose())
    changed = np.abs(rest[:256].astype(int) - wide[:256]) > 12
    ys, xs = np.nonzero(changed)
    assert changed.sum() > 300
    assert ys.min() > 90
    assert xs.min() > 60
    assert xs.max() < 196


def test_only_the_reported_rectangle_changes(pack):
    figure = pack.stage(SIZE)
    life = Life(3)
    before = None
    for i in range(60):
        if i == 20:
            life.gesture("wave", i * 0.04)
        rect = figure.render(Moment(one_hot("aa" if i // 3 % 2 else "PP"), life.pose(i * 0.04, 0.5, True)))
        now = figure.picture.y.copy()
        if before is not None:
            ys, xs = np.nonzero(now != before)
            if ys.size:
                assert rect.y <= ys.min()
                assert ys.max() < rect.y + rect.height
                assert rect.x <= xs.min()
                assert xs.max() < rect.x + rect.width
        assert rect.x % 2 == rect.y % 2 == rect.width % 2 == rect.height % 2 == 0
        before = now


def test_turning_the_head_is_smooth_across_poses(pack):
    """No pop where one baked pose hands over to the next: steps stay of one size."""
    figure = pack.stage(SIZE)
    previous, steps = None, []
    for yaw in np.arange(-9, 9, 0.25):
        figure.render(Moment(one_hot("sil"), Pose(yaw=float(yaw))))
        y = figure.picture.y.astype(float)
        if previous is not None:
            steps.append(np.abs(y - previous).mean())
        previous = y
    assert max(steps) < 3.5 * np.median(steps)


def test_blink_closes_and_opens(pack):
    figure = pack.stage(SIZE)
    still, shut = settle(figure, "sil", Pose()), settle(figure, "sil", Pose(lid=1.0))
    again = settle(figure, "sil", Pose())
    assert np.abs(still.astype(int) - shut).max() > 60
    assert np.array_equal(still, again)


@pytest.mark.parametrize("gesture", sorted(KNOWN))
def test_gestures_are_visible_and_end_where_they_began(gesture):
    figure = PACKS[0].stage(SIZE)
    life = Life(5)
    quiet = [life.pose(i * 0.04, 0, False) for i in range(2)]
    figure.render(Moment(one_hot("sil"), quiet[0]))
    start = figure.picture.y.astype(int)
    life.gesture(gesture, 0.08)
    middle = 0
    for i in range(2, int(KNOWN[gesture] / 0.04) + 4):
        figure.render(Moment(one_hot("sil"), life.pose(i * 0.04, 0, False)))
        middle = max(middle, int((np.abs(figure.picture.y.astype(int) - start) > 16).sum()))
    assert middle > 900
    assert life.pose(20.0, 0, False).gesture is None


def test_transparent_pictures_carry_alpha_beside_colour(pack):
    figure = pack.stage(Framing(256, 256, (0, 0, 0), True))
    figure.render(Moment(one_hot("sil"), Pose()))
    assert figure.picture.y.shape == (256, 512)
    alpha = figure.picture.y[:, 256:]
    assert alpha[4, 4] == 16
    assert alpha[128, 128] >= 234
    assert figure.picture.u[0, 200] == 128


def test_all_performances_share_the_plates(pack):
    a, b = pack.stage(SIZE), pack.stage(SIZE)
    assert a.plates is b.plates
    assert contains(a.plates[0].body.rect, a.plates[0].eyes[0].rect)


def test_a_broken_pack_says_so(tmp_path):
    with pytest.raises(DigitalHumanBroken):
        read(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(DigitalHumanVersion):
        read(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 1}')
    with pytest.raises(DigitalHumanBroken):
        read(tmp_path)


def test_life_never_repeats_and_differs_between_people():
    def run(seed):
        life = Life(seed)
        return np.array(
            [[p.yaw, p.pitch, p.roll] for p in (life.pose(i * 0.04, 0, False) for i in range(3000))]
        )

    a, b = run(1), run(2)
    assert np.abs(a - b).mean() > 0.5
    spectrum = np.abs(np.fft.rfft(a[:, 0] - a[:, 0].mean())) ** 2
    assert spectrum.max() / spectrum.sum() < 0.5, "one period dominates: it looks looped"
    assert np.abs(np.diff(a, axis=0)).max() < 1.0, "idle motion jumps"


def test_blinks_come_at_human_intervals():
    life = Life(9)
    lids = np.array([life.pose(i * 0.04, 0, False).lid for i in range(25 * 120)])
    blinks = int(((lids[1:] > 0.5) & (lids[:-1] <= 0.5)).sum())
    assert 12 <= blinks <= 80  # in two minutes


@pytest.mark.parametrize("size", [(200, 320), (256, 256), (720, 1280)])
def test_a_waving_arm_leaves_nothing_behind(size):
    """Each picture of a wave is what a figure that had drawn nothing before would show."""

    for pack in Catalog().list():
        figure, life = pack.stage(Framing(*size, (223, 229, 238))), Life(5)
        life.gesture("wave", 0.0)
        frames = int(KNOWN["wave"] * 25) + 3
        for i in range(frames):
            pose = life.pose(i / 25, 0.0, False)
            figure.render(Moment(rest(), pose))
            if i % 7 == 3 or i == frames - 1:
                fresh = pack.stage(Framing(*size, (223, 229, 238)))
                fresh.render(Moment(rest(), pose))
                w, h = size
                shown = figure.picture.buffer[:h, :w].astype(int)
                wanted = fresh.picture.buffer[:h, :w].astype(int)
                # Bands that hardly moved, dissolves and sticky sprites differ a little; a ghost, by much.
                patch = cv2.blur(np.abs(shown - wanted).astype(np.float32), (9, 9))
                assert patch[:, : w // 8].max() < 25, (pack.name, i)
                assert patch[:, -w // 8 :].max() < 25, (pack.name, i)


@pytest.mark.parametrize("size", [(512, 512), (720, 1280)])
def test_a_pose_that_is_held_is_shown_as_it_is(size):
    """Also after a turn: the last dissolved picture still holds some of the pose before."""
    for pack in Catalog().list():
        figure, held = pack.stage(Framing(*size, (223, 229, 238))), Pose(yaw=9.0, roll=1.5, sway=0.4)
        for i in range(30):
            figure.render(Moment(rest(), Pose(yaw=min(0.0, i - 20.0))))
        for _ in range(10):
            figure.render(Moment(rest(), held))
        fresh = pack.stage(Framing(*size, (223, 229, 238)))
        fresh.render(Moment(rest(), held))
        apart = np.abs(figure.picture.buffer.astype(int) - fresh.picture.buffer)
        assert apart.max() <= 1, pack.name


def test_the_edges_of_the_picture_follow_the_figure():
    """The outermost nodes of the warp belong to the outermost bands."""
    for pack in Catalog().list():
        figure, life = pack.stage(Framing(512, 512, (223, 229, 238))), Life(3)
        for i in range(150):
            pose = life.pose(i / 25, 0.0, False)
            figure.render(Moment(rest(), pose))
            plate = figure.canvas.plate
            wanted = figure.warp.nodes(plate, figure.warp.pushes(plate, pose))
            bands = figure.canvas.plate.bands
            end = bands[-1].rect.y + bands[-1].rect.height
            touched = slice(bands[0].rect.y // NODE, -(-end // NODE) + 2)
            apart = np.abs(figure.canvas.nodes[touched] - wanted[touched])
            assert apart.max() <= max(b.still for b in bands), (pack.name, i)


def test_a_backdrop_stands_still_behind_a_moving_figure():
    """It is neither warped with the head nor left with holes; the figure itself is as over a colour."""
    rng = np.random.default_rng(0)
    behind = Picture(256, 256)
    noise = rng.integers(16, 235, (384, 256)).astype(np.uint8)
    behind.buffer[:] = noise
    plain = PACKS[0].stage(Framing(256, 256, (0, 0, 0)))
    over = PACKS[0].stage(Framing(256, 256, backdrop=behind))
    life = Life(4)
    life.gesture("wave", 0.4)
    for i in range(70):
        pose = life.pose(i * 0.04, 0.4, True)
        mouth = one_hot("aa" if i % 9 < 5 else "sil")
        before = over.picture.buffer.copy()
        plain.render(Moment(mouth, pose))
        dirty = over.render(Moment(mouth, pose))
        changed = np.argwhere(over.picture.y != before[:256])
        if i and changed.size:
            assert contains(dirty, Rect(*changed.min(0)[::-1], 1, 1))
            assert contains(dirty, Rect(*changed.max(0)[::-1], 1, 1))
    assert np.array_equal(over.picture.y[:8], behind.y[:8])
    assert np.array_equal(over.picture.u[:4], behind.u[:4])
    middle = (slice(120, 150), slice(118, 140))
    assert np.abs(over.picture.y[middle].astype(int) - plain.picture.y[middle]).max() <= 2
    outside = plain.picture.y == 16
    assert np.abs(over.picture.y[outside].astype(int) - behind.y[outside]).mean() < 1.0


def test_a_broken_pack_is_refused_anew_each_time(tmp_path):
    (tmp_path / "manifest.json").write_text('{"id": "broken"}')
    catalog = Catalog((tmp_path,))
    for _ in range(3):
        with pytest.raises(DigitalHumanVersion) as refused:
            catalog.get("broken")
        assert len(refused.traceback) < 4
        with pytest.raises(DigitalHumanNotFound):
            catalog.get_usable("broken")
