"""``AvatarSession``: joins the agent's room as its face."""

from __future__ import annotations

import asyncio
import os
import secrets
from typing import Any

from bunraku_stage import Api, Stage
from livekit import api, rtc
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import AvatarSession as BaseAvatarSession
from livekit.agents.voice.avatar import DataStreamAudioOutput

from livekit_bunraku.tracks import QUEUE_MS, RATE, pictures, sounds
from livekit_bunraku.worker import AvatarWorker

IDENTITY = "bunraku-avatar-agent"
ON_BEHALF = "lk.publish_on_behalf"


class AvatarSession(BaseAvatarSession[Any]):
    """A digital human of a Bunraku server. ``width`` and ``height`` in pixels, even, 128 to 1920.

    ``livekit_url``, ``livekit_api_key``, ``livekit_api_secret``: the environment's when not given.
    """

    def __init__(
        self,
        *,
        base_url: str,
        app_id: int,
        server_secret: str,
        digital_human_id: str,
        width: int = 512,
        height: int = 512,
        emotion: str | None = None,
        livekit_url: str | None = None,
        livekit_api_key: str | None = None,
        livekit_api_secret: str | None = None,
    ) -> None:
        super().__init__()
        name = f"livekit-{secrets.token_hex(6)}"
        self._stage = Stage(Api(base_url, app_id, server_secret), name, name)
        self._human, self._size, self._emotion = digital_human_id, (width, height), emotion
        self._url = livekit_url or os.environ["LIVEKIT_URL"]
        self._key = livekit_api_key or os.environ["LIVEKIT_API_KEY"]
        self._secret = livekit_api_secret or os.environ["LIVEKIT_API_SECRET"]
        self._own = rtc.Room()
        self._worker: AvatarWorker | None = None
        self._jobs: list[asyncio.Task[None]] = []

    @property
    def avatar_identity(self) -> str:
        return IDENTITY

    @property
    def provider(self) -> str:
        return "bunraku"

    async def start(self, agent_session: AgentSession, room: rtc.Room) -> None:
        """Bring the figure to life and join ``room``, which is connected."""
        await super().start(agent_session, room)
        agent = room.local_participant.identity
        await self._stage.open(self._human, *self._size, self._emotion)
        tracks = await self._stage.watch([], decode=False)
        await self._own.connect(
            self._url, self._token(room.name, agent), rtc.RoomOptions(auto_subscribe=False)
        )
        self._worker = AvatarWorker(self._own, self._stage, agent)
        self._worker.start()
        video, audio = rtc.EncodedVideoSource(*self._size), rtc.AudioSource(RATE, 1, QUEUE_MS)
        await self._publish(video, audio)
        self._jobs = [
            asyncio.create_task(pictures(self._stage, tracks["video"], video, self._size)),
            asyncio.create_task(sounds(tracks["audio"], audio)),
        ]
        agent_session.output.audio = DataStreamAudioOutput(
            room=room,
            destination_identity=IDENTITY,
            sample_rate=24000,
            wait_remote_track=rtc.TrackKind.KIND_VIDEO,
            clear_buffer_timeout=2.0,
            wait_playback_start=True,
        )

    def _token(self, room: str, agent: str) -> str:
        return (
            api.AccessToken(self._key, self._secret)
            .with_kind("agent")
            .with_identity(IDENTITY)
            .with_name("Bunraku")
            .with_grants(api.VideoGrants(room_join=True, room=room))
            .with_attributes({ON_BEHALF: agent})
            .to_jwt()
        )

    async def _publish(self, video: rtc.EncodedVideoSource, audio: rtc.AudioSource) -> None:
        """Both at once: who waits for the picture need not have asked for the sound."""
        local = self._own.local_participant
        await asyncio.gather(
            local.publish_track(
                rtc.LocalAudioTrack.create_audio_track("avatar_audio", audio),
                rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
            ),
            local.publish_track(
                rtc.LocalVideoTrack.create_video_track("avatar_video", video),
                rtc.TrackPublishOptions(
                    source=rtc.TrackSource.SOURCE_CAMERA,
                    video_codec=rtc.VideoCodec.H264,
                    video_encoder=rtc.VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED,
                    simulcast=False,
                ),
            ),
        )

    async def aclose(self) -> None:
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        if self._worker is not None:
            await self._worker.close()
        await self._stage.close()
        await self._own.disconnect()
        await super().aclose()
