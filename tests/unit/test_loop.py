"""Kind ``loop``: the footage as it is, a mouth laid into it, and packs that are none."""

from __future__ import annotations

import gc
import json
import os
import shutil
import threading
from itertools import product

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.errors import DigitalHumanBroken, DigitalHumanVersion
from bunraku.core.framing import Framing
from bunraku.core.media import TICK_US, Pose, Rect
from bunraku.node.avatars.base import Drawable, DrawablePack, Moment
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.loop.figure import AHEAD, FADE, HELD
from bunraku.node.avatars.loop.footage import RING, Footage
from bunraku.node.avatars.loop.manifest import LoopManifest
from bunraku.node.avatars.loop.mouths import PathSearch, step_costs, successors
from bunraku.node.avatars.loop.opener import open_pack
from bunraku.node.avatars.loop.pack import LoopPack
from bunraku.node.avatars.loop.proxy import read_proxy
from bunraku.node.avatars.loop.view import crop_of
from bunraku.node.avatars.preview import SILENT, portrait
from bunraku.node.lipsync.visemes import one_hot, rest

from ..support.footage import SIDE, box_of_mouth, drift, face, loop_pack, mouth, seen, write_film

N = 24
WHOLE = Framing(SIDE, SIDE)
LARGEST = Framing(1920, 1920, (0, 0, 0), transparent=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return loop_pack(tmp_path_factory.mktemp("loop") / "pack", frames=N)


@pytest.fixture(scope="module")
def pack(folder):
    return LoopPack(folder)


@pytest.fixture(scope="module")
def footage(folder):
    """I420 of every frame, as another decoder has them."""
    with av.open(str(folder / "loop.mp4")) as file:
        return [frame.to_ndarray() for frame in file.decode(video=0)]


def changed_pack(folder, target, **changes):
    shutil.copytree(folder, target)
    written = json.loads((target / "manifest.json").read_text("utf-8"))
    (target / "manifest.json").write_text(json.dumps(written | changes), "utf-8")
    return target


def show(figure, tick, weights=SILENT):
    """The picture of a tick and the rectangle that changed."""
    rect = figure.render(Moment(weights, Pose(yaw=9.0, lid=1.0), tick * TICK_US))
    return figure.picture.buffer.copy(), rect


def inside(frame):
    """Rows and columns of the luma plane that a patch may touch."""
    x, y, w, h = box_of_mouth()
    dx, dy = drift(frame)
    return slice(y - 16 + dy, y - 16 + dy + h), slice(x - 16 + dx, x - 16 + dx + w)


# --- the footage


@pytest.mark.parametrize(("kind", "period"), [("turn", 2 * N - 2), ("fade", N)])
def test_who_is_silent_is_shown_as_filmed_round_and_round(folder, footage, tmp_path, kind, period):
    figure = LoopPack(changed_pack(folder, tmp_path / "p", join={"kind": kind, "frames": 0})).stage(WHOLE)
    for tick in range(2 * period + 3):
        at = tick % period
        picture, rect = show(figure, tick)
        assert rect == Rect(0, 0, SIDE, SIDE)
        assert np.array_equal(picture, footage[at if at < N else 2 * N - 2 - at])


def test_where_it_turns_round_nothing_jumps(pack):
    figure = pack.stage(WHOLE)
    pictures = [show(figure, tick)[0].astype(int) for tick in range(2 * N + 2)]
    moves = [np.abs(b - a).mean() for a, b in zip(pictures, pictures[1:], strict=False)]
    for join in (N - 1, 2 * N - 2):
        assert max(moves[join - 1], moves[join]) <= max(moves) == max(moves[: N - 1])


@given(frames=st.integers(2, 3000), tick=st.integers(-10_000, 10**9), kind=st.sampled_from(["turn", "fade"]))
def test_every_tick_has_a_frame_and_the_next_is_its_neighbour(frames, tick, kind):
    manifest = LoopManifest.model_construct(frames=frames, join=_join(kind))
    here, there = manifest.frame_at(tick), manifest.frame_at(tick + 1)
    assert 0 <= here < frames
    assert abs(here - there) == 1 or (kind == "fade" and (here, there) == (frames - 1, 0))


def _join(kind):
    return LoopManifest.model_fields["join"].annotation(kind=kind)


def test_any_frame_is_there_at_any_time_and_no_more_than_a_ring_of_them(folder, pack, footage):
    proxy = read_proxy(folder, pack.manifest)
    ring = Footage(proxy, crop_of(pack.manifest, SIDE, SIDE), pack.manifest.frame_at)
    assert ring.nbytes == RING * SIDE * SIDE * 3 // 2
    for tick in [0, 1, 2, 9, 3, 3, 40, 41, 45, 44, 1_000_000, 5, *range(200, 400), *range(900, 800, -7)]:
        planes = ring.at(tick)
        assert np.array_equal(planes.y, footage[pack.manifest.frame_at(tick)][:SIDE])
        assert planes.u.shape == planes.v.shape == (SIDE // 2, SIDE // 2)
    assert ring.nbytes == RING * SIDE * SIDE * 3 // 2


def test_a_frame_that_cannot_be_read_leaves_the_one_before_it(folder, footage, tmp_path, caplog):
    broken = changed_pack(folder, tmp_path / "p")
    pack = LoopPack(broken)
    offset, size = pack._proxy.packets[7]  # noqa: SLF001 - a pack has no word for how it reads
    with (broken / "loop.mp4").open("r+b") as file:
        file.seek(offset)
        file.write(os.urandom(1) * size)
    figure = pack.stage(WHOLE)
    for tick in range(12):
        assert np.array_equal(show(figure, tick)[0], footage[6 if tick == 7 else tick])
    assert [r.message for r in caplog.records] == ["loop.mp4: frame 7"]


# --- the mouth


@pytest.mark.parametrize("viseme", ["aa", "ou", "PP", "FF", "ih"])
def test_who_speaks_has_the_mouth_of_the_sound_where_the_face_is(pack, viseme):
    figure = pack.stage(WHOLE)
    for tick in range(16):
        picture, _ = show(figure, tick, one_hot(viseme))
    rows, columns = inside(15)
    truth = seen(face(one_hot(viseme)), 15)
    shown, meant = picture[:SIDE][rows, columns].astype(int), truth[:SIDE][rows, columns].astype(int)
    assert np.abs(shown - meant).mean() < 1.0
    assert np.abs(shown - meant).max() < 40


def test_the_patch_comes_and_goes_softly_and_leaves_the_rest_alone(pack, footage):
    figure = pack.stage(WHOLE)
    spoken, seen_share = range(10, 20), []
    for tick in range(40):
        picture, _ = show(figure, tick, one_hot("aa") if tick in spoken else SILENT)
        frame = pack.manifest.frame_at(tick)
        differs = picture != footage[frame]
        rows, columns = inside(frame)
        outside = differs[:SIDE].copy()
        outside[rows, columns] = False
        assert not outside.any()
        seen_share.append(int(np.abs(picture.astype(int) - footage[frame]).sum()))
        # As long as anything of it is seen, and not a picture longer.
        within = spoken.start <= tick < spoken.stop + HELD + AHEAD + FADE
        assert within or not differs.any()
    # While the lips are still shut: a mouth that is laid over its like.
    begun, widest = seen_share[10 : 10 + AHEAD], max(seen_share)
    assert 0 < begun[0] < begun[1] < 0.3 * widest
    assert seen_share[20 + HELD + AHEAD + FADE :] == [0] * (20 - HELD - AHEAD - FADE)


def jaw(share: float = 1.0) -> dict[str, np.ndarray]:
    """What goes into ``mouths.npz`` for a jaw below the patch: a plateau of 40 px that goes down as a whole,
    falling off over 20 px around."""
    _, _, w, h = box_of_mouth()
    field = np.zeros((11, 11), np.float32)
    field[2:9, 2:9] = share
    return {"jaw": field, "jaw_box": np.array([w / 2 - 50, h - 10, 100, 100], np.float32)}


def test_the_chin_goes_down_with_the_jaw(folder, tmp_path):
    target = tmp_path / "p"
    shutil.copytree(folder, target)
    arrays("mouths.npz", fall=lambda a: 6.0 * (a[:, 0] > 0.5), **jaw())(target)
    made, before = LoopPack(target), LoopPack(folder)
    figure, still = made.stage(WHOLE), before.stage(WHOLE)
    _, _, w, h = box_of_mouth()
    for tick in range(30):
        weights = one_hot("aa") if 8 <= tick < 20 else SILENT
        (picture, _), (other, _) = show(figure, tick, weights), show(still, tick, weights)
        place = before.frames.place[before.manifest.frame_at(tick)]
        x, y = (place @ (w / 2, h + 30, 1)).round().astype(int)  # in the middle of the plateau
        chin, level = slice(y - 8, y + 8), slice(x - 12, x + 12)
        above = slice(y - 8 - 6, y + 8 - 6)
        if 14 <= tick < 20:  # as wide open as it will be
            assert np.abs(picture[chin, level].astype(int) - other[above, level]).max() <= 1
            # Colour too: half as many rows.
            u, v = ((SIDE + SIDE // 4 * k) * SIDE for k in (0, 1))
            for at in (u, v):
                mine, theirs = (
                    b.reshape(-1)[at : at + SIDE * SIDE // 4].reshape(SIDE // 2, -1) for b in (picture, other)
                )
                a = mine[(y - 8) // 2 : (y + 8) // 2, (x - 12) // 2 : (x + 12) // 2]
                b = theirs[(y - 8) // 2 - 3 : (y + 8) // 2 - 3, (x - 12) // 2 : (x + 12) // 2]
                assert np.abs(a.astype(int) - b).max() <= 1
        if tick < 8:
            assert (picture == other).all()
        assert (picture[: y - 40, :] == other[: y - 40, :])[:SIDE].all()  # eyes and nose
    assert not (picture != other).any()  # silent again


def test_a_jaw_that_stays_moves_nothing(folder, tmp_path):
    target = tmp_path / "p"
    shutil.copytree(folder, target)
    arrays("mouths.npz", fall=lambda a: 0 * a[:, 0], **jaw())(target)
    figure, other = LoopPack(target).stage(WHOLE), LoopPack(folder).stage(WHOLE)
    for tick in range(12):
        assert (show(figure, tick, one_hot("aa"))[0] == show(other, tick, one_hot("aa"))[0]).all()


def test_lips_lag_by_what_the_figure_says(pack):
    """A closure in the middle of a vowel is seen that many pictures later."""
    figure = pack.stage(WHOLE)
    assert figure.latency == AHEAD
    open_, sound = [], [*["aa"] * 12, "PP", "PP", *["aa"] * 8]
    for tick, viseme in enumerate(sound):
        picture, _ = show(figure, tick, one_hot(viseme))
        frame = pack.manifest.frame_at(tick)
        rows, columns = inside(frame)
        vowel = seen(face(one_hot("aa")), frame)[:SIDE][rows, columns].astype(int)
        open_.append(np.abs(picture[:SIDE][rows, columns] - vowel).mean())
    shut = open_[6:]
    assert {6 + int(i) for i in np.argsort(shut)[-2:]} == {12 + AHEAD, 13 + AHEAD}


def test_the_light_of_a_frame_is_that_of_its_mouth(tmp_path):
    tone = (0.8, 12.0)
    figure = LoopPack(loop_pack(tmp_path / "dim", frames=4, tone=tone)).stage(WHOLE)
    for tick in range(9):
        picture, _ = show(figure, tick, one_hot("aa"))
    rows, columns = inside(2)
    meant = seen(face(one_hot("aa")), 2)[:SIDE][rows, columns] * tone[0] + tone[1]
    assert np.abs(picture[:SIDE][rows, columns] - meant).mean() < 1.5


def test_the_same_moments_make_the_same_pictures(pack):
    """Whatever the decoder's thread is at."""
    visemes = ["aa", "PP", "ou", "sil", "sil", "ih", "SS"]
    one, other = pack.stage(WHOLE), pack.stage(WHOLE)
    for tick in range(50):
        weights = mouth(visemes[tick // 3 % len(visemes)], 0.7)
        assert np.array_equal(show(one, tick, weights)[0], show(other, tick, weights)[0])


def test_pictures_that_were_shed_do_not_upset_it(pack, footage):
    figure = pack.stage(WHOLE)
    for tick in (0, 1, 4, 5, 9, 10, 12):
        show(figure, tick, one_hot("aa"))
    # Nobody watched for long: it does not go on in the middle of a word.
    picture, _ = show(figure, 500)
    assert np.array_equal(picture, footage[pack.manifest.frame_at(500)])
    show(figure, 3)  # and a clock that went back is no reason to fall


# --- the search


@st.composite
def searches(draw):
    k, n = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    at = rng.random((k, 6), np.float32)
    looks = rng.random((k, 3)) * 60
    take = np.stack([rng.integers(-1, 2, k), np.arange(k)], 1).astype(np.int32)
    apart = ((looks[:, None] - looks[None]) ** 2).mean(2).astype(np.float32)
    turn = rng.normal(0, 5, (k, 2)).astype(np.float32)
    return at, turn, take, apart, rng.random((n + 2, 6), np.float32), rng.normal(0, 5, (n + 2, 2)), n


@given(searches())
def test_no_path_is_cheaper_than_the_one_that_is_taken(case):
    at, turn, take, apart, wanted, turned, n = case
    steps = step_costs(apart, successors(take))
    search = PathSearch(at, turn, successors(take), steps, beam=len(at))
    for begin in range(3):
        before = search.shown
        window = slice(begin, begin + n)
        costs = search.costs(wanted[window], turned[window].astype(np.float32))

        def cost(path, before=before, costs=costs):
            chain = [before, *path] if before >= 0 else list(path)
            jumps = sum(steps[a, b] for a, b in zip(chain, chain[1:], strict=False))
            return jumps + sum(costs[i, p] for i, p in enumerate(path))

        best = min(map(cost, product(range(len(at)), repeat=n)))
        first = search.follow(wanted[window], turned[window].astype(np.float32))
        through = min(cost((first, *others)) for others in product(range(len(at)), repeat=n - 1))
        assert through == pytest.approx(best, abs=1e-4)


def test_of_equal_mouths_those_of_one_take_follow_each_other():
    """Two takes of the same movement: the path does not hop between them."""
    opening = np.zeros((8, 6), np.float32)
    opening[:, 0] = [0, 0.2, 0.4, 0.6] * 2
    take = np.array([(run, place) for run in (0, 1) for place in range(4)], np.int32)
    looks = opening[:, 0] * 100 + np.repeat([0, 30], 4)
    steps = step_costs(((looks[:, None] - looks[None]) ** 2).astype(np.float32), successors(take))
    search = PathSearch(opening, np.zeros((8, 2), np.float32), successors(take), steps)
    wanted = np.concatenate([opening[:4], opening[3:4], opening[3:4]])
    path = [search.follow(wanted[i : i + 3], np.zeros((3, 2), np.float32)) for i in range(4)]
    assert path in ([0, 1, 2, 3], [4, 5, 6, 7])


def test_a_narrow_beam_still_knows_what_comes_next_in_the_take():
    at = np.zeros((60, 6), np.float32)
    at[:, 0] = np.linspace(0, 1, 60)
    take = np.array([(0, i) for i in range(60)], np.int32)
    apart = ((at[:, None, 0] - at[None, :, 0]) * 80) ** 2
    search = PathSearch(
        at, np.zeros((60, 2), np.float32), successors(take), step_costs(apart, successors(take))
    )
    search.follow(at[:1], np.zeros((1, 2), np.float32))
    # Far from where it is: no patch jumps there at once.
    assert search.follow(at[[0, 59, 59]], np.zeros((3, 2), np.float32)) in range(20)


# --- framing


@pytest.mark.parametrize("size", [(64, 64), (512, 512), (720, 1280), (1280, 320), (144, 1920), (1920, 1080)])
@pytest.mark.parametrize("transparent", [False, True])
def test_it_fills_a_picture_of_any_size(pack, size, transparent):
    figure = pack.stage(Framing(*size, (255, 0, 255), transparent))
    for tick in range(4):
        _, rect = show(figure, tick, one_hot("aa"))
    picture, (w, h) = figure.picture, size
    assert rect == Rect(0, 0, 2 * w if transparent else w, h)
    assert (
        np.abs(picture.v[:, : w // 2].astype(int) - 128).max() < 70
    )  # nothing of the ground, which is magenta
    if transparent:
        assert (picture.y[:, w:] == 235).all()
        assert (picture.u[:, w // 2 :] == 128).all()
        assert (picture.v[:, w // 2 :] == 128).all()
        opaque = pack.stage(Framing(*size))
        for tick in range(4):
            show(opaque, tick, one_hot("aa"))
        assert np.array_equal(opaque.picture.y, picture.y[:, :w])


def test_a_smaller_picture_shows_the_mouth_at_the_same_place(pack):
    large, small = pack.stage(WHOLE), pack.stage(Framing(SIDE // 2, SIDE // 2))
    for tick in range(9):
        big, _ = show(large, tick, one_hot("aa"))
        little, _ = show(small, tick, one_hot("aa"))
    half = cv2.resize(big[:SIDE], (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(half - little[: SIDE // 2]).mean() < 0.8


def test_what_the_rest_of_the_house_asks_of_a_pack(folder, tmp_path):
    (human,) = (p for p in Catalog((folder,), label="AI").list() if p.id == "anna-filmed")
    assert (human.name, human.emotion, dict(human.gestures), human.portrait) == (
        "Anna, filmed",
        "neutral",
        {},
        None,
    )
    portrait(human, tmp_path / "avatar.jpg")
    assert cv2.imread(str(tmp_path / "avatar.jpg")).shape == (320, 320, 3)
    pack = open_pack(folder, None)
    assert open_pack(folder, None) is pack
    figure = pack.stage(LARGEST)
    figure.render(Moment(SILENT, Pose()))
    pack.close()
    show(figure, 1, one_hot("aa"))  # who is on stage stays there
    show(pack.stage(WHOLE), 1, one_hot("aa"))  # and it may be staged again
    assert not isinstance(figure, Drawable)
    assert not isinstance(pack, DrawablePack)


def test_what_is_decoded_is_shared_by_a_folder_of_the_machine(folder, tmp_path):
    plain, first, second = LoopPack(folder), LoopPack(folder, tmp_path), LoopPack(folder, tmp_path)
    size, pictures = Framing(128, 128), []
    for pack in (plain, first, second):
        figure = pack.stage(size)
        for tick in range(6):
            picture, _ = show(figure, tick, one_hot("aa"))
        pictures.append(picture)
    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[1], pictures[2])
    (kept,) = tmp_path.glob("*.map")
    kept.write_bytes(b"nothing")
    pack = LoopPack(folder, tmp_path)
    show(pack.stage(size), 0)


def test_two_hundred_stagings_leave_no_thread_and_no_file(folder):
    def held():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    pack = LoopPack(folder)
    show(pack.stage(Framing(64, 64)), 0)
    files = held()
    mine = []
    for i in range(200):
        figure = pack.stage(Framing(64, 64))
        show(figure, i, one_hot("aa"))
        mine.append(figure._footage._thread)  # noqa: SLF001 - a pack has no word for how it reads
        del figure
    pack.close()
    for thread in mine:
        thread.join(10)
    assert not [t for t in threading.enumerate() if t in mine]
    assert held() <= files


# --- packs that are none


def manifest(**changes):
    def change(folder):
        written = json.loads((folder / "manifest.json").read_text("utf-8"))
        (folder / "manifest.json").write_text(json.dumps(written | changes), "utf-8")

    return change


def arrays(name, **changes):
    def change(folder):
        with np.load(folder / name) as found:
            kept = {k: found[k] for k in found.files}
        for key, value in changes.items():
            if value is None:
                del kept[key]
            elif callable(value):
                kept[key] = value(kept.get(key, kept.get("at")))
            else:
                kept[key] = value
        np.savez(folder / name, **kept)

    return change


def file(name, content):
    def change(folder):
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)

    return change


def film(**how):
    def change(folder):
        side, count = how.pop("side", SIDE), how.pop("count", N)
        grey = np.full((side * 3 // 2, side), 128, np.uint8)
        write_film(folder / "loop.mp4", [grey] * count, **how)

    return change


def sheet(shape, suffix=".webp"):
    def change(folder):
        _, data = cv2.imencode(suffix, np.zeros(shape, np.uint8))
        (folder / "mouths_0.webp").write_bytes(data.tobytes())

    return change


def opaque_edge(folder):
    path = str(folder / "mouths_0.webp")
    image = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    image[:, 0, 3] = 255
    cv2.imwrite(path, image, [cv2.IMWRITE_WEBP_QUALITY, 101])


BAD = {
    "size": (manifest(art={"width": 10**9, "height": SIDE}), "art.width"),
    "odd": (manifest(art={"width": 255, "height": SIDE}), "art.width: must be even"),
    "other size": (manifest(art={"width": 300, "height": 300}), "loop.mp4: 256 x 256"),
    "count": (manifest(frames=10**9), "frames"),
    "fewer": (manifest(frames=N - 1), "loop.mp4: must be 23 frames"),
    "more": (manifest(frames=N + 1), "loop.mp4: 24 frames, must be 25"),
    "patch": (manifest(patch={"width": 512, "height": 512}), "patch: larger"),
    "join": (manifest(join={"kind": "jump"}), "join.kind"),
    "view": (manifest(square={"x": 1, "y": 1, "width": 0, "height": 5}), "square.width"),
    "endless": (manifest(portrait={"x": 1e999, "y": 1, "width": 9, "height": 9}), "portrait.x"),
    "emotion": (manifest(emotion="furious"), "emotion"),
    "no film": (file("loop.mp4", None), "loop.mp4 missing"),
    "empty film": (file("loop.mp4", b""), "loop.mp4 unreadable"),
    "noise": (file("loop.mp4", b"\0\0\0\x18ftypisom" + bytes(range(256)) * 40), "loop.mp4 unreadable"),
    "a playlist": (file("loop.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"), "loop.mp4 unreadable"),
    "a concat script": (
        file("loop.mp4", b"ffconcat version 1.0\nfile /etc/hostname\n"),
        "loop.mp4 unreadable",
    ),
    "another container": (film(format="matroska"), "loop.mp4 unreadable"),
    "another codec": (film(codec="mpeg4"), "loop.mp4: mpeg4"),
    "no keyframes": (film(keyint=12), "each a keyframe"),
    "smaller film": (film(side=128), "loop.mp4: 128 x 128"),
    "no frames.npz": (file("frames.npz", None), "frames.npz missing"),
    "no zip": (file("frames.npz", b"PK nothing"), "frames.npz unreadable"),
    "no place": (arrays("frames.npz", place=None), "frames.npz: place unreadable"),
    "places": (arrays("frames.npz", place=lambda a: a[:-1]), "frames.npz: place must be (24, 2, 3)"),
    "objects": (arrays("frames.npz", yaw=np.array([{}] * N, object)), "frames.npz: yaw"),
    "nowhere": (arrays("frames.npz", place=lambda a: a * np.float32("nan")), "frames.npz: place holds"),
    "flat": (arrays("frames.npz", place=lambda a: a * 0), "frames.npz: place is no place"),
    "far": (arrays("frames.npz", place=lambda a: a * 1000), "frames.npz: place lies outside"),
    "glaring": (arrays("frames.npz", tone=lambda a: a + 100), "frames.npz: tone"),
    "no mouths.npz": (file("mouths.npz", None), "mouths.npz missing"),
    "many": (arrays("mouths.npz", at=np.zeros((401, 6))), "mouths.npz: 401 patches"),
    "none": (arrays("mouths.npz", at=np.zeros((0, 6))), "mouths.npz: 0 patches"),
    "a bomb": (arrays("mouths.npz", at=np.zeros((300, 10**5))), "mouths.npz: at must be"),
    "axes": (arrays("mouths.npz", at=lambda a: a[:, :5]), "mouths.npz: at must be"),
    "takes": (arrays("mouths.npz", take=lambda a: a[:3]), "mouths.npz: take must be"),
    "jaw's size": (arrays("mouths.npz", **jaw() | {"jaw": np.zeros((3, 300))}), "mouths.npz: jaw of"),
    "jaw's share": (arrays("mouths.npz", fall=np.zeros(43), **jaw(1.5)), "mouths.npz: jaw is out of range"),
    "jaw's rim": (
        arrays("mouths.npz", fall=np.zeros(43), **jaw() | {"jaw": np.ones((9, 9))}),
        "the rim of jaw",
    ),
    "jaw nowhere": (
        arrays("mouths.npz", fall=np.zeros(43), **jaw() | {"jaw_box": np.array([0, 0, 0, 9.0])}),
        "mouths.npz: jaw is out of range",
    ),
    "no fall": (arrays("mouths.npz", **jaw()), "mouths.npz: fall unreadable"),
    "a deep fall": (
        arrays("mouths.npz", fall=np.full(43, 99.0), **jaw()),
        "mouths.npz: fall is out of range",
    ),
    "no sheet": (file("mouths_0.webp", None), "mouths_0.webp missing"),
    "no picture": (file("mouths_0.webp", b"RIFF\0\0\0\0WEBPVP8 "), "mouths_0.webp unreadable"),
    "sheet's size": (sheet((64, 64, 4)), "mouths_0.webp"),
    "huge sheet": (file("mouths_0.webp", b"RIFF\0\0\1\0WEBPVP8X\n\0\0\0" + b"\xff" * 60), "mouths_0.webp"),
    "png": (sheet((64, 64, 4), ".png"), "mouths_0.webp: png"),
    "edge": (opaque_edge, "edge of patch 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_pack_that_is_wrong_says_where(folder, tmp_path, case):
    damage, said = BAD[case]
    target = tmp_path / "p"
    shutil.copytree(folder, target)
    damage(target)
    with pytest.raises(DigitalHumanBroken) as raised:
        LoopPack(target).stage(Framing(64, 64))
    assert said in raised.value.detail


def test_another_format_is_another_version(folder, tmp_path):
    with pytest.raises(DigitalHumanVersion):
        LoopPack(changed_pack(folder, tmp_path / "p", format=2))


def test_motion_jpeg_is_as_good(folder, pack, tmp_path):
    target = changed_pack(folder, tmp_path / "p")
    pictures = [seen(face(rest()), i) for i in range(N)]
    write_film(target / "loop.mp4", pictures, codec="mjpeg", strict="unofficial", qmin="2", qmax="2")
    picture, _ = show(LoopPack(target).stage(WHOLE), 3)
    assert np.abs(picture.astype(int) - pictures[3]).mean() < 2
