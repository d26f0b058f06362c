"""``[people]``: digital humans that apps make for themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from bunraku.core.section import Section


class MakingLimits(NamedTuple):
    """Of a file and of the process that makes a digital human of it: bytes, seconds, bytes."""

    source_bytes: int
    seconds: float
    memory: int


class PeopleSettings(Section):
    """``[people]``: digital humans of single apps (contract section 13.3)."""

    folder: Annotated[
        Path | None,
        Field(
            description="Where their packs are kept, data_dir/people when not given; of several machines, a "
            "folder that all nodes share, unless s3_url is set."
        ),
    ] = None
    s3_url: Annotated[
        str | None,
        Field(
            pattern=r"^s3://[^/]+(/.*)?$",
            description="s3://bucket/prefix: packs are kept there instead, a prefix that no output has "
            "(bunraku[s3]). Endpoint, region and keys are those of [outputs].",
        ),
    ] = None
    nets: Annotated[
        Path | None,
        Field(
            description="Where the nets that find a face are, data_dir/people-nets when not given; what is "
            "missing there is fetched by pip."
        ),
    ] = None
    most: Annotated[int, Field(ge=0, description="Digital humans an app may have of its own.")] = 20
    most_bytes: Annotated[int, Field(gt=0, description="What the packs of an app may take.")] = 1024**3
    most_making: Annotated[
        int, Field(ge=1, description="Of an app, made at once or waiting for their turn.")
    ] = 3
    makers: Annotated[
        int, Field(ge=1, description="Made at once on one node, by a process of low priority each.")
    ] = 1
    source_bytes: Annotated[
        int, Field(gt=0, description="Largest file that is taken, uploaded or fetched, but for videos.")
    ] = 200 * 1024**2
    pack_bytes: Annotated[int, Field(gt=0, description="Largest pack that may come of it.")] = 200 * 1024**2
    seconds: Annotated[float, Field(gt=0, description="Seconds that making one may take.")] = 900.0
    memory: Annotated[
        int, Field(ge=256 * 1024**2, description="Bytes of memory that making one may take.")
    ] = 3 * 1024**3
    video_bytes: Annotated[int, Field(gt=0, description="Largest video that is taken.")] = 500 * 1024**2
    video_seconds: Annotated[
        float, Field(gt=0, description="Seconds that making one of a video may take.")
    ] = 1800.0
    video_memory: Annotated[
        int, Field(ge=256 * 1024**2, description="Bytes of memory that making one of a video may take.")
    ] = 3 * 1024**3

    def of(self, kind: str) -> MakingLimits:
        """Of a kind of source."""
        if kind == "video":
            return MakingLimits(self.video_bytes, self.video_seconds, self.video_memory)
        return MakingLimits(self.source_bytes, self.seconds, self.memory)

    @property
    def most_file(self) -> int:
        """Bytes of the largest file of any kind."""
        return max(self.source_bytes, self.video_bytes)
