"""DriveByWsStream: contract section 7, on real sockets, by what reaches the published stream."""

from __future__ import annotations

import asyncio
import struct
import time

import numpy as np
import pytest
import websockets

from ..support.sockets import RATE, STOP, connect, ended, heard, pcm, start
from ..support.waiting import wait_for


async def test_7_5_a_start_pcm_stop_and_immediate_close_plays_to_the_end(stage):
    data = stage.open()
    assert data["WssAddress"].startswith("ws://127.0.0.1:")
    assert "%" not in data["WssAddress"]
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        await ws.send(pcm(1.0))
        await ws.send(STOP)
    await ended(stage, data["DriveId"])
    heard(stage, 1.0)


async def test_7_5_b_two_utterances_on_one_socket_with_one_drive_id(stage):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        for _ in range(2):
            await ws.send(start(data["DriveId"]))
            await ws.send(pcm(0.4))
            await ws.send(STOP)
            await ended(stage, data["DriveId"])
            await asyncio.sleep(0.1)
    heard(stage, 0.8)


async def test_7_4_c_pcm_only(stage):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(pcm(0.6))
    await ended(stage, data["DriveId"])
    heard(stage, 0.6)


async def test_7_4_d_wav_bytes_whose_header_wins(stage):
    data = stage.open()
    body = pcm(0.6)
    fmt = struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16)
    wav = b"RIFF" + struct.pack("<I", 36 + len(body)) + b"WAVEfmt " + struct.pack("<I", 16) + fmt
    wav += b"data" + struct.pack("<I", len(body)) + body
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"], SampleRate=24000))
        for i in range(0, len(wav), 2048):
            await ws.send(wav[i : i + 2048])
        await ws.send(STOP)
    await ended(stage, data["DriveId"])
    heard(stage, 0.6)


async def test_7_4_e_odd_sized_frames(stage):
    data = stage.open()
    body = pcm(0.5)
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        for i in range(0, len(body), 333):
            await ws.send(body[i : i + 333])
        await ws.send(STOP)
    await ended(stage, data["DriveId"])
    heard(stage, 0.5)


async def test_7_3_stereo_at_48_khz(stage):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"], SampleRate=48000, Channel=2, VoiceChannel=1))
        await ws.send(pcm(0.5, rate=48000, channels=2))
        await ws.send(STOP)
    await ended(stage, data["DriveId"])
    heard(stage, 0.5)


async def test_7_3_the_same_start_again_is_ignored_also_under_its_full_name(stage):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(None))
        await ws.send(start(data["DriveId"]))
        await asyncio.sleep(0.3)  # time in which it could go wrong
        assert stage.status(data["DriveId"]) == 1
        await ws.send(pcm(0.3))
        await ws.send(STOP)
        await ended(stage, data["DriveId"])
    heard(stage, 0.3)


async def test_7_1_the_server_sends_nothing(stage):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        await ws.send(pcm(0.2))
        await ws.send(STOP)
        await ended(stage, data["DriveId"])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await ws.recv()


async def test_7_1_wrong_tokens_get_401(stage):
    address = stage.open()["WssAddress"]
    for bad in (address[:-3], address.split("?")[0], address + "x"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(bad):
                pass
        assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"SampleRate": 4000}, "SampleRate"),
        ({"Channel": 3}, "Channel"),
        ({"Channel": 2, "VoiceChannel": 5}, "VoiceChannel"),
        ({"DriveId": "someone-else"}, "unknown DriveId"),
    ],
)
async def test_7_3_refused_starts_close_with_1008(stage, payload, reason):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"], **payload))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await ws.recv()
    assert closed.value.rcvd.code == 1008
    assert reason in closed.value.rcvd.reason


async def test_7_1_too_large_a_message_closes_with_1009(stage):
    data = stage.open()
    # Not closed again at the end: websockets trips over a transport that is gone.
    ws = await connect(data["WssAddress"])
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await ws.send(b"\0" * (16 * 1024 * 1024 + 2))
        await ws.recv()
    assert closed.value.rcvd.code == 1009


async def test_7_5_start_and_stop_without_sound(stage):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        await ws.send(STOP)
        await ended(stage, data["DriveId"])
    assert stage.ear.voiced == 0


async def test_7_5_text_that_means_nothing_is_ignored(stage):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        for text in ("hello", "{}", '{"Action": "Dance"}', STOP):
            await ws.send(text)
        await ws.send(start(data["DriveId"]))
        await ws.send(pcm(0.3))
        await ws.send(STOP)
        await ended(stage, data["DriveId"])
    heard(stage, 0.3)


async def test_6_5_start_empties_the_queue_and_interrupts(stage):
    texts = [stage.api.speak(stage.task, "a b c d e f g h", timbre_id="tone-a") for _ in range(2)]
    await ended(stage, texts[0], 2)
    data = stage.open()
    assert stage.status(texts[0]) == 2, "the call itself changes nothing"
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        await ended(stage, texts[0], 5)
        assert stage.status(texts[1]) == 5
        later = stage.api.speak(stage.task, "later", timbre_id="tone-a")
        await ws.send(pcm(0.3))
        assert stage.status(later) == 1, "a text drive waits for the socket's utterance"
        await ws.send(STOP)
        await ended(stage, later)


async def test_5_10_after_an_interrupt_binary_is_dropped_until_start(stage):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        await ws.send(pcm(5.0))
        await ended(stage, data["DriveId"], 2)
        stage.api.interrupt(stage.task)
        assert stage.status(data["DriveId"]) == 5
        await asyncio.sleep(0.15)
        silent_from = stage.ear.voiced
        for _ in range(5):
            await ws.send(pcm(0.3))
        await asyncio.sleep(0.4)
        assert stage.ear.voiced - silent_from < 0.1
        await ws.send(start(data["DriveId"]))
        await ws.send(pcm(0.3))
        await ws.send(STOP)
        await ended(stage, data["DriveId"])


async def test_7_3_a_newer_socket_wins(stage):
    a, b = stage.open(), stage.open()
    async with connect(a["WssAddress"]) as first, connect(b["WssAddress"]) as second:
        await first.send(start(a["DriveId"]))
        await first.send(pcm(5.0))
        await ended(stage, a["DriveId"], 2)
        await second.send(start(b["DriveId"]))
        await ended(stage, a["DriveId"], 5)
        await second.send(pcm(0.3))
        await first.send(pcm(3.0))
        await second.send(STOP)
        await ended(stage, b["DriveId"])


async def test_7_1_the_task_ends_the_socket(stage):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        await ws.send(pcm(5.0))
        await ended(stage, data["DriveId"], 2)
        stage.api.stop(stage.task)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            async with asyncio.timeout(5):
                await ws.recv()
        assert closed.value.rcvd.code in (1000, 1001)
    with pytest.raises(websockets.InvalidStatus):
        async with connect(data["WssAddress"]):
            pass


async def test_7_5_silence_of_5_s_ends_the_utterance_and_sound_begins_another(stage):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(pcm(0.2))
        await asyncio.to_thread(wait_for, lambda: stage.status(data["DriveId"]) == 4, 9)
        await ws.send(pcm(0.2))
        await ended(stage, data["DriveId"], 2)
    await ended(stage, data["DriveId"])
    heard(stage, 0.4)


async def test_first_sound_within_two_ticks_of_the_first_pcm(stage):
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        await asyncio.sleep(0.3)
        begin = time.monotonic()
        await ws.send(pcm(1.0))
        await ended(stage, data["DriveId"], 2)
        await asyncio.sleep(0.2)
        first = next(t for t, level in stage.ear.levels if level > 0.02)
        # Two ticks, and a third for a busy machine: this is a bound, not a measurement.
        assert first - begin < 0.12
        await ws.send(STOP)


async def test_bursts_are_held_back_rather_than_dropped(stage):
    """Ten minutes and more of sound at once: the sender is slowed, and nothing grows."""
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"], SampleRate=8000))
        # Noise: a tone would be compressed away on the wire.
        piece = np.random.default_rng(1).integers(-9000, 9000, 160_000).astype("<i2").tobytes()
        sent = 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(6):
                for _ in range(200):
                    await ws.send(piece)
                    sent += 1
        assert sent >= 30
        stage.api.interrupt(stage.task)


@pytest.mark.embedded("a time-out is shortened in this process")
async def test_5_10_silence_after_an_interrupt_does_not_let_a_stray_frame_speak(stage, monkeypatch):
    from bunraku.node.tasks import drive_socket

    monkeypatch.setattr(drive_socket, "NEXT_AUDIO_TIMEOUT", 0.3)
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        await ws.send(pcm(3.0))
        await ended(stage, data["DriveId"], 2)
        said = stage.api.speak(stage.task, "a b c d e f g h", timbre_id="tone-a", interrupt=True)
        await ended(stage, said, 2)
        await asyncio.sleep(1.0)
        await ws.send(pcm(0.3))
        await asyncio.sleep(0.3)
        assert stage.status(said) == 2, "a stray frame took the stage"
        stage.api.interrupt(stage.task)


@pytest.mark.embedded("a time-out is shortened in this process")
async def test_7_5_what_is_buffered_is_not_silence(stage, monkeypatch):
    """The time-out is counted from when it has been heard."""
    from bunraku.node.tasks import drive_socket

    monkeypatch.setattr(drive_socket, "NEXT_AUDIO_TIMEOUT", 0.6)
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        await ws.send(pcm(1.0))
        await asyncio.sleep(0.8)
        begun = time.monotonic()
        await ws.send(pcm(0.5))
        await ended(stage, data["DriveId"])
        # 0.2 s of the first and 0.5 s of the second are still to be heard.
        assert time.monotonic() - begun >= 0.2 + 0.5 + 0.6 - 0.1
    heard(stage, 1.5)


@pytest.mark.embedded("a time-out is shortened in this process")
async def test_7_5_text_frames_do_not_keep_an_utterance_open(stage, monkeypatch):
    from bunraku.node.tasks import drive_socket

    monkeypatch.setattr(drive_socket, "NEXT_AUDIO_TIMEOUT", 0.4)
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        await ws.send(pcm(0.2))
        for _ in range(15):
            await ws.send('{"Action": "Ping"}')
            await ws.send(b"")
            await asyncio.sleep(0.1)
        await ended(stage, data["DriveId"])
