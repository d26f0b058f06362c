"""A face for Pipecat agents: a live digital human of a Bunraku server."""

from pipecat_bunraku.service import BunrakuVideoService, Playback, Room

__all__ = ["BunrakuVideoService", "Playback", "Room"]
