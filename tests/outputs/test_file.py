"""Recordings: whole files, what is left after kill -9, segments, captions, and forgetting."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import av
import numpy as np
import pytest

from bunraku.core.media import FRAME_RATE, SAMPLE_RATE, TICK_SAMPLES, TICK_US, Picture, Word
from bunraku.core.output import ErasedFiles, OutputStatus, Protocol
from bunraku.core.settings import OutputSettings
from bunraku.node.encode.aac import AacEncoder
from bunraku.node.encode.h264 import H264Encoder
from bunraku.node.outputs import storage as storage_module
from bunraku.node.outputs.file.writer import FileWriter
from bunraku.node.outputs.storage import Place, Storage

from ..support.flashing import marks, worst_offset


async def test_segments_lose_nothing_at_their_seams(desk):
    output = desk.add(Protocol.FILE, name="take", segment_seconds=3)
    await desk.status(output, OutputStatus.ACTIVE)
    await desk.until(lambda: desk.flashing.tick >= 250, speed=4)
    await desk.close()
    record = desk.record(output)
    assert record.status is OutputStatus.COMPLETE
    files = [f for f in record.files if f.name.endswith(".mp4")]
    assert len(files) >= 3
    assert all(3.0 <= f.seconds < 4.1 for f in files[:-1])
    assert abs(sum(f.seconds for f in files) - desk.flashing.tick * 0.04) < 0.1
    for file in files:
        path = desk.folder(output) / file.name
        assert path.stat().st_size == file.bytes
        with av.open(str(path)) as container:
            sound = sum(f.samples for f in container.decode(audio=0)) / 48000
        assert abs(sound - file.seconds) < 0.12  # frames are 21 ms, and the encoder looks ahead
        assert worst_offset(marks(str(path))) <= 0.02


@pytest.mark.parametrize("first", [0, 50], ids=["from the first picture", "in the midst"])
@pytest.mark.parametrize("hushed", [0, 5], ids=["with sound", "before its sound"])
def test_what_is_heard_and_seen_keeps_its_time(tmp_path, first, hushed):
    """The encoder's priming is neither heard nor moves the pictures, in a closed file and one that is cut."""
    path, cut = tmp_path / "film.mp4", tmp_path / "cut.mp4"
    onset = (first + 20) * TICK_SAMPLES + 100
    sound = np.zeros((first + 120) * TICK_SAMPLES, np.int16)
    sound[onset:] = np.sin(np.arange(sound.size - onset) * 2 * np.pi * 1000 / SAMPLE_RATE + 1) * 20000
    writer, video, aac = FileWriter(lambda: path, lambda *_: None), H264Encoder(64, 64, 100_000), AacEncoder()
    for tick in range(first + 120):
        time_us = tick * TICK_US
        if tick >= first and (unit := video.encode(Picture(64, 64), time_us, (tick - first) % 25 == 0)):
            writer.write(unit)
        if tick >= hushed:
            for unit in aac.encode(sound[tick * TICK_SAMPLES : (tick + 1) * TICK_SAMPLES], time_us):
                writer.write(unit)
    shutil.copy(path, cut)
    writer.close()
    for file in (path, cut):
        with av.open(str(file)) as container:
            seen = [f.time for f in container.decode(video=0)]
        assert seen == pytest.approx(np.arange(len(seen)) / FRAME_RATE)
        with av.open(str(file)) as container:
            frames = list(container.decode(audio=0))
        heard = np.concatenate([f.to_ndarray().reshape(-1) for f in frames])
        begin = frames[0].time + float(np.nonzero(np.abs(heard) > 0.1)[0][0]) / SAMPLE_RATE
        assert begin == pytest.approx(onset / SAMPLE_RATE - first / FRAME_RATE, abs=0.002)


async def test_captions_lie_beside_the_film_and_what_was_interrupted_is_not_in_them(desk):
    output = desk.add(Protocol.FILE)
    await desk.until(lambda: desk.flashing.tick >= 25)
    (feed,) = desk.outputs.feeds
    begin = desk.flashing.tick * 40_000
    feed.spoken(begin, (Word(0.0, 0.4, "Good"), Word(0.4, 0.9, "morning"), Word(1.5, 1.9, "never")))
    feed.hushed(begin + 1_000_000)
    await desk.until(lambda: desk.flashing.tick >= begin / 40_000 + 75, speed=4)
    await desk.close()
    (captions,) = desk.folder(output).glob("*.vtt")
    head, _, times, text, _ = captions.read_text().split("\n")
    assert (head, text) == ("WEBVTT", "Good morning")
    first, last = (float(t.rpartition(":")[2]) for t in times.split(" --> "))
    assert first == pytest.approx(begin / 1e6, abs=0.1)  # the file begins with the first keyframe it got
    assert last - first == pytest.approx(0.9)


@pytest.mark.parametrize("ticks", [30, 220])
async def test_an_interrupted_file_can_be_played_up_to_its_last_fragment(tmp_path, ticks):
    """The writer in a process that is killed while it writes."""
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from tests.support.flashing import Flashing, stream
        from bunraku.core.media import Codec
        from bunraku.node.encode.aac import AacEncoder
        from bunraku.node.outputs.file.writer import FileWriter
        from bunraku.node.outputs.base import Feed, Wants
        from bunraku.node.streams.hearing import OpusHearing

        to = stream()
        writer = FileWriter(lambda: Path(sys.argv[1]), lambda *_: None)
        aac, hearing = AacEncoder(), OpusHearing()

        class Direct(Feed):
            def push(self, unit):
                self._ask_in_time(unit) if unit.codec is Codec.H264 else None
                if unit.codec is Codec.OPUS:
                    for frame in aac.encode(hearing.decode(unit.data), unit.time_us):
                        writer.write(frame)
                else:
                    writer.write(unit)

        to.add_watcher(Direct(to, Wants(Codec.AAC)))
        flashing = Flashing(to)
        for _ in range(int(sys.argv[2])):
            flashing.step()
        print("written", flush=True)
        time.sleep(60)
        """
    )
    path = tmp_path / "film.mp4"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path), str(ticks)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        assert line.strip() == b"written"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with av.open(str(path)) as container:
        pictures = sum(1 for _ in container.decode(video=0))
    assert pictures >= ticks - 16  # a fragment of half a second, and what waits for its sound
    if ticks > 50:
        assert worst_offset(marks(str(path))) <= 0.02


async def test_the_oldest_files_are_forgotten_first(tmp_path):
    storage = Storage(OutputSettings(keep_bytes=250, keep_seconds=5000), tmp_path)
    now = time.time()
    ages = {"1/t/a/new.mp4": 10, "1/t/a/b.mp4": 1000, "1/t/a/c.mp4": 2000, "1/u/z/d.mp4": 9000}
    for key, age in ages.items():
        path = storage.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (now - age, now - age))
    assert storage.sweep(now) == 2  # one too old, then one too much
    assert sorted(p.name for p in storage.root.rglob("*.mp4")) == ["b.mp4", "new.mp4"]
    assert not (storage.root / "1/u").exists()


async def test_no_name_leads_out_of_the_folder(tmp_path):
    from bunraku.node.outputs.storage import Place

    storage = Storage(OutputSettings(), tmp_path)
    (tmp_path / "secret").write_text("x")
    (storage.root / "1/t/a").mkdir(parents=True)
    assert storage.read_local(Place(1, "t", "a"), "../../../../secret", 0, 10) is None
    assert storage.read_local(Place(1, "../..", ".."), "secret", 0, 10) is None


def test_erasing_an_app_s_folder_follows_no_link_and_says_what_stays(tmp_path, monkeypatch):
    storage = Storage(OutputSettings(), tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    for app_id in (1, 11):
        folder = storage.folder(Place(app_id, "task", "take"))
        folder.mkdir(parents=True)
        for name in ("a.mp4", "a.vtt", ".b.vtt.partial"):
            (folder / name).write_text("")
        (folder / "link").symlink_to(outside)
    with monkeypatch.context() as patched:
        patched.setattr(storage_module, "ERASING", -1.0)
        assert storage.erase_local(1) == ErasedFiles(0, "it takes long")
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refuse)
        assert storage.erase_local(1) == ErasedFiles(0, "a folder of this server: Directory not empty")
    assert storage.erase_local(1) == ErasedFiles(4)
    assert not (storage.root / "1").exists()
    assert len(list((storage.root / "11").rglob("*.*"))) == 3
    assert (outside / "kept").exists()
    assert storage.erase_local(1) == ErasedFiles(0)


def refuse(path: str) -> None:
    raise OSError(errno.EIO, "Input/output error", path)
