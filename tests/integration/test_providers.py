"""flite, piper and OpenAI-compatible voices: real engines, a real server, a voice made here."""

from __future__ import annotations

import asyncio
import gzip
import http.server
import json
import threading
import time

import numpy as np
import pytest

from bunraku.core.media import SAMPLE_RATE
from bunraku.core.settings_speech import SpeechEndpoint
from bunraku.node.lipsync.visemes import from_arpabet
from bunraku.node.speech import flite
from bunraku.node.speech.base import Prosody, SpeechFailed, Timbre
from bunraku.node.speech.flite_helper import RATE, FliteSynthesizer
from bunraku.node.speech.loudness import TARGET, LoudnessMeter
from bunraku.node.speech.openai_voices import OpenAIProvider
from bunraku.node.speech.piper import PiperProvider, phoneme_ids
from bunraku.node.speech.voices import Voices

from ..support.piper import tiny_voice
from ..support.speech import say

TEXT = "Dr. Smith has 42 happy, happy puppies. They bark!"


@pytest.fixture
async def natural():
    voices = flite.installed()
    if not voices:
        pytest.skip("libflite1 is not installed")
    provider = flite.FliteProvider(voices)
    await provider.start()
    yield provider
    await provider.close()


async def test_flite_speaks_with_exact_phonemes_and_the_words_as_written(natural):
    for timbre in natural.timbres:
        sound, phonemes, words = await say(natural, timbre.id, TEXT)
        assert " ".join(w.text for w in words) == TEXT
        assert all(a.end <= b.start + 1e-6 for a, b in zip(words, words[1:], strict=False))
        seconds = sound.size / SAMPLE_RATE
        assert 3 < seconds < 8
        assert abs(phonemes[-1].end - seconds) < 0.25
        shut = [p for p in phonemes if from_arpabet(p.symbol) == ("PP",)]
        assert len(shut) == 6  # the lips of h-a-pp-y, h-a-pp-y, p-u-pp-ies, b-ark, and S-m-ith


class Told:
    """What a helper would send."""

    def __init__(self):
        self.blocks = []

    def aborted(self):
        return False

    def reply(self, head, pcm=b""):
        self.blocks.append((head, np.frombuffer(pcm, np.int16)))


@pytest.fixture(scope="module")
def engine():
    """flite itself, in this process, where it may be once."""
    if not flite.installed():
        pytest.skip("libflite1 is not installed")
    return FliteSynthesizer(Told())


ROOM = "My colleague will show you to your room, which is on the second floor."


@pytest.mark.parametrize("voice", ["slt", "rms", "awb"])
@pytest.mark.parametrize("text", [ROOM, "I would like to order a large pizza.", "How can I help?", "Yes."])
def test_the_beginning_that_flite_makes_early_is_that_of_the_sentence(engine, voice, text):
    """The same sounds and words at the same times, the same wave but for its noise, no step at the join."""
    told, found = engine.requests, []
    for early in (False, True):
        told.blocks.clear()
        engine.speak(voice, text, prompt=early, early=early)
        found.append(
            (
                np.concatenate([pcm for _, pcm in told.blocks]).astype(float),
                [p for head, _ in told.blocks for p in head.get("phonemes", ())],
                [w for head, _ in told.blocks for w in head.get("words", ())],
            )
        )
    assert told.blocks[0][0].get("more", False) == (len(text) > 20)
    (whole, sounds, words), (parts, early_sounds, early_words) = found
    lead = sounds[0][1] - early_sounds[0][1]
    assert early_sounds[0][1] <= 0.006  # the pause in front is left out
    assert [s for s, _ in early_sounds] == [s for s, _ in sounds]
    assert [end for _, end in early_sounds] == pytest.approx([end - lead for _, end in sounds], abs=1e-3)
    assert [w[0] for w in early_words] == [w[0] for w in words]
    assert [w[2] for w in early_words] == pytest.approx([w[2] - lead for w in words], abs=1e-3)
    whole = whole[whole.size - parts.size :]
    assert abs(parts.size - early_sounds[-1][1] * RATE) < RATE / 50
    assert 20 * np.log10(whole.std() / (whole - parts).std()) > 7
    assert np.abs(np.diff(parts)).max() < 1.3 * np.abs(np.diff(whole)).max()


async def test_flite_rate_and_pitch(natural):
    voice = natural.timbres[0].id
    normal, _, _ = await say(natural, voice, TEXT)
    fast, marks, words = await say(natural, voice, TEXT, Prosody(speed=2.0))
    assert 1.8 < normal.size / fast.size < 2.2
    assert abs(marks[-1].end - fast.size / SAMPLE_RATE) < 0.25
    assert words[-1].end < fast.size / SAMPLE_RATE + 0.05
    high, _, _ = await say(natural, voice, TEXT, Prosody(pitch=1.4))
    assert 0.95 < high.size / normal.size < 1.05


async def test_a_dying_flite_helper_is_replaced(natural):
    import os
    import signal

    for pid in natural.helper_pids:
        os.kill(pid, signal.SIGKILL)
    sound, _, _ = await say(natural, natural.timbres[0].id, "Good morning.")
    assert sound.size > SAMPLE_RATE / 2


# --- piper


def test_piper_ids_are_padded_and_bounded(tmp_path):
    config = tiny_voice(tmp_path)
    assert phoneme_ids(config, "həl.") == [1, 0, 3, 0, 4, 0, 5, 0, 7, 0, 2]
    assert phoneme_ids(config, "ñ?") == [1, 0, 2]


async def test_a_piper_voice_of_the_folder_speaks(tmp_path):
    tiny_voice(tmp_path)
    tiny_voice(tmp_path, "en_GB-pair-low", 2)
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    (tmp_path / "broken.onnx.json").write_text("{")
    provider = PiperProvider(tmp_path)
    assert [t.id for t in provider.timbres] == [
        "piper-en_GB-pair-low-ada", "piper-en_GB-pair-low-bob", "piper-en_GB-tiny-low",
    ]  # fmt: skip
    assert provider.timbres[0].language == "en-GB"
    await provider.start()
    try:
        for timbre in provider.timbres:
            sound, _, _ = await say(provider, timbre.id, "Hello.")
            # h ə l ə ʊ . with begin and end; pads are zero and silent but last as long.
            assert SAMPLE_RATE * 0.3 < sound.size < SAMPLE_RATE * 1.2
            assert np.abs(sound).max() > 8000
    finally:
        await provider.close()


async def test_a_piper_model_that_cannot_run_fails_its_drive_only(tmp_path):
    tiny_voice(tmp_path)
    (tmp_path / "en_GB-tiny-low.onnx").write_bytes(b"not a model")
    provider = PiperProvider(tmp_path)
    await provider.start()
    with pytest.raises(SpeechFailed):
        await say(provider, "piper-en_GB-tiny-low", "Hello.")
    await provider.close()


async def test_piper_ends_what_is_interrupted_and_serves_apps_in_turn(tmp_path, monkeypatch):
    tiny_voice(tmp_path)
    provider, served = PiperProvider(tmp_path), []

    def slowly(self, ids, speaker, length, options):
        end = time.monotonic() + (0.1 if served else 20)
        served.append(len(ids))
        while not options.terminate:
            if time.monotonic() > end:
                return np.zeros(16000, np.int16)
            time.sleep(0.005)
        raise RuntimeError("terminated")

    monkeypatch.setattr("bunraku.node.speech.piper._PiperVoice.run", slowly)
    voices = Voices([provider])
    await voices.start()

    async def speak(tenant, text):
        async for _ in voices.speak("piper-en_GB-tiny-low", text, Prosody(), tenant=tenant):
            pass

    first = asyncio.create_task(speak(1, "Hello."))
    while not served:
        await asyncio.sleep(0.01)
    crowd = [asyncio.create_task(speak(1, "Hello.")) for _ in range(10)]
    await asyncio.sleep(0.3)
    other = asyncio.create_task(speak(2, "Hello."))
    await asyncio.sleep(0.1)
    first.cancel()
    await asyncio.wait_for(other, 2)
    assert len(served) < 5
    for job in crowd:
        job.cancel()
    await asyncio.gather(first, *crowd, return_exceptions=True)
    await voices.close()


# --- OpenAI-compatible


@pytest.fixture
def endpoint():
    """A speech server: half a second of 24 kHz PCM in odd-sized pieces for each request."""
    heard = []
    knobs = {"status": 200, "hang": False, "level": 9000, "packed": False}
    release = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.append((self.path, self.headers.get("Authorization"), body))
            if knobs["hang"]:
                release.wait(20)
                return
            self.send_response(knobs["status"])
            self.send_header("Transfer-Encoding", "chunked")
            t = np.arange(12000) / 24000
            pcm = (np.sin(2 * np.pi * 300 * t) * knobs["level"]).astype("<i2").tobytes()
            if knobs["packed"]:
                self.send_header("Content-Encoding", "gzip")
                pcm = gzip.compress(bytes(64_000_000))
            self.end_headers()
            for at in range(0, len(pcm), 1777):
                piece = pcm[at : at + 1777]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = SpeechEndpoint(
        name="cloud", base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="k", voices=("nova", "echo"),
        timeout=2.0,
    )  # fmt: skip
    yield settings, heard, knobs
    release.set()
    server.shutdown()


async def test_an_openai_compatible_server_is_asked_sentence_by_sentence(endpoint):
    settings, heard, _ = endpoint
    provider = OpenAIProvider(settings)
    await provider.start()
    assert [t.id for t in provider.timbres] == ["cloud-nova", "cloud-echo"]
    sound, _, _ = await say(provider, "cloud-echo", "One sentence. Another one.", Prosody(speed=1.25))
    assert abs(sound.size / SAMPLE_RATE - 1.0) < 0.05
    assert [h[0] for h in heard] == ["/v1/audio/speech"] * 2
    assert heard[0][1] == "Bearer k"
    assert heard[0][2] == {
        "model": "tts-1", "voice": "echo", "input": "One sentence.", "response_format": "pcm", "speed": 1.25,
    }  # fmt: skip
    await provider.close()


async def loudness_of_two(provider, timbre_id, text):
    """LUFS of a text that is said twice."""
    voices = Voices([provider])
    await voices.start()
    try:
        found = []
        for _ in range(2):
            meter = LoudnessMeter()
            meter.push((await say(voices, timbre_id, text))[0])
            found.append(meter.finish())
        return found
    finally:
        await voices.close()


@pytest.mark.parametrize("level", [2500, 25000])
async def test_a_servers_voice_has_the_common_loudness_from_its_second_text_on(endpoint, level):
    settings, _, knobs = endpoint
    knobs["level"] = level
    first, second = await loudness_of_two(OpenAIProvider(settings), "cloud-echo", "One sentence. " * 12)
    assert abs(first - TARGET) < 3  # found while it speaks
    assert abs(second - TARGET) <= 1


async def test_a_piper_voice_has_the_common_loudness_at_once(tmp_path):
    """It makes sentences whole: the first tells how loud it is, limiter and all."""
    tiny_voice(tmp_path)
    provider = PiperProvider(tmp_path)
    first, second = await loudness_of_two(
        provider, "piper-en_GB-tiny-low", "Hello hello, hello hello hello. " * 6
    )
    assert abs(first - TARGET) <= 1, first
    assert abs(second - TARGET) <= 1, second


async def test_a_server_that_refuses_or_is_down_fails_the_speech(endpoint):
    settings, _, knobs = endpoint
    knobs["status"] = 500
    provider = OpenAIProvider(settings)
    await provider.start()
    with pytest.raises(SpeechFailed, match="500"):
        await say(provider, "cloud-nova", "Hello.")
    await provider.close()
    gone = OpenAIProvider(settings.model_copy(update={"base_url": "http://127.0.0.1:9/v1"}))
    await gone.start()
    with pytest.raises(SpeechFailed):
        await say(gone, "cloud-nova", "Hello.")
    await gone.close()


async def test_an_answer_that_unfolds_is_not_unfolded(endpoint):
    settings, _, knobs = endpoint
    knobs["packed"] = True
    provider = OpenAIProvider(settings)
    await provider.start()
    with pytest.raises(SpeechFailed, match="packed"):
        await say(provider, "cloud-nova", "Hello.")
    await provider.close()


async def test_a_voice_that_stays_silent_fails_within_the_limit(endpoint):
    settings, _, knobs = endpoint
    knobs["hang"] = True
    provider = OpenAIProvider(settings.model_copy(update={"timeout": 60.0}))
    voices = Voices([provider], timeout=0.3)
    await voices.start()
    with pytest.raises(SpeechFailed, match="silent"):
        async with asyncio.timeout(5):
            async for _ in voices.speak("cloud-nova", "Hello.", Prosody()):
                pass
    await voices.close()


async def test_a_provider_that_does_not_start_is_left_out():
    class Broken:
        timbres = (Timbre("x", "x", "und"),)

        async def start(self):
            raise SpeechFailed("no engine")

        async def close(self):
            raise AssertionError("never started")

    voices = Voices([Broken()])
    await voices.start()
    assert voices.list() == []
    await voices.close()
