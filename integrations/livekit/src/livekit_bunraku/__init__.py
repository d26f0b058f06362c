"""A face for LiveKit agents: a live digital human of a Bunraku server."""

from livekit_bunraku.session import AvatarSession
from livekit_bunraku.worker import AvatarWorker, Figure

__all__ = ["AvatarSession", "AvatarWorker", "Figure"]
