"""What the encoders give, real decoders understand."""

import av
import numpy as np
import pytest

from bunraku.core.framing import default_bitrate
from bunraku.core.media import SAMPLE_RATE, TICK_SAMPLES, TICK_US, Codec, Picture
from bunraku.node.encode import libopus
from bunraku.node.encode.h264 import H264Encoder, level_for
from bunraku.node.encode.opus import (
    BITRATE,
    FFMPEG_BITRATE,
    FFMPEG_COMPLEXITY,
    PACKET_SAMPLES,
    DirectOpusEncoder,
    FFmpegOpusEncoder,
    open_opus_encoder,
)
from bunraku.node.encode.vp8 import Vp8Encoder
from bunraku.testing.voices import tone


def picture(step):
    p = Picture(256, 128)
    x, y = np.meshgrid(np.arange(256), np.arange(128))
    p.y[:] = (40 + (x + y + 3 * step) % 160).astype(np.uint8)
    p.u[:], p.v[:] = 100, 150
    return p


@pytest.mark.parametrize(("kind", "decoder"), [(H264Encoder, "h264"), (Vp8Encoder, "vp8")])
def test_pictures_survive_and_keyframes_come_on_demand_only(kind, decoder):
    encoder = kind(256, 128, 1_000_000)
    units = [encoder.encode(picture(i), i * TICK_US, i == 30) for i in range(60)]
    assert all(u is not None for u in units)
    assert [i for i, u in enumerate(units) if u.keyframe] == [0, 30]
    context = av.CodecContext.create(decoder, "r")
    seen = [f for u in units for f in context.decode(av.Packet(u.data))] + context.decode(None)
    assert len(seen) == 60
    last = seen[-1].to_ndarray(format="yuv420p")[:128]
    assert np.abs(last.astype(int) - picture(59).y).mean() < 6
    # A watcher that joins at the keyframe needs nothing that came before it.
    late = av.CodecContext.create(decoder, "r")
    assert [f for u in units[30:] for f in late.decode(av.Packet(u.data))]


def test_still_pictures_cost_next_to_nothing():
    encoder = H264Encoder(256, 128, 1_000_000)
    sizes = [len(encoder.encode(picture(0), i * TICK_US, False).data) for i in range(50)]
    assert sum(sizes[10:]) / 40 < 200


@pytest.mark.parametrize(
    ("size", "level"),
    [((512, 512), "3.0"), ((720, 1280), "3.1"), ((1440, 1280), "4.0"), ((1080, 1920), "4.0")],
)
def test_level_by_picture_size(size, level):
    assert level_for(*size) == level
    assert 100_000 < default_bitrate(*size) < 8_000_000


@pytest.mark.parametrize("open_encoder", [open_opus_encoder, FFmpegOpusEncoder])
def test_opus_gives_two_packets_a_tick_and_the_sound_survives(open_encoder):
    encoder = open_encoder()
    sound = tone(440, 0.4)
    units = [
        u
        for i in range(10)
        for u in encoder.encode(sound[i * TICK_SAMPLES : (i + 1) * TICK_SAMPLES], i * TICK_US)
    ]
    assert [u.time_us for u in units] == [i * TICK_US // 2 for i in range(20)]
    assert {u.codec for u in units} == {Codec.OPUS}
    context = av.AudioCodecContext.create("libopus", "r")
    context.sample_rate, context.layout = 48000, "mono"
    heard = np.concatenate(
        [f.to_ndarray().reshape(-1) for u in units for f in context.decode(av.Packet(u.data))]
    )
    spectrum = np.abs(np.fft.rfft(heard[4800:14400].astype(float)))
    assert abs(spectrum.argmax() * 48000 / 9600 - 440) < 10


def test_both_ways_to_libopus_give_the_same_packets():
    lib = libopus.library()
    assert lib is not None, "PyAV brings libopus"
    assert isinstance(open_opus_encoder(), DirectOpusEncoder)
    direct = DirectOpusEncoder(libopus.PacketEncoder(lib, FFMPEG_BITRATE, FFMPEG_COMPLEXITY))
    through_ffmpeg = FFmpegOpusEncoder()
    noise = np.random.default_rng(5).normal(0, 3000, 25 * TICK_SAMPLES)
    sound = (noise * np.linspace(0, 1, noise.size)).astype(np.int16)
    for i in range(25):
        tick = sound[i * TICK_SAMPLES : (i + 1) * TICK_SAMPLES]
        assert direct.encode(tick, i * TICK_US) == through_ffmpeg.encode(tick, i * TICK_US)
    # A view whose samples do not lie side by side is sound all the same.
    pair = np.repeat(sound[:TICK_SAMPLES], 2)[::2]
    assert direct.encode(pair, 0) == through_ffmpeg.encode(pair, 0)


def test_without_libopus_ffmpeg_leads_to_it(monkeypatch):
    monkeypatch.setattr(libopus, "_candidates", lambda: iter(["libopus-that-is-not-there.so"]))
    libopus.library.cache_clear()
    try:
        assert isinstance(open_opus_encoder(), FFmpegOpusEncoder)
    finally:
        libopus.library.cache_clear()


def test_libopus_says_what_it_refuses():
    lib = libopus.library()
    with pytest.raises(RuntimeError, match="setting 4002"):
        libopus.PacketEncoder(lib, -5, 5)
    with pytest.raises(RuntimeError, match="error -1"):
        libopus.PacketEncoder(lib, 40_000, 5).encode(bytes(14))


def test_speech_takes_the_bits_it_was_given():
    """And no more."""
    rng = np.random.default_rng(1)
    t = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 3 * t)) / SAMPLE_RATE
    voiced = sum(np.sin(k * pitch) / k for k in range(1, 30)) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t))
    sound = ((voiced + 0.05 * rng.standard_normal(t.size)) * 4000).astype(np.int16)
    size = sum(
        len(u.data)
        for u in open_opus_encoder().encode(sound[: sound.size // PACKET_SAMPLES * PACKET_SAMPLES], 0)
    )
    assert 0.6 * BITRATE < size * 8 / 4 < 1.1 * BITRATE
