"""Manifests, kinds, and what is decoded once for all processes of a machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from bunraku.core.errors import DigitalHumanBroken, DigitalHumanVersion
from bunraku.core.framing import Framing
from bunraku.core.media import Pose
from bunraku.core.vocabulary import EMOTIONS, GESTURES, OWN_GESTURE, VISEMES
from bunraku.node import avatars
from bunraku.node.avatars import kinds, mapped
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.catalog import BUILT_IN, Catalog
from bunraku.node.avatars.mapped import ArrayFile, ArrayFolder
from bunraku.node.avatars.pack import pack as packs
from bunraku.node.avatars.pack.manifest import read
from bunraku.node.avatars.pack.mouth import SHAPES
from bunraku.node.avatars.pack.pack import ArtCache, Pack
from bunraku.node.lipsync.coarticulation import DOMINANCE
from bunraku.node.lipsync.visemes import one_hot
from bunraku.node.performance.life import MOODS, Life

SMALL = Framing(128, 160, (223, 229, 238))


def copied(folder, **changes):
    """Anna under another roof; ``changes`` go to her manifest."""
    shutil.copytree(BUILT_IN / "anna", folder)
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")
    return folder


def limbs():
    return json.loads((BUILT_IN / "anna" / "manifest.json").read_text("utf-8"))["limbs"]


@pytest.fixture
def forgetful(monkeypatch):
    """No art is held in memory from one pack to the next."""

    def forget():
        monkeypatch.setattr(packs, "ART", ArtCache(packs.CACHE_BYTES))

    forget()
    return forget


# --- one vocabulary


def test_all_rooms_know_the_same_words():
    assert tuple(MOODS) == EMOTIONS
    assert tuple(SHAPES) == VISEMES
    assert tuple(DOMINANCE) == VISEMES


@pytest.mark.parametrize("gesture", sorted(GESTURES))
def test_every_head_gesture_moves_the_face(gesture):
    still, moved = Life(5), Life(5)
    moved.gesture(gesture, 0.0)
    poses = [(still.pose(i / 25, 0, False), moved.pose(i / 25, 0, False)) for i in range(100)]
    apart = [abs(a.yaw - b.yaw) + abs(a.pitch - b.pitch) + abs(a.roll - b.roll) for a, b in poses]
    assert max(apart) > 1.5
    assert poses[int(GESTURES[gesture] * 25) - 2][1].gesture == gesture
    assert poses[int(GESTURES[gesture] * 25) + 2][1].gesture is None


# --- manifests


def test_an_own_gesture_takes_the_time_its_manifest_gives(tmp_path):
    own = limbs()
    own[0] |= {"gesture": "salute", "seconds": 1.2}
    own[1] |= {"gesture": "point"}
    figure = Pack(copied(tmp_path / "p", limbs=own)).stage(SMALL)
    assert figure.gestures["salute"] == 1.2
    assert figure.gestures["point"] == OWN_GESTURE
    life = Life(1, gestures=figure.gestures)
    life.gesture("salute", 0.0)
    assert life.pose(1.16, 0, False).gesture == "salute"
    assert life.pose(1.24, 0, False).gesture is None


def test_gestures_are_listed_head_first_and_both_arms_as_one():
    gestures = Catalog().list()[0].gestures
    names = "nod shake_head bow wave thumbs_up open_palms idle_action mute_action"
    assert list(gestures) == names.split()


def changed(index, **values):
    out = limbs()
    out[index] |= values
    return {"limbs": out}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"emotion": "furious"}, "emotion"),
        ({"emotion": 7}, "emotion"),
        (changed(0, gesture=""), "limbs.0.gesture"),
        (changed(0, gesture="../../up"), "limbs.0.gesture"),
        (changed(0, gesture="nod"), "limbs.0.gesture"),
        (changed(1, image="../anna/wave_left.webp"), "limbs.1.image"),
        (changed(0, seconds=0), "limbs.0.seconds"),
        (changed(0, seconds=1e9), "limbs.0.seconds"),
        (changed(0, drop=float("nan")), "limbs.0.drop"),
        (changed(3, image="open_palms_left.webp"), "limbs.3"),
        (changed(3, seconds=1.5), "limbs.3.seconds"),
        ({"bases": ["yaw", "tail"]}, "bases"),
        ({"bases": ["yaw", "yaw"]}, "bases"),
        ({"eyes": [{"gaze_x": 0.0}]}, "eyes.0.gaze_y"),
        ({"eyes": []}, "eyes"),
        ({"poses": []}, "poses"),
        ({"poses": [{"yaw": 0, "pitch": 0, "mouth_rect": [2, 2, 9, 9], "eyes_rect": [99, 99, 9, 9]}]}, "poses.0"),
        ({"portrait": {"x": 1, "y": 1, "width": 0, "height": 5}}, "portrait.width"),
        ({"art": {"width": 960, "height": 1280, "grid": 0}}, "art.grid"),
        ({"id": ""}, "id"),
    ],
)  # fmt: skip
def test_a_wrong_manifest_is_refused_with_the_name_of_the_field(tmp_path, changes, said):
    manifest = json.loads((BUILT_IN / "anna" / "manifest.json").read_text("utf-8")) | changes
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DigitalHumanBroken) as refused:
        read(tmp_path)
    assert f"manifest: {said}" in refused.value.message


@pytest.mark.parametrize("text", ["[]", "null", "{", "[" * 100_000, '"x"'])
def test_what_is_no_manifest_at_all_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DigitalHumanBroken):
        read(tmp_path)
    catalog = Catalog((tmp_path,))
    with pytest.raises(DigitalHumanBroken):
        catalog.get(tmp_path.name)


def test_fields_that_do_not_fit_are_refused(tmp_path):
    folder = copied(tmp_path / "p")
    np.savez(folder / "fields.npz", bases=np.zeros((5, 3, 4, 4, 2), np.float16))
    with pytest.raises(DigitalHumanBroken, match="fields"):
        Pack(folder).stage(SMALL)


# --- kinds


def test_a_new_kind_is_one_new_folder(tmp_path, monkeypatch):
    kind = tmp_path / "code" / "flipbook"
    kind.mkdir(parents=True)
    (kind / "__init__.py").touch()
    (kind / "opener.py").write_text(
        textwrap.dedent("""
        class Flipbook:
            id, name, version, emotion, gestures = "flip", "Flip", "1", "neutral", {}

        def open_pack(folder, cache):
            assert (folder / "manifest.json").is_file()
            return Flipbook()
        """)
    )
    monkeypatch.setattr(avatars, "__path__", [*avatars.__path__, str(tmp_path / "code")])
    kinds.kinds.cache_clear()
    pack = tmp_path / "flip"
    pack.mkdir()
    (pack / "manifest.json").write_text('{"kind": "flipbook", "id": "flip"}')
    try:
        catalog = Catalog((pack,))
        assert catalog.get("flip").name == "Flip"
        assert catalog.list()[0].name == "Anna"
    finally:
        sys.modules.pop("bunraku.node.avatars.flipbook.opener", None)
        sys.modules.pop("bunraku.node.avatars.flipbook", None)
        kinds.kinds.cache_clear()


@pytest.mark.parametrize(
    ("kind", "error"), [("hologram", DigitalHumanVersion), ("pack.data", DigitalHumanVersion), (3, DigitalHumanBroken)]
)  # fmt: skip
def test_an_unknown_kind_says_so(tmp_path, kind, error):
    (tmp_path / "manifest.json").write_text(json.dumps({"kind": kind, "id": "x"}))
    with pytest.raises(error, match=r"kind"):
        Catalog((tmp_path,)).get("x")


def test_the_kind_may_be_named(tmp_path):
    assert Catalog((copied(tmp_path / "p", kind="pack", id="named"),)).get("named").name == "Anna"


# --- decoded once for a machine


def drawn(pack, framing=SMALL):
    figure, out = pack.stage(framing), []
    for i in range(12):
        pose = Pose(yaw=i * 0.9 - 5, gesture="wave", gesture_phase=i / 12)
        figure.render(Moment(one_hot(VISEMES[i]), pose))
        out.append(figure.picture.buffer.copy())
    return np.stack(out)


@pytest.mark.parametrize("framing", [SMALL, Framing(128, 160, transparent=True)])
def test_pictures_are_the_same_from_memory_and_from_a_file(tmp_path, forgetful, framing):
    wanted = drawn(Pack(BUILT_IN / "marcus"), framing)
    for _ in range(2):  # written, then found
        forgetful()
        pack = Pack(BUILT_IN / "marcus", tmp_path)
        assert np.array_equal(drawn(pack, framing), wanted)
        plane = pack.decoded(framing.width, framing.height).plates[0].body.y
        assert not plane.flags.writeable
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_of_other_art_is_never_taken_for_this(tmp_path, forgetful):
    folder = copied(tmp_path / "p")
    before = Pack(folder, tmp_path / "cache")
    eyes = (folder / "eyes_2.webp").read_bytes()
    before.stage(SMALL)
    (folder / "eyes_2.webp").write_bytes(eyes[:-1] + bytes([eyes[-1] ^ 1]))  # of the very same size
    after = Pack(folder, tmp_path / "cache")
    assert after.version != before.version
    forgetful()
    after.stage(SMALL)
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("damage", [lambda b: b[:100], lambda b: b[:-3], lambda b: b"", lambda b: b[:-20] + b"x" * 20,
                                    lambda b: b.replace(b'"yaw"', b'"yak"')])  # fmt: skip
def test_a_damaged_file_is_made_anew(tmp_path, forgetful, damage):
    wanted = drawn(Pack(BUILT_IN / "anna", tmp_path))
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    forgetful()
    assert np.array_equal(drawn(Pack(BUILT_IN / "anna", tmp_path)), wanted)
    assert ArrayFile(path).index["plates"]


def test_without_a_disk_the_art_is_decoded_in_memory(tmp_path, forgetful, monkeypatch):
    wanted = drawn(Pack(BUILT_IN / "anna"))
    blocked = tmp_path / "a file, not a folder"
    blocked.touch()
    forgetful()
    assert np.array_equal(drawn(Pack(BUILT_IN / "anna", blocked)), wanted)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mapped.os, "fsync", full)
    forgetful()
    assert np.array_equal(drawn(Pack(BUILT_IN / "anna", tmp_path / "full")), wanted)
    assert list((tmp_path / "full").iterdir()) == []


def test_a_file_that_cannot_be_opened_now_is_not_thrown_away(tmp_path, forgetful, monkeypatch):
    wanted = drawn(Pack(BUILT_IN / "anna", tmp_path))
    (path,) = tmp_path.iterdir()
    inode = path.stat().st_ino

    def no_files_left(*_, **__):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as scarce:
        scarce.setattr(mapped.mmap, "mmap", no_files_left)
        forgetful()
        assert np.array_equal(drawn(Pack(BUILT_IN / "anna", tmp_path)), wanted)
    assert [p.stat().st_ino for p in tmp_path.iterdir()] == [inode]


def test_broken_art_leaves_nothing_in_the_folder(tmp_path, forgetful):
    folder = copied(tmp_path / "p")
    (folder / "mouth_3.webp").write_bytes(b"RIFF")
    with pytest.raises(DigitalHumanBroken, match="mouth_3"):
        Pack(folder, tmp_path / "cache").stage(SMALL)
    assert list((tmp_path / "cache").iterdir()) == []


def test_several_processes_at_once_share_one_file(tmp_path):
    """All map the same file in the end: the first that finishes wins, the others take its."""
    code = textwrap.dedent("""
        import sys, hashlib
        from pathlib import Path
        from bunraku.node.avatars.pack.pack import Pack
        pack = Pack(Path(sys.argv[1]), Path(sys.argv[2]))
        sys.stdin.readline()
        plates = pack.decoded(128, 160).plates
        digest = hashlib.sha256(b"".join(p.body.y.tobytes() + p.mouths[7].u.tobytes() for p in plates))
        maps = [l.split() for l in open("/proc/self/maps") if l.rstrip().endswith(".map")]
        print(digest.hexdigest(), *sorted({m[4] for m in maps}), flush=True)
        """)
    arguments = [sys.executable, "-c", code, str(BUILT_IN / "anna"), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    running = [
        subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
        for _ in range(3)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = {process.communicate(timeout=60)[0] for process in running}
    (answer,) = answers
    digest, inode = answer.split()
    (path,) = tmp_path.iterdir()
    assert path.stat().st_ino == int(inode)
    assert len(digest) == 64


def put(folder, name, size):
    return folder.make(name, lambda out: out.add(np.zeros(size, np.uint8)))


def test_the_longest_unused_go_first_and_what_is_mapped_stays_whole(tmp_path):
    folder = ArrayFolder(tmp_path, capacity=2_500_000)
    for age, name in ((30, "a"), (20, "b")):
        put(folder, name, 1_000_000)
        past = (tmp_path / f"{name}.map").stat().st_mtime - age
        os.utime(tmp_path / f"{name}.map", (past, past))
    held = folder.open("a")  # and is the newest by that
    put(folder, "c", 1_000_000)
    assert {p.name for p in tmp_path.iterdir()} == {"a.map", "c.map"}
    shutil.rmtree(tmp_path)
    assert held.array(held.index).sum() == 0


def test_what_nobody_used_for_a_month_goes_and_half_made_files_too(tmp_path):
    folder = ArrayFolder(tmp_path)
    put(folder, "old", 10)
    for name, age in (("old.map", mapped.UNUSED_S + 9), ("x.partial", mapped.HALF_MADE_S + 9)):
        (tmp_path / name).touch()
        past = (tmp_path / name).stat().st_mtime - age
        os.utime(tmp_path / name, (past, past))
    (tmp_path / "y.partial").touch()
    put(folder, "new", 10)
    assert {p.name for p in tmp_path.iterdir()} == {"new.map", "y.partial"}


def test_a_file_system_without_links_still_keeps_files(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(mapped.os, "link", no_links)
    made = put(ArrayFolder(tmp_path), "a", 5)
    assert made.array(made.index).shape == (5,)
    assert [p.name for p in tmp_path.iterdir()] == ["a.map"]


def test_arrays_come_back_as_they_were_and_lie_on_boundaries(tmp_path):
    given = [
        np.arange(7, dtype=np.float32).reshape(7, 1),
        np.zeros((0, 3), np.uint8),
        np.ones((2, 3), ">i2").T,
    ]
    made = ArrayFolder(tmp_path).make("x", lambda out: [out.add(a) for a in given])
    for place, array in zip(made.index, given, strict=True):
        back = made.array(place)
        assert back.dtype == array.dtype
        assert np.array_equal(back, array)
        assert place[0] % mapped.ALIGN == 0
    with pytest.raises(ValueError, match="buffer"):
        made.array([10**9, "|u1", [4]])
    assert Path(tmp_path / "x.map").stat().st_mode & 0o777 == 0o600
