"""``python scripts/people_truth.py --models FOLDER [--human Marcus] [--out FOLDER]``: a digital human made of a clip, against
the truth.

The clip is filmed of one of the cast, so that for every picture of the digital human made of it the true
one can be drawn: the same pose of the head (that of the clip's picture on which the loop's is taken), with
the mouth of sentences that the clip did not hold. Printed, over the pictures in which something is said:

- ``class``: share of pictures whose mouth is of the same class as the true one. A picture's class is that
  of the most alike of fifteen pictures of the cast member in that pose, one for each viseme, compared
  where the patch of closed lips lies; classes put together what looks the same (``CLASSES``). ``viseme``
  is the share without putting together. Which was taken for which is printed to stderr, true visemes down.
- ``ssim``: structural similarity (Wang et al. 2004, luma, Gaussian of 1.5 px) of the face, chin and
  all, and of the mouth alone; ``ssim_silent``: of the face where nothing is said, which camera noise and
  compression alone take away.

The nets that find a face must be there (``bunraku people nets``); takes some minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np

from bunraku.core.clock import SystemClock
from bunraku.core.framing import Framing
from bunraku.core.media import PCM, SAMPLE_RATE, TICK_SAMPLES, TICK_US, Pose, SpeechChunk, Weights
from bunraku.core.settings import Settings
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.base import NO_SOUND, Moment
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.loop.pack import LoopPack
from bunraku.node.avatars.loop.view import crop_of
from bunraku.node.avatars.pack.pack import Pack
from bunraku.node.avatars.pack.plates import Art
from bunraku.node.compose import installed_providers
from bunraku.node.lipsync.lips import LipSync
from bunraku.node.lipsync.visemes import one_hot, rest
from bunraku.node.people.video.maker import make
from bunraku.node.performance.foresight import loudness
from bunraku.node.performance.life import Life
from bunraku.node.speech.voices import Voices
from bunraku.render import speak

SIZE, HALF = (720, 1280), (360, 640)
BACK = (223, 229, 238)
QUIET, PAUSE = 8.0, 0.3  # s, before the clip's sentences and between them
SAID = (
    "Good morning, and welcome to the theatre. Please take your seats, and mind the step.",
    "Every evening at five we open the big doors, and the whole house fills with people and voices.",
    "You can choose whatever you like from the menu, from fish and chips to a bowl of very hot soup.",
    "Five brave boys found a huge brown fox by the frozen river, and they thought it was their mother's.",
    "She sells sea shells, he measures the pressure, and I usually join them for a cup of tea.",
    "Ah, there you are. Oh, what a view! We all know how easily she moves through the room.",
)
HELD_OUT = (
    "Thank you for calling. My name is Paul, and I will help you with your booking today.",
    "The weather over the valley will stay warm, with some showers in the evening.",
    "Could you show me how to change the password of my phone?",
    "Our next train to the coast leaves from platform four, a few minutes before noon.",
    "If the light turns blue, press both buttons together and wait until it fades.",
    "They asked for brown bread, a glass of apple juice, and three very ripe figs.",
    "Nobody knew why the old bridge was closed, but everyone walked around the park.",
    "Just push the chair against the wall, measure the shelf, and tell us what you think.",
    "Her voice was warm and low, and you could hear it through half of the house.",
)
CLASSES = ("sil PP", "FF", "TH DD kk nn", "SS", "CH RR", "ou", "oh", "aa", "E ih")


class Talk(NamedTuple):
    """Sound, and by ticks the mouth and the pose of a head that says it."""

    sound: PCM
    weights: list[Weights]
    poses: list[Pose]
    spoken: list[bool]


async def spoken_by(voice: str, texts: tuple[str, ...]) -> list[list[SpeechChunk]]:
    voices = Voices(installed_providers(Settings(), SystemClock()), {}, timeout=60)
    await voices.start()
    try:
        return [(await speak(voices, text, voice, {})).chunks for text in texts]
    finally:
        await voices.close()


def recite(speech: list[list[SpeechChunk]], quiet: float) -> Talk:
    """Sentence by sentence, after ``quiet`` seconds."""
    sound, weights, spoken = [], [], []

    def silence(seconds: float) -> None:
        ticks = round(seconds * 25)
        sound.append(np.zeros(ticks * TICK_SAMPLES, np.int16))
        weights.extend([rest()] * ticks)
        spoken.extend([False] * ticks)

    silence(quiet)
    for chunks in speech:
        lips = LipSync()
        samples = np.concatenate([chunk.samples for chunk in chunks])
        for chunk in chunks:
            lips.hear(chunk.phonemes)
        samples = np.pad(samples, (0, -samples.size % TICK_SAMPLES))
        for at in range(0, samples.size, TICK_SAMPLES):
            here = samples[at : at + TICK_SAMPLES]
            weights.append(lips.weights(at / SAMPLE_RATE, here, lambda: NO_SOUND))
            spoken.append(True)
        sound.append(samples)
        silence(PAUSE)
    life, whole = Life(seed=1), np.concatenate(sound)
    poses = []
    for tick, speaking in enumerate(spoken):
        level = loudness(whole[tick * TICK_SAMPLES : (tick + 1) * TICK_SAMPLES]) if speaking else 0.0
        poses.append(life.pose(tick * TICK_US / 1e6, level, speaking))
    return Talk(whole, weights, poses, spoken)


def film_clip(pack: Pack, talk: Talk, path: Path) -> None:
    figure = pack.stage(Framing(*SIZE, BACK))
    noise = np.random.default_rng(7).normal(0, 1.0, (4, SIZE[1] * 3 // 2, SIZE[0]))
    with av.open(str(path), "w") as file:
        video: Any = file.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.options = {"crf": "18", "preset": "veryfast"}
        audio: Any = file.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for i, (weights, pose) in enumerate(zip(talk.weights, talk.poses, strict=True)):
            figure.render(Moment(weights, pose, i * TICK_US))
            seen = np.clip(np.rint(figure.picture.buffer + noise[i % 4]), 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(seen, "yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(talk.sound.reshape(1, -1), "s16", "mono")
        sound.sample_rate, sound.pts = SAMPLE_RATE, 0
        file.mux([*audio.encode(sound), *audio.encode(None)])


def origins(clip: Path, loop: Path) -> list[int]:
    """Which of the clip's pictures each of the loop's is. They follow on each other, so they are the stretch
    that is most alike as a whole: a single one is like its neighbours, but not where an eye blinks."""

    def small(path: Path) -> np.ndarray:
        with av.open(str(path)) as file:
            frames = (f.to_ndarray(format="gray") for f in file.decode(video=0))
            return np.stack([cv2.resize(f, (90, 160), interpolation=cv2.INTER_AREA).ravel() for f in frames])

    theirs, own = small(clip).astype(np.float32), small(loop).astype(np.float32)
    apart = [float(((theirs[i : i + len(own)] - own) ** 2).mean()) for i in range(len(theirs) - len(own) + 1)]
    return [int(np.argmin(apart)) + i for i in range(len(own))]


def boxes(pack: Pack, size: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Of face and mouth, rows and columns of a picture; in the pose that looks straight ahead."""
    scale, left, top = Art(pack.manifest, pack.folder).view(*size)
    pose = min(pack.manifest.poses, key=lambda p: abs(p.yaw) + abs(p.pitch))

    def box(x: float, y: float, w: float, h: float) -> tuple[slice, slice]:
        x0, y0 = (x - left) * scale, (y - top) * scale
        rows = slice(max(0, round(y0)), min(size[1], round(y0 + h * scale)))
        return rows, slice(max(0, round(x0)), min(size[0], round(x0 + w * scale)))

    ex, ey, ew, _ = pose.eyes_rect
    mx, my, mw, mh = pose.mouth_rect
    x0, x1 = min(ex, mx), max(ex + ew, mx + mw)
    return box(x0, ey, x1 - x0, my + mh - ey), box(*pose.mouth_rect)


def lips(human: LoopPack, frame: int, part: tuple[slice, slice]) -> np.ndarray:
    """Where the patch of closed lips covers a frame, within a part of a picture of size ``HALF``."""
    crop, patches = crop_of(human.manifest, *HALF), human.patches(1.0)
    place = crop.to_picture(human.frames.place[frame])
    half = place.copy()  # alpha is held at half the patch's size: its px lie at 2 p + 0.5
    half[:, 2] += place[:, :2].sum(1) * 0.5
    half[:, :2] *= 2
    closed = int(human.mouths.fall.argmin()) if len(patches.alpha) > 1 else 0
    return cv2.warpAffine(patches.alpha[closed], half, HALF)[part] > 128


def table(mix: list[tuple[str, str]]) -> str:
    seen = [v for v in VISEMES if any(v in pair for pair in mix)]
    rows = ["true " + "".join(f"{v:>5}" for v in seen)]
    rows += [f"{t:>5}" + "".join(f"{mix.count((t, g)) or '.':>5}" for g in seen) for t in seen]
    return "\n".join(rows) + "\n"


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """By pixel, of two luma planes (limited range)."""

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(x, (11, 11), 1.5)

    x, y = a.astype(np.float64), b.astype(np.float64)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    return (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))


def judge(pack: Pack, made: Path, clip: Path, filmed: Talk, said: Talk, out: Path) -> dict[str, Any]:
    human = LoopPack(made)
    figure, truth = human.stage(Framing(*SIZE, BACK)), pack.stage(Framing(*SIZE, BACK))
    models = {v: pack.stage(Framing(*HALF, BACK)) for v in VISEMES}
    of = origins(clip, made / "loop.mp4")
    face, mouth = boxes(pack, SIZE)
    _, small_mouth = boxes(pack, HALF)
    group = {v: i for i, names in enumerate(CLASSES) for v in names.split()}
    same, alike, likeness, near, silent, mix, told = [], [], [], [], [], [], []
    with av.open(str(out / "side-by-side.mp4"), "w") as file:
        video: Any = file.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 2 * SIZE[0], SIZE[1], "yuv420p"
        video.options = {"crf": "18", "preset": "veryfast"}
        audio: Any = file.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for tick in range(len(said.weights)):
            pose = filmed.poses[of[human.manifest.frame_at(tick)]]
            figure.render(Moment(said.weights[tick], Pose(), tick * TICK_US))
            shown = tick - figure.latency
            weights = said.weights[shown] if shown >= 0 else rest()
            truth.render(Moment(weights, pose, tick * TICK_US))
            for viseme, model in models.items():
                model.render(Moment(one_hot(viseme), pose, tick * TICK_US))
            a, b = figure.picture, truth.picture
            both = np.hstack([cv2.cvtColor(p.buffer, cv2.COLOR_YUV2BGR_I420) for p in (a, b)])
            frame = av.VideoFrame.from_ndarray(both, "bgr24")
            frame.pts, frame.time_base = tick, Fraction(1, 25)
            file.mux(video.encode(frame))
            if tick and shown < 5:
                silent.append(float(ssim(a.y[face], b.y[face]).mean()))
            if shown < 5 or float(weights[0]) > 0.9:
                continue
            classes: list[str] = []
            covered = lips(human, human.manifest.frame_at(tick), small_mouth)
            for picture in (a, b):
                y = cv2.resize(picture.y, HALF, interpolation=cv2.INTER_AREA)[small_mouth].astype(np.float32)
                far = [float(((y - m.picture.y[small_mouth]) ** 2)[covered].mean()) for m in models.values()]
                classes.append(VISEMES[int(np.argmin(far))])
            same.append(classes[0] == classes[1])
            alike.append(group[classes[0]] == group[classes[1]])
            likeness.append(float(ssim(a.y[face], b.y[face]).mean()))
            near.append(float(ssim(a.y[mouth], b.y[mouth]).mean()))
            mix.append((classes[1], classes[0]))
            told.append(tick)
        file.mux(video.encode(None))
        late = np.zeros(figure.latency * TICK_SAMPLES, np.int16)
        heard = np.concatenate([late, said.sound])[: said.sound.size]
        sound = av.AudioFrame.from_ndarray(heard.reshape(1, -1), "s16", "mono")
        sound.sample_rate, sound.pts = SAMPLE_RATE, 0
        file.mux([*audio.encode(sound), *audio.encode(None)])
    wrong: dict[str, int] = {}
    for true, got in mix:
        if group[true] != group[got]:
            wrong[f"{true}>{got}"] = wrong.get(f"{true}>{got}", 0) + 1
    sys.stderr.write(table(mix))
    worst = [told[i] for i in np.argsort(likeness)[:8]]
    return {
        "pictures": len(same),
        "class": round(float(np.mean(alike)), 3),
        "viseme": round(float(np.mean(same)), 3),
        "ssim_face": round(float(np.mean(likeness)), 4),
        "ssim_face_worst": round(float(np.min(likeness)), 4),
        "ssim_silent": round(float(np.mean(silent)), 4),
        "ssim_mouth": round(float(np.mean(near)), 4),
        "worst_ticks": worst,
        "taken_for": dict(sorted(wrong.items(), key=lambda kv: -kv[1])[:10]),
    }


def main() -> None:
    options = argparse.ArgumentParser(description="A digital human made of a clip, against the truth.")
    options.add_argument("--human", default="Marcus")
    options.add_argument("--voice", default="en-us-evan")
    options.add_argument("--models", type=Path, required=True, help="folder of the nets that find a face")
    options.add_argument("--out", type=Path, help="keep clip, pack and film side by side here")
    asked = options.parse_args()
    out = asked.out or Path(tempfile.mkdtemp())
    out.mkdir(parents=True, exist_ok=True)
    pack = next(p for p in Catalog().list() if p.name == asked.human)
    assert isinstance(pack, Pack)
    speech = asyncio.run(spoken_by(asked.voice, SAID + HELD_OUT))
    filmed, said = recite(speech[: len(SAID)], QUIET), recite(speech[len(SAID) :], 0.4)
    clip, made = out / "clip.mp4", out / "pack"
    if not clip.exists():
        film_clip(pack, filmed, clip)
    if not (made / "manifest.json").exists():
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        begin = time.process_time()
        warnings = make(clip, made, name=asked.human, models=asked.models, progress=lambda *_: None)
        sys.stderr.write(f"made in {time.process_time() - begin:.0f} s of CPU: {warnings}\n")
    found = judge(pack, made, clip, filmed, said, out)
    sys.stdout.write(json.dumps({"human": asked.human, "seconds": len(filmed.weights) / 25} | found) + "\n")
    if asked.out is None:
        shutil.rmtree(out)


if __name__ == "__main__":
    main()
