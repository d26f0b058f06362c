"""A whole agent: microphone, voice activity, speech to text, language model, text to speech, face.

Every service is reached by the OpenAI API, at ``OPENAI_BASE_URL``: a cloud, or servers of your own that
speak it. People watch the figure in the room that is printed. Needs ``pipecat-ai[silero,openai,local]``.

    BUNRAKU_URL=http://127.0.0.1:8080 BUNRAKU_APP_ID=... BUNRAKU_SERVER_SECRET=... \
    OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_API_KEY=... python agent.py [question.wav]

With a WAV file instead of the microphone it hears that, and ends when the answer has been heard.
"""

from __future__ import annotations

import asyncio
import os
import sys
import wave

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, OutputTransportReadyFrame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.workers.runner import WorkerRunner
from pipecat_bunraku import BunrakuVideoService, Playback

RATE = 16000
PIECE = 0.02  # s
PROMPT = "You are a friendly receptionist. Answer in one or two short sentences, without mark-up."


class WavMicrophone(FrameProcessor):
    """Hears a WAV file of 16 kHz mono at the pace of a microphone, then silence."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self._job = self.create_task(self._play())

    async def _play(self) -> None:
        with wave.open(self._path, "rb") as w:
            pcm = w.readframes(w.getnframes())
        await self.push_frame(OutputTransportReadyFrame())
        size = int(RATE * PIECE) * 2
        begun, at = asyncio.get_running_loop().time(), 0
        while True:
            await self.push_frame(InputAudioRawFrame(pcm[at : at + size].ljust(size, b"\0"), RATE, 1))
            at += size
            await asyncio.sleep(begun + at / 2 / RATE - asyncio.get_running_loop().time())

    async def cleanup(self) -> None:
        await super().cleanup()
        await self.cancel_task(self._job)


def microphone() -> FrameProcessor:
    if len(sys.argv) > 1:
        return WavMicrophone(sys.argv[1])
    from pipecat.transports.local.audio import LocalAudioTransport, LocalAudioTransportParams

    parameters = LocalAudioTransportParams(audio_in_enabled=True, audio_in_sample_rate=RATE)
    return LocalAudioTransport(parameters).input()


async def main() -> None:
    env = os.environ
    openai = {"api_key": env["OPENAI_API_KEY"], "base_url": env.get("OPENAI_BASE_URL")}
    face = BunrakuVideoService(
        base_url=env["BUNRAKU_URL"],
        app_id=int(env["BUNRAKU_APP_ID"]),
        server_secret=env["BUNRAKU_SERVER_SECRET"],
        digital_human_id=env.get("BUNRAKU_HUMAN", "6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11"),
        frames=False,
    )
    context = LLMContext([{"role": "system", "content": env.get("AGENT_PROMPT", PROMPT)}])
    memory = LLMContextAggregatorPair(context)
    pipeline = Pipeline(
        [
            microphone(),
            VADProcessor(vad_analyzer=SileroVADAnalyzer()),
            OpenAISTTService(**openai, model=env.get("AGENT_STT", "whisper-1")),
            memory.user(),
            OpenAILLMService(**openai, model=env.get("AGENT_LLM", "gpt-4.1-mini")),
            OpenAITTSService(
                **openai, model=env.get("AGENT_TTS", "tts-1"), voice=env.get("AGENT_VOICE", "alloy")
            ),
            face,
            memory.assistant(),
        ]
    )
    worker = PipelineWorker(
        pipeline, params=PipelineParams(audio_in_sample_rate=RATE), cancel_on_idle_timeout=False
    )

    @face.event_handler("on_playback")
    async def heard(_: BunrakuVideoService, playback: Playback) -> None:
        print(f"heard {playback.played_ms} ms" + (", then interrupted" if playback.interrupted else ""))
        if len(sys.argv) > 1:
            await worker.queue_frame(EndFrame())

    runner = WorkerRunner()
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    room = await face.room()
    print(f"watch room {room.room_id}, stream {room.stream_id}", flush=True)
    await running
    print("said:", *(m["content"] for m in context.messages if m["role"] == "assistant"))


if __name__ == "__main__":
    asyncio.run(main())
