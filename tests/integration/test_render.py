"""``bunraku render``: a real film, looked at and listened to."""

from __future__ import annotations

import re

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bunraku.cli import main
from bunraku.core.framing import Framing
from bunraku.core.media import SAMPLE_RATE, SpeechChunk, Word
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.captions import CUE_CHARACTERS, cues, webvtt
from bunraku.node.film import FilmFailed, film
from bunraku.node.speech.voices import Voices
from bunraku.render import speak
from bunraku.testing.voices import ToneVoices, tone

pytestmark = pytest.mark.voices


def run(*arguments):
    return CliRunner().invoke(main, ["render", *map(str, arguments)])


def opened(path):
    with av.open(str(path)) as container:
        pictures = [f.to_ndarray(format="gray") for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = np.concatenate([f.to_ndarray().reshape(-1) for f in container.decode(audio=0)])
    return np.stack(pictures), sound


def test_a_sentence_becomes_a_film_in_which_the_mouth_moves_while_it_sounds(tmp_path):
    out = tmp_path / "film.mp4"
    text = "Good morning! Brave people may bring a book."
    result = run("--text", text, "--voice", "en-us-evan", "--size", "256x256", "--captions", "-o", out)
    assert result.exit_code == 0, result.output
    pictures, sound = opened(out)
    assert pictures.shape[1:] == (256, 256)
    assert abs(len(pictures) / 25 - sound.size / 48000) < 0.15
    mouth = pictures[:, 150:210, 90:170].astype(float)
    moved = np.abs(np.diff(mouth, axis=0)).mean((1, 2))
    size = 48000 // 25
    level = np.sqrt([np.mean(sound[i * size : (i + 1) * size].astype(float) ** 2) for i in range(len(moved))])
    loud = level > level.max() * 0.1
    assert loud.any()
    assert not loud[:8].any()
    assert moved[1:][loud[1:]].mean() > 3 * moved[1:8].mean()
    vtt = (tmp_path / "film.vtt").read_text()
    assert vtt.startswith("WEBVTT\n\n00:00:00.")
    assert "Brave" in vtt
    assert "book" in vtt
    assert not list(tmp_path.glob(".*"))


def test_sound_alone_is_an_opus_file_of_what_is_said(tmp_path):
    text, out = "Maybe five of them bought a map.", tmp_path / "said.opus"
    result = run("--text", text, "--voice", "en-us-evan", "-o", out)
    assert result.exit_code == 0, result.output
    with av.open(str(out)) as file:
        assert (file.format.name, [s.codec_context.name for s in file.streams]) == ("ogg", ["opus"])
        sound = np.concatenate([f.to_ndarray().mean(0) for f in file.decode(audio=0)])
    told = re.search(r"([0-9.]+) s in", result.output)
    assert told
    assert abs(sound.size / SAMPLE_RATE - float(told[1])) < 0.1
    assert sound.size > SAMPLE_RATE
    assert np.abs(sound).max() > 0.05
    assert [p.name for p in tmp_path.iterdir()] == ["said.opus"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--audio", __file__), "--text"),
        (("--text", "x", "--captions"), "--captions"),
        (("--text", "…"), "nothing to say"),
    ],
)
def test_sound_alone_that_cannot_be_made_leaves_nothing(tmp_path, arguments, said):
    result = run(*arguments, "-o", tmp_path / "x.opus")
    assert result.exit_code == 1
    assert said in result.output
    assert not list(tmp_path.iterdir())


def test_a_sound_file_becomes_a_film_with_the_words_it_was_given(tmp_path):
    first = tmp_path / "a.mp4"
    text = "Maybe five of them bought a map."
    assert run("--text", text, "--voice", "en-us-evan", "--size", "128x128", "-o", first).exit_code == 0
    second = tmp_path / "b.mp4"
    result = run(
        "--audio", first, "--transcript", text, "--size", "128x128", "--human", "marcus", "--captions", "-o", second,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    _, sound = opened(second)
    assert np.abs(sound).max() > 0.05
    assert "map" in (tmp_path / "b.vtt").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--text or --audio"),
        (("--text", "x", "--size", "1x1"), "--size"),
        (("--text", "x", "--background", "red"), "--background"),
        (("--text", "x", "--human", "nobody"), "nobody"),
        (("--text", "x", "--voice", "nobody"), "nobody"),
        (("--text", "…"), "nothing to say"),
    ],
)
def test_what_cannot_be_made_is_said_and_leaves_nothing(tmp_path, arguments, said):
    result = run(*arguments, "-o", tmp_path / "x.mp4")
    assert result.exit_code == 1
    assert said in result.output
    assert not list(tmp_path.iterdir())


WORDS = st.lists(
    st.tuples(st.floats(0, 1.5), st.floats(0.05, 0.8), st.text("abc<&>é。字", min_size=1, max_size=12)),
    max_size=40,
)


@given(WORDS)
def test_every_word_is_in_a_cue_and_cues_follow_each_other(made):
    now, words = 0.0, []
    for gap, length, text in made:
        words.append(Word(now + gap, now + gap + length, text))
        now += gap + length
    lines = cues(words)
    assert "".join("".join(t.split()) for _, _, t in lines) == "".join("".join(w.text.split()) for w in words)
    assert all(a[1] <= b[0] + 1e-9 for a, b in zip(lines, lines[1:], strict=False))
    assert all(len(t) <= CUE_CHARACTERS or " " not in t for _, _, t in lines)
    body = webvtt(words).split("\n\n", 1)
    assert body[0].strip() == "WEBVTT"
    assert "<" not in webvtt(words).replace("-->", "")


def test_stamps_and_escapes():
    assert webvtt([Word(3661.5, 3662.0, "a<b")]) == "WEBVTT\n\n01:01:01.500 --> 01:01:02.000\na&lt;b\n"


def test_gesture_previews_are_films_of_the_same_performance(tmp_path):
    import httpx

    from bunraku.testing.server import RunningServer

    with RunningServer(providers=[]) as served, served.client() as api:
        human = api.digital_humans()[0]
        wave = f"{served.base_url}/assets/{human['DigitalHumanId']}/wave.mp4"
        answer = httpx.get(wave, timeout=60)
        assert answer.status_code == 200
        path = tmp_path / "wave.mp4"
        path.write_bytes(answer.content)
        pictures, sound = opened(path)
        assert len(pictures) > 75
        assert np.abs(np.diff(pictures.astype(int), axis=0)).max() > 60  # the arm comes and goes
        assert np.abs(sound).max() < 0.001
        # Served again from the data directory, while the server is free for others.
        assert httpx.get(wave).content == answer.content


class Stumbling:
    """A pack whose figure cannot draw its tenth picture."""

    name, id, version, gestures, emotion = "Stumbling", "stumbling", "1", {}, "neutral"

    def stage(self, framing):
        figure = Catalog().list()[0].stage(framing)
        draw, count = figure.render, iter(range(1000))

        def render(moment):
            if next(count) == 9:
                raise RuntimeError("no paint left")
            return draw(moment)

        figure.render = render
        return figure


async def test_a_film_that_breaks_down_is_no_film(tmp_path):
    out = tmp_path / "film.mp4"
    silence = SpeechChunk(np.zeros(48000, np.int16))
    with pytest.raises(FilmFailed):
        await film(Stumbling(), Framing(128, 128), [silence], out)
    assert list(tmp_path.iterdir()) == []


async def test_words_are_timed_by_the_sound_of_the_film(tmp_path):
    out = tmp_path / "film.mp4"
    chunk = SpeechChunk(tone(400, 0.6), (), (Word(0.0, 0.6, "tone"),))
    words = await film(Catalog().list()[0], Framing(128, 128), [chunk], out)
    _, sound = opened(out)
    heard = np.nonzero(np.abs(sound) > 0.05)[0] / SAMPLE_RATE
    assert [w.text for w in words] == ["tone"]
    assert abs(words[0].start - heard[0]) < 0.01
    assert abs(words[0].end - heard[-1]) < 0.01
    with av.open(str(out)) as container:
        seen = [f.time for f in container.decode(video=0)]
    assert seen == pytest.approx(np.arange(len(seen)) / 25)


@pytest.mark.parametrize(("voice", "chosen"), [(None, "third"), ("first", "first")])
async def test_who_is_given_no_voice_has_a_fitting_one(voice, chosen):
    provider = ToneVoices(names=("first", "second", "third"))
    said = await speak(Voices([provider]), "Hello.", voice, {"en": ("missing", "third", "second")})
    sound = np.concatenate([chunk.samples for chunk in said.chunks])
    heard = np.argmax(np.abs(np.fft.rfft(sound))) * SAMPLE_RATE / sound.size
    assert heard == pytest.approx(provider.hertz(chosen), abs=5)


def test_a_picture_stands_behind_the_figure(tmp_path):
    picture = tmp_path / "wall.png"
    cv2.imwrite(str(picture), np.full((40, 40, 3), (30, 200, 60), np.uint8))
    out = tmp_path / "film.mp4"
    result = run("--text", "Hello.", "--size", "128x128", "--background", picture, "-o", out)
    assert result.exit_code == 0, result.output
    with av.open(str(out)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="bgr24")
    assert np.abs(frame[3, 3].astype(int) - (30, 200, 60)).max() < 25
    refused = run("--text", "Hello.", "--size", "128x128", "--background", tmp_path / "none.png", "-o", out)
    assert refused.exit_code != 0
    assert "--background" in refused.output
