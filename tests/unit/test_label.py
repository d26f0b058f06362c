"""The visible label: in every picture, of every kind, and nowhere but in its corner."""

from __future__ import annotations

import math

import av
import cv2
import httpx
import numpy as np
import pytest

from bunraku.core.framing import Framing
from bunraku.core.media import SAMPLE_RATE, Picture, Pose, SpeechChunk
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.label import badge
from bunraku.node.avatars.preview import SILENT, THUMBNAIL
from bunraku.node.film import film
from bunraku.testing.server import APP_ID, RunningServer
from bunraku.testing.voices import tone

from ..support.waiting import wait_for

TEXT = "AI-generated"


def moments():
    for i in range(60):
        pose = Pose(yaw=9 * math.sin(i / 7), breath=math.sin(i / 9), gesture="wave", gesture_phase=i / 60)
        yield Moment(SILENT, pose, i * 40_000)


@pytest.mark.parametrize("transparent", [False, True])
def test_every_picture_bears_it_and_is_otherwise_the_same(transparent):
    """While the figure turns, dissolves from pose to pose and waves across the corner."""
    framing = Framing(192, 256, (0, 0, 0) if transparent else (226, 232, 240), transparent)
    plain = Catalog().list()[0].stage(framing)
    labelled = Catalog(label=TEXT).list()[0].stage(framing)
    r = badge(TEXT, 192, 256).rect
    drawn = Picture(192, 256)
    badge(TEXT, 192, 256).lay(drawn)
    rows, columns = slice(r.y, r.y + r.height), slice(r.x, r.x + r.width)
    alpha = slice(192 + r.x, 192 + r.x + r.width)
    for moment in moments():
        assert plain.render(moment) == labelled.render(moment)
        ours, theirs = labelled.picture, plain.picture.y.copy()
        assert np.array_equal(ours.y[rows, columns], drawn.y[rows, columns])
        theirs[rows, columns] = drawn.y[rows, columns]
        if transparent:
            assert (ours.y[rows, alpha] == 235).all()
            theirs[rows, alpha] = 235
        assert np.array_equal(ours.y, theirs)


@pytest.mark.parametrize("size", [(64, 64), (96, 96), (512, 512), (720, 1280), (1280, 720)])
@pytest.mark.parametrize("text", ["AI", TEXT, "A label of forty letters, which is most"])
def test_it_is_in_the_picture_and_as_large_as_it_can_be(size, text):
    """WCAG's contrast for text is 4.5 to 1; letters of a twenty-fourth of the shorter side."""
    b = badge(text, *size)
    r = b.rect
    assert (r.x % 2, r.y % 2, r.width % 2, r.height % 2) == (0, 0, 0, 0)
    assert r.x + r.width <= size[0]
    assert r.y + r.height <= size[1]
    grey = cv2.cvtColor(b.bgr, cv2.COLOR_BGR2GRAY).astype(float) / 255
    light, dark = np.percentile(grey, 99.5), np.median(grey)
    linear = [((v + 0.055) / 1.055) ** 2.4 for v in (light, dark)]
    assert (linear[0] + 0.05) / (linear[1] + 0.05) > 10
    lines = np.nonzero((grey > 0.6).any(axis=1))[0]
    if text != "AI" and min(size) >= 512 and len(text) < 20:
        assert lines[-1] - lines[0] >= 0.03 * min(size)
    assert not np.array_equal(b.bgr, badge(text[::-1], *size).bgr)


async def test_films_bear_it(tmp_path):
    out = tmp_path / "film.mp4"
    said = [SpeechChunk(tone(300, 0.2))]
    assert said[0].samples.size == SAMPLE_RATE // 5
    await film(Catalog(label=TEXT).list()[0], Framing(256, 256, (226, 232, 240)), said, out)
    b = badge(TEXT, 256, 256)
    r, seen = b.rect, 0
    with av.open(str(out)) as container:
        for frame in container.decode(video=0):
            corner = frame.to_ndarray(format="bgr24")[r.y : r.y + r.height, r.x : r.x + r.width]
            assert np.abs(corner.astype(int) - b.bgr).mean() < 8
            seen += 1
    assert seen > 20


def test_streams_thumbnails_and_portraits_bear_it(human_id):
    def mean_difference(image, b):
        r = b.rect
        corner = image[r.y : r.y + r.height, r.x : r.x + r.width].astype(int)
        return np.abs(corner - b.bgr).mean()

    with RunningServer(providers=[], provenance={"label": TEXT}) as server, server.client() as api:
        task = api.create(human_id, room_id="r", stream_id="s", size=(256, 256))
        wait_for(lambda: api.status(task)["Status"] == 3)
        shown = server.call(lambda: server.parts.manager.get(APP_ID, task).picture().buffer.copy())
        assert mean_difference(cv2.cvtColor(shown, cv2.COLOR_YUV2BGR_I420), badge(TEXT, 256, 256)) < 4

        def fetched(path):
            return cv2.imdecode(np.frombuffer(httpx.get(server.base_url + path).content, np.uint8), 1)

        small = fetched(f"/console/snapshot/{APP_ID}/{task}")
        assert mean_difference(small, badge(TEXT, THUMBNAIL, THUMBNAIL)) < 12
        portrait = cv2.resize(fetched(f"/assets/{human_id}/avatar.jpg"), (512, 512))
        assert mean_difference(portrait, badge(TEXT, 512, 512)) < 40  # scaled twice; 190 without
        assert mean_difference(fetched(f"/assets/{human_id}/avatar.png"), badge(TEXT, 512, 512)) < 4
