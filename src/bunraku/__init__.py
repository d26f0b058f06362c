"""Bunraku: live digital humans, streamed into a room over WebRTC."""

__version__ = "0.1.0"
