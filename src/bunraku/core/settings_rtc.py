"""``[rtc]``: how media reaches watchers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bunraku.core.section import Section


class IceServer(Section):
    """``[[rtc.ice_servers]]``, or just its URL: what watchers may use to find a way."""

    url: Annotated[str, Field(pattern=r"^(stuns?|turns?):[^\s<>]+$", description="stun: or turn: URL.")]
    username: Annotated[str | None, Field(description="For turn:.")] = None
    credential: Annotated[str | None, Field(repr=False, description="For turn:; watchers see it.")] = None

    def description(self) -> dict[str, str]:
        """As ``RTCIceServer`` of the browser."""
        found = {"urls": self.url, "username": self.username, "credential": self.credential}
        return {k: v for k, v in found.items() if v is not None}


def _ice_server(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class RtcSettings(Section):
    """``[rtc]``: how media reaches watchers."""

    transport: Annotated[
        Literal["port", "aiortc"],
        Field(
            description="port: all watchers behind one UDP port; aiortc: a port each, full ICE, video only."
        ),
    ] = "port"
    port: Annotated[
        int,
        Field(
            ge=0,
            le=65535,
            description="The one UDP port of the port transport; 0 lets the system choose.",
        ),
    ] = 0
    advertise: Annotated[
        tuple[str, ...],
        Field(description="Addresses told to watchers, for 1:1 NAT and containers; found when empty."),
    ] = ()
    ice_servers: Annotated[
        tuple[Annotated[IceServer, BeforeValidator(_ice_server)], ...],
        Field(description="STUN and TURN servers told to watchers: URLs, or tables with credentials."),
    ] = ()
    watcher_timeout: Annotated[
        float, Field(gt=0, description="Seconds without an ICE consent check until a watcher is dropped.")
    ] = 15.0
    max_watchers: Annotated[int, Field(ge=1, description="Watchers one stream may have.")] = 200
    drawing: Annotated[
        Literal["allow", "never"],
        Field(description="Whether viewers' browsers may draw a figure; by the transport port only."),
    ] = "allow"

    @property
    def drawable(self) -> bool:
        """aiortc keeps to itself what number the time of its sound has."""
        return self.drawing == "allow" and self.transport == "port"
