"""Contract section 7: the protocol as a pure state machine."""

import json
import struct
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.node.speech.pcm_stream import Format, PcmReader, Start, StartRefused, Stop, parse_text


def start(**payload):
    return json.dumps({"Action": "Start", "SequenceID": "u", "Payload": payload})


def test_start_defaults_and_zero_values():
    assert parse_text(start(DriveId="d")) == Start("d", Format(16000, 1, 0))
    assert parse_text(start(DriveId="", SampleRate=0, Channel=None)) == Start(None, Format(16000, 1, 0))
    assert parse_text(start(SampleRate=24000.0, Channel=2, VoiceChannel=1)) == Start(
        None, Format(24000, 2, 1)
    )


def test_voice_channel_is_ignored_for_mono():
    for ignored in (2, 7, "left", None):
        assert parse_text(start(Channel=1, VoiceChannel=ignored)) == Start(None, Format(16000, 1, 0))


@pytest.mark.parametrize(
    "payload",
    [
        {"SampleRate": 7999},
        {"SampleRate": 48001},
        {"SampleRate": "16000"},
        {"SampleRate": True},
        {"SampleRate": False},
        {"Channel": 3},
        {"Channel": 2, "VoiceChannel": 3},
        {"DriveId": 7},
    ],
)
def test_refused_starts(payload):
    with pytest.raises(StartRefused):
        parse_text(start(**payload))


def test_stop_and_what_is_ignored():
    assert isinstance(parse_text('{"Action": "Stop"}'), Stop)
    for text in ("", "nope", "[]", "3", '{"Action": "Dance"}', '{"action": "Start"}'):
        assert parse_text(text) is None


@given(st.text())
def test_any_text_is_handled(text):
    assert parse_text(text) is None or isinstance(parse_text(text), Start | Stop)


def read(reader, pieces):
    chunks = [reader.push(p) for p in pieces] + [reader.finish()]
    return np.concatenate([c.samples for c in chunks])


@given(st.lists(st.integers(1, 999), max_size=40), st.sampled_from([8000, 16000, 24000, 44100, 48000]))
def test_frames_may_break_anywhere(sizes, rate):
    """However the bytes are cut, the same sound comes out."""
    wave = (np.sin(np.arange(rate // 5) / 9) * 8000).astype("<i2").tobytes()
    pieces, at = [], 0
    for size in sizes:
        pieces.append(wave[at : at + size])
        at += size
    pieces.append(wave[at:])
    whole = read(PcmReader(Format(rate)), [wave])
    cut = read(PcmReader(Format(rate)), [p for p in pieces if p])
    assert abs(whole.size - 48000 // 5) <= 64
    assert np.array_equal(whole, cut)


def wav(pcm, rate, channels, extra=b""):
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + extra + b"data" + struct.pack("<I", len(pcm)) + pcm
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_a_wav_header_is_skipped_and_its_format_wins():
    pcm = (np.sin(np.arange(16000) / 7) * 9000).astype("<i2").tobytes()
    data = wav(pcm, 16000, 1, b"LIST" + struct.pack("<I", 4) + b"INFO")
    pieces = [data[i : i + 5] for i in range(0, 60, 5)] + [data[60:]]
    heard = read(PcmReader(Format(24000, 1)), pieces)
    assert abs(heard.size - 48000) <= 64


def test_stereo_is_mixed_and_one_channel_moves_the_lips():
    left, right = np.full(4800, 1000, "<i2"), np.full(4800, 3000, "<i2")
    both = np.stack([left, right], 1).tobytes()
    chunk = PcmReader(Format(48000, 2, 2)).push(both)
    assert set(chunk.samples) == {2000}
    assert set(chunk.lips) == {3000}


def test_a_short_utterance_that_looks_like_riff_is_sound():
    heard = read(PcmReader(Format(48000)), [b"RIFF1234"])
    assert heard.size == 4


def test_a_header_that_comes_byte_by_byte_costs_no_more_than_at_once():
    """Scanned from its beginning for each byte, it took 1.9 ms a byte on the event loop."""
    header = b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 8000
    reader = PcmReader(Format(16000))
    begin = time.process_time()
    for at in range(len(header)):
        reader.push(header[at : at + 1])
    assert (time.process_time() - begin) / len(header) < 50e-6
    assert reader.heading


@given(st.lists(st.integers(1, 9), max_size=12))
def test_a_wav_header_is_read_however_it_is_cut(sizes):
    pcm = (np.sin(np.arange(480) / 7) * 9000).astype("<i2").tobytes()
    data = wav(pcm, 48000, 1, b"LIST" + struct.pack("<I", 3) + b"INF\0")
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    heard = read(PcmReader(Format(16000)), [p for p in [*pieces, data[at:]] if p])
    assert np.array_equal(heard, np.frombuffer(pcm, "<i2"))
