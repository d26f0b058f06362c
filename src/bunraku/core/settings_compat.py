"""``[compat]``: other services' protocols that this server speaks as well, each off until it has keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bunraku.core.section import Section


class SimliKey(Section):
    """One of ``[[compat.simli.keys]]``."""

    key: Annotated[str, Field(min_length=16, repr=False, description="What clients send as x-simli-api-key.")]
    app_id: Annotated[int, Field(ge=1, le=4294967295, description="The app whose sessions they are.")]


class SimliSettings(Section):
    """``[compat.simli]``."""

    keys: Annotated[
        tuple[SimliKey, ...], Field(description="API keys; without one the endpoint is not there.")
    ] = ()


class CompatSettings(Section):
    """``[compat]``."""

    simli: SimliSettings = SimliSettings()
