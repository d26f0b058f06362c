"""What a file is that a digital human is to be made of."""

from __future__ import annotations

import io
import tarfile
import zipfile

import av
import cv2
import numpy as np
import pytest

from bunraku.core.own_human import SourceKind, kind_of_name
from bunraku.core.settings_people import PeopleSettings
from bunraku.node.people.kinds import kind_of

GREY = np.full((64, 64, 3), 128, np.uint8)


def picture(ending):
    return cv2.imencode(ending, GREY)[1].tobytes()


def film(container, codec):
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        file.mux([*stream.encode(av.VideoFrame.from_ndarray(GREY, "bgr24")), *stream.encode(None)])
    return out.getvalue()


def archived(how):
    out = io.BytesIO()
    if how == "zip":
        with zipfile.ZipFile(out, "w") as file:
            file.writestr("manifest.json", "{}")
    else:
        with tarfile.open(fileobj=out, mode=how) as file:
            file.addfile(tarfile.TarInfo("manifest.json"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        *((picture(e), "photo") for e in (".jpg", ".png", ".webp", ".bmp")),
        (b"\0\0\0\x18ftypheic" + bytes(20), "photo"),
        *((film(c, "mpeg4"), "video") for c in ("mp4", "mov", "matroska", "avi", "vob")),
        (film("webm", "libvpx"), "video"),
        *((archived(how), "pack") for how in ("zip", "w", "w:gz", "w:bz2", "w:xz")),
    ],
)
def test_a_file_is_known_by_its_content_whatever_its_name(tmp_path, content, kind):
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    assert kind_of(path) == kind


def test_what_says_nothing_is_known_by_its_name(tmp_path):
    for name, kind in (
        ("clip.MTS", "video"),
        ("lucy.tar.gz", "pack"),
        ("face.jpeg", "photo"),
        ("x", "photo"),
    ):
        (tmp_path / name).write_bytes(b"G" + bytes(8))
        assert kind_of(tmp_path / name) == kind
    assert kind_of_name("https://e.example/a/clip.mp4?token=1.zip") is SourceKind.VIDEO


def test_a_video_has_limits_of_its_own():
    settings = PeopleSettings(source_bytes=10, video_bytes=5, video_seconds=7.0)
    assert settings.of(SourceKind.VIDEO)[:2] == (5, 7.0)
    assert settings.of(SourceKind.PHOTO)[:2] == (10, 900.0)
    assert settings.of(SourceKind.PACK) == settings.of(SourceKind.PHOTO)
    assert settings.most_file == 10
