"""Digital humans of a clip, made of one: what is in the pack, and what is said of a clip that will not do."""

from __future__ import annotations

import hashlib
import json
import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from bunraku.core.framing import Framing
from bunraku.core.media import SAMPLE_RATE, Phoneme, Pose, SpeechChunk
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.kinds import open_pack
from bunraku.node.film import film
from bunraku.node.lipsync.visemes import one_hot
from bunraku.node.people.base import MARKS, STEPS, Unsuitable
from bunraku.node.people.photo.find import Finder
from bunraku.node.people.video import clip as clips
from bunraku.node.people.video import judge
from bunraku.node.people.video.follow import Seen
from bunraku.node.people.video.maker import make, views

from ..support.photographs import nets, of_cast

SILENT = 5.6  # s


def speech() -> SpeechChunk:
    """Silence, then vowels and closed lips by turns."""
    symbols = list("amipumobef") + list("ampaibupofe") * 2
    at, phonemes = SILENT, []
    for symbol in symbols:
        phonemes.append(Phoneme(at, at + 0.14, symbol))
        at += 0.14
    sound = np.zeros(int(at * SAMPLE_RATE), np.int16)
    loud = np.arange(int(SILENT * SAMPLE_RATE), sound.size)
    sound[loud] = 6000 * np.sin(loud * 0.02)
    return SpeechChunk(sound, tuple(phonemes))


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Marcus says nothing, then something: known to the picture."""
    import asyncio

    path = tmp_path_factory.mktemp("clip") / "marcus.mp4"
    marcus = next(p for p in Catalog().list() if p.name == "Marcus")
    asyncio.run(film(marcus, Framing(360, 640, (200, 205, 196)), [speech()], path))
    return path


@pytest.fixture(scope="module")
def made(clip, tmp_path_factory):
    """The pack, what its making said, and how it went on."""
    folder = tmp_path_factory.mktemp("pack")
    steps: list[tuple[int, str, bool]] = []

    def heard(percent: int, step: str) -> None:
        steps.append((percent, step, (folder / MARKS).exists()))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clips, "LEAST", 6.0)
        warnings = make(clip, folder, name="Marcus", models=nets(), progress=heard)
    return folder, warnings, steps


def test_a_clip_becomes_a_pack_of_its_footage_and_its_mouths(made, clip):
    folder, warnings, steps = made
    about = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert (about["format"], about["kind"], about["name"]) == (1, "loop", "Marcus")
    assert about["art"] == {"width": 360, "height": 640}
    assert about["provenance"]["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert sorted(p.name for p in folder.iterdir()) == [
        "frames.npz", "loop.mp4", "manifest.json", "mouths.npz", "mouths_0.webp",
    ]  # fmt: skip
    assert [p for p, _, _ in steps] == sorted(p for p, _, _ in steps)
    assert list(dict.fromkeys(s for _, s, _ in steps)) == [
        "clip",
        "face",
        "landmarks",
        "loop",
        "mouth",
        "pack",
    ]
    assert {s for _, s, _ in steps} <= set(STEPS)
    assert any(there for _, _, there in steps)
    assert any("small" in w for w in warnings)
    assert not any("never closed" in w for w in warnings)


def test_the_loop_is_the_footage_with_closed_lips_all_keyframes(made, clip):
    folder, _, _ = made
    about = json.loads((folder / "manifest.json").read_text("utf-8"))
    with av.open(str(folder / "loop.mp4")) as file:
        pictures = list(file.decode(video=0))
    assert len(pictures) == about["frames"] >= 100
    assert all(p.key_frame and p.format.name == "yuv420p" for p in pictures)
    with av.open(str(clip)) as file:
        silent = [f.to_ndarray(format="gray") for f in file.decode(video=0)][: int(SILENT * 25)]
    first = pictures[0].to_ndarray(format="gray").astype(int)
    assert min(np.abs(first - s).mean() for s in silent) < 2.5
    frames = np.load(folder / "frames.npz")
    n = about["frames"]
    assert {k: frames[k].shape for k in frames} == {
        "place": (n, 2, 3), "shut": (n,), "yaw": (n,), "pitch": (n,), "roll": (n,), "tone": (n, 2, 3),
    }  # fmt: skip
    assert frames["shut"].max() < 0.05
    assert np.abs(frames["tone"][:, 0] - 1).max() < 0.1


def test_the_mouth_s_place_does_not_jitter_and_comes_round(made):
    place = np.load(made[0] / "frames.npz")["place"]
    about = json.loads((made[0] / "manifest.json").read_text("utf-8"))
    middle = place @ np.array([about["patch"]["width"] / 2, about["patch"]["height"] / 2, 1])
    assert np.sqrt((np.diff(middle, 2, axis=0) ** 2).mean()) < 0.15
    if about["join"]["kind"] == "fade":
        assert np.abs(middle[-1] - middle[0]).max() < 0.8


def test_the_mouths_are_the_person_s_and_differ(made):
    folder, _, _ = made
    about = json.loads((folder / "manifest.json").read_text("utf-8"))
    mouths = np.load(folder / "mouths.npz")
    at, take = mouths["at"], mouths["take"]
    assert at.shape == (len(take), 6)
    assert len(take) <= 400
    assert (take[:, 0] >= 0).sum() > 40
    sheet = cv2.imread(str(folder / "mouths_0.webp"), cv2.IMREAD_UNCHANGED)
    w, h = about["patch"]["width"], about["patch"]["height"]
    assert sheet.shape == (h * len(take), w, 4)
    patches = sheet.reshape(len(take), h, w, 4)
    rim = np.concatenate(
        [patches[:, 0, :, 3].ravel(), patches[:, :, 0, 3].ravel(), patches[:, -1, :, 3].ravel()]
    )
    assert rim.max() == 0

    def dark(i: int) -> int:
        """Pixels as dark as the inside of a mouth, where lips may be."""
        inside = patches[i][patches[i][..., 3] > 250][:, :3]
        return int((inside.max(1) < 60).sum())

    real = np.flatnonzero(take[:, 0] >= 0)
    open_, shut = real[np.argsort(-at[real, 0])[:5]], real[np.argsort(at[real, 0])[:5]]
    assert np.median([dark(i) for i in open_]) > np.median([dark(i) for i in shut]) + 40


def test_the_pack_can_be_shown(made):
    figure = open_pack(made[0]).stage(Framing(360, 640, (0, 0, 0)))
    seen = {}
    for viseme in ("sil", "aa"):
        for i in range(12):
            figure.render(Moment(one_hot(viseme), Pose(), 40_000 * i))
        seen[viseme] = figure.picture.y.astype(int)
    where = np.argwhere(np.abs(seen["aa"] - seen["sil"]) > 40)
    assert len(where) > 60
    assert where[:, 0].min() > 0.36 * 640  # below the nose


# --- what will not do


def written(path: Path, pictures: list[np.ndarray], rate: int = 25, times: list[int] | None = None) -> Path:
    h, w = pictures[0].shape[:2]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = w, h, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for i, bgr in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
            frame.pts, frame.time_base = (times[i] if times else 1000 * i // rate), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def refused(path: Path, tmp_path: Path) -> str:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    with pytest.raises(Unsuitable) as caught:
        make(path, out, name="X", models=nets(), progress=lambda p, s: None)
    assert caught.value.tip.endswith(".")
    return caught.value.reason


def grey(n: int, side: int = 320) -> list[np.ndarray]:
    return [np.full((side, side, 3), 120, np.uint8)] * n


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7 no film", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"])
def test_a_file_that_is_no_film(tmp_path, data):
    path = tmp_path / "x.mp4"
    path.write_bytes(data)
    assert "not a film" in refused(path, tmp_path)


def test_a_film_that_is_cut_off(tmp_path):
    path = written(tmp_path / "x.mp4", grey(600))
    path.write_bytes(path.read_bytes()[:2000])
    assert "not a film" in refused(path, tmp_path)


def test_length_size_and_rate(tmp_path):
    assert "too short: 4 seconds" in refused(written(tmp_path / "a.mp4", grey(100)), tmp_path)
    assert "too small" in refused(written(tmp_path / "b.mp4", grey(600, 96)), tmp_path)
    assert "10 pictures a second" in refused(written(tmp_path / "c.mp4", grey(250), 10), tmp_path)
    long = written(tmp_path / "d.mp4", grey(4), times=[0, 40, 80, 190_000])
    assert "too long" in refused(long, tmp_path)


def test_no_pictures_in_the_file(tmp_path):
    path = tmp_path / "x.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        file.mux([*stream.encode(frame), *stream.encode(None)])
    assert "no pictures" in refused(path, tmp_path)


def test_faces_none_several_small(tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "LEAST", 1.0)
    assert "no face" in refused(written(tmp_path / "a.mp4", grey(50)), tmp_path)
    two = np.hstack([cv2.resize(of_cast(n), (360, 540)) for n in ("marcus", "nadia")])
    assert "several" in refused(written(tmp_path / "b.mp4", [two] * 30), tmp_path)
    small = cv2.copyMakeBorder(
        cv2.resize(of_cast("marcus"), (150, 226)), 60, 60, 60, 60, cv2.BORDER_REPLICATE
    )
    assert "too small" in refused(written(tmp_path / "c.mp4", [small] * 30), tmp_path)


def face_points() -> np.ndarray:
    """The 468 points of a drawn face in a picture 720 x 1080."""
    rgb = cv2.resize(of_cast("marcus"), (720, 1080))[..., ::-1].copy()
    finder = Finder(nets())
    return finder.face(rgb, finder.squares(rgb)[0]).points


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return face_points()


def watched(points: np.ndarray, n: int = 500, **changes) -> Seen:
    """A face that sways a little, and what is changed of that."""
    sway = 4 * np.sin(np.arange(n) / 20)[:, None, None] * np.array([1.0, 0.3, 0])
    small = 90 + (np.arange(40 * 30).reshape(40, 30) + np.arange(n)[:, None, None]) % 50
    seen = Seen(
        (points + sway).astype(np.float32), np.full(n, 0.006, np.float32), np.zeros((n, 2, 3), np.float32),
        small.astype(np.uint8), np.ones(n, np.float32), np.full(n, 120, np.float32), np.zeros(n, np.float32),
        0, np.zeros(n, np.float32), n // 12, np.zeros((n, 44, 56, 3), np.uint8),
    )  # fmt: skip
    for name, value in changes.items():
        setattr(seen, name, value)
    return seen


def said(seen: Seen, yaw: float = 0.0) -> list[str]:
    return judge.judge(seen, np.full(len(seen), yaw), (720, 1080))


def reason(seen: Seen, yaw: float = 0.0) -> str:
    with pytest.raises(Unsuitable) as caught:
        said(seen, yaw)
    assert caught.value.tip.endswith(".")
    return caught.value.reason


def test_a_calm_head_is_welcome(points):
    assert said(watched(points)) == []


def test_a_head_that_is_elsewhere(points):
    assert "turned to the side" in reason(watched(points), 30.0)
    assert "turned a little" in said(watched(points), 15.0)[0]
    running = watched(points)
    running.points[..., 0] += 120 * np.sin(np.arange(500) / 4)[:, None]
    assert "moves too much" in reason(running)
    wandering = watched(points)
    wandering.points[..., 0] += np.linspace(-100, 100, 500)[:, None]
    assert "moves a lot" in said(wandering)[0]
    low = watched(points)
    low.points[..., 1] += 1080 - low.points[..., 1].max() - 10
    assert "neck" in reason(low)
    low.points[..., 1] += 60
    assert "cut off at the picture's edge" in reason(low)


def test_a_face_that_is_lost_or_not_alone(points):
    spread = np.full(500, 0.006, np.float32)
    spread[200:300] = 0.2
    assert "not seen in 20 %" in reason(watched(points, spread=spread))
    assert "several" in reason(watched(points, others=12))
    assert said(watched(points, others=1)) == []


def test_a_clip_of_two_scenes(points):
    seen = watched(points)
    seen.small[250:] += 70
    assert "cut" in reason(seen)
    seen = watched(points)
    seen.points[250:, :, 0] += 160
    seen.small[250:] += 30
    assert "cut" in reason(seen)
    seen = watched(points)  # cut within a scene
    seen.points[250:, :, 0] += 14
    seen.small[250:] += 9
    assert "cut" in reason(seen)


def test_a_still_picture_is_warned_of(points):
    seen = watched(points)
    seen.small[:] = seen.small[0]
    assert "Nothing moves" in said(seen)[0]


def test_light_and_sight_are_judged_by_most_of_the_pictures(points):
    bgr = cv2.resize(of_cast("marcus"), (720, 1080))
    masked = bgr.copy()
    left, right, low = points[234, 0], points[454, 0], points[152, 1]
    masked[int(points[1, 1]) : int(low), int(left) : int(right)] = (200, 180, 150)
    dark, blurred = (bgr * 0.1).astype(np.uint8), cv2.GaussianBlur(bgr, (0, 0), 9)
    for bad, word in ((dark, "dark"), (blurred, "blurred"), (masked, "mouth is hidden")):
        lights = judge.Lights()
        for picture in (bgr, bad):
            lights.look(picture, points)
        assert lights.warnings() is not None
        lights.look(bad, points)
        with pytest.raises(Unsuitable, match=word):
            lights.warnings()


# --- how a clip is read


def numbered(n: int) -> list[np.ndarray]:
    return [np.full((200, 320, 3), 20 + 12 * i, np.uint8) for i in range(n)]


def number(bgr: np.ndarray) -> int:
    return round((float(bgr.mean()) - 20) / 12)


def test_an_uneven_clip_gets_an_even_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "LEAST", 0.5)
    times = [0, 40, 80, 200, 240, 280, 320, 480, 520, 560, 600, 640]
    clip = clips.read(written(tmp_path / "x.mp4", numbered(12), times=times))
    got = [number(bgr) for _, bgr in clip.frames()]
    at = np.arange(len(got)) / clip.rate
    nearest = np.abs(np.array(times)[None] / 1000 - at[:, None]).argmin(1)
    assert np.abs(np.array(got) - nearest).max() <= 1
    assert np.mean(np.array(got) == nearest) > 0.8
    assert [n for n, _ in clip.frames(5, 9)] == [5, 6, 7, 8]
    assert [number(b) for _, b in clip.frames(5, 9)] == got[5:9]


@pytest.mark.parametrize(("rate", "kept"), [(25, 25), (30, 30), (50, 25), (60, 30), (20, 25), (40, 25)])
def test_rates(rate, kept):
    assert clips.even_rate(rate) == kept


def test_a_clip_is_shown_upright(tmp_path, monkeypatch):
    """A phone held upright writes pictures that lie, and a matrix: 90 degrees clockwise."""
    monkeypatch.setattr(clips, "LEAST", 0.5)
    picture = np.zeros((200, 320, 3), np.uint8)
    picture[:, :160] = 255  # the left half
    path = written(tmp_path / "x.mp4", [picture] * 25)
    data = bytearray(path.read_bytes())
    at = (
        data.index(b"tkhd") + 4 + 4 + 36
    )  # version and flags, then what precedes the matrix (ISO 14496-12, 8.3.2)
    data[at : at + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    path.write_bytes(data)
    clip = clips.read(path)
    assert (clip.width, clip.height) == (200, 320)
    _, bgr = next(iter(clip.frames()))
    assert bgr.shape == (320, 200, 3)
    assert bgr[:140].mean() > 240  # what was left is above
    assert bgr[180:].mean() < 15


def test_views_lie_within_the_footage(points):
    for width, height in ((720, 1280), (1280, 720), (1080, 1080)):
        for view in views(width, height, points * [width / 720, height / 1080, 1], 130.0):
            assert view["x"] - view["width"] / 2 >= -1e-6
            assert view["x"] + view["width"] / 2 <= width + 1e-6
            assert view["y"] - view["height"] / 2 >= -1e-6
            assert view["y"] + view["height"] / 2 <= height + 1e-6
