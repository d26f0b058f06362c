"""``Settings`` and the nodes to an ASGI application: everything that answers HTTP and WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from bunraku import __version__
from bunraku.core.apps import Apps
from bunraku.core.clock import Clock
from bunraku.core.settings import Settings
from bunraku.core.tracing import Tracer
from bunraku.front.compat.simli.routes import Simli
from bunraku.front.edge.art import ArtFiles
from bunraku.front.edge.drive_socket import DriveSocketEdge
from bunraku.front.edge.links import Links
from bunraku.front.edge.login import Doorkeeper
from bunraku.front.edge.outputs import OutputFiles
from bunraku.front.edge.people import PeoplePictures
from bunraku.front.edge.signaling import Signaling
from bunraku.front.edge.whep import Whep
from bunraku.front.edge.whip import Whip
from bunraku.front.http import is_loopback
from bunraku.front.own_people import OwnPeople
from bunraku.front.rpc.actions import ACTION_NAMES, Actions
from bunraku.front.rpc.gate import Gate
from bunraku.front.rpc.limits import CallLimits
from bunraku.front.rpc.server import Dispatcher, install
from bunraku.front.web.app_desk import AppDesk
from bunraku.front.web.app_removal import AppRemoval
from bunraku.front.web.assets import Assets
from bunraku.front.web.audit import Audited
from bunraku.front.web.backstage import Backstage
from bunraku.front.web.console import COOKIE, Console
from bunraku.front.web.metrics import Metrics
from bunraku.front.web.people_desk import PeopleDesk
from bunraku.front.web.player import Player
from bunraku.front.web.sessions import ConsoleSessions
from bunraku.front.web.share import SharePage
from bunraku.front.web.share_pass import SharePasses
from bunraku.front.web.voice_desk import VoiceDesk
from bunraku.nodes.base import Nodes
from bunraku.store.app_store import AppStore
from bunraku.store.audit import AuditLog
from bunraku.store.database import Database
from bunraku.store.erasure import Erasure
from bunraku.store.nonces import Nonces
from bunraku.store.people_store import PeopleStore
from bunraku.store.voice_store import VoiceStore


def application(
    settings: Settings,
    clock: Clock,
    database: Database,
    apps: Apps,
    app_store: AppStore,
    nodes: Nodes,
    sessions: ConsoleSessions,
    tracer: Tracer,
    links: Links,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
) -> FastAPI:
    """``lifespan`` starts what the application needs and ends it. ``state.gate`` lets calls in."""
    app = FastAPI(
        title="Bunraku",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    passes = SharePasses(apps, clock)
    door, ice_servers = Doorkeeper(apps, clock), settings.rtc.ice_servers
    for routes in (
        Signaling(nodes.rooms, door, ice_servers, clock).routes(),
        Whep(nodes.rooms, door, ice_servers).routes(),
        ArtFiles(nodes, door).routes(),
        Whip(nodes.rooms, door, ice_servers).routes(),
        DriveSocketEdge(nodes).routes(),
        Metrics(nodes).routes(),
        Assets(nodes).routes(),
        OutputFiles(nodes, links.outputs).routes(),
        PeoplePictures(nodes, links.people).routes(),
        Player().routes(),
        SharePage(passes).routes(),
    ):
        app.include_router(routes)
    if settings.compat.simli.keys:
        app.include_router(Simli(settings.compat.simli, apps, nodes, clock, ice_servers).routes())
    people = OwnPeople(PeopleStore(database), nodes, links.people, clock)
    actions = Actions(settings, nodes, links.outputs, people)
    limits, nonces = CallLimits(settings.limits, clock), Nonces(database, clock)
    gate = Gate(apps, clock, limits, ACTION_NAMES, nonces, strict_nonce=settings.limits.strict_nonce)
    dispatcher = Dispatcher(gate, actions, clock, tracer, settings.public_url)
    if settings.console.enabled:
        private = is_loopback(settings.host) and settings.public_url is None
        audit = AuditLog(database, clock)
        console = Console(settings.console, apps, dispatcher, clock, sessions, audit, private=private)
        console.install(app)
        app.add_middleware(Audited, audit=audit, cookie=COOKIE)
        removal = AppRemoval(apps, app_store, nodes, Erasure(database), clock)
        app.include_router(Backstage(console, apps, nodes, passes).routes())
        voices, private = VoiceStore(database), settings.fetch.allow_private
        app.include_router(VoiceDesk(console, apps, nodes, voices, people, allow_private=private).routes())
        desk = PeopleDesk(console, apps, people, dispatcher, settings.people.most_file)
        app.include_router(desk.routes())
        app.include_router(AppDesk(console, apps, app_store, removal).routes())
    install(app, dispatcher, settings.rpc_prefix)
    app.state.gate = gate
    return app
