"""A digital human of a Bunraku server, for an agent to speak through."""

from bunraku_stage.calls import Api, CallRefused
from bunraku_stage.stage import ENDED, INTERRUPTED, Stage

__all__ = ["ENDED", "INTERRUPTED", "Api", "CallRefused", "Stage"]
