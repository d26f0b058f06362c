"""Command-line commands that drive a server through the API, built on ``bunraku.client``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import click
import httpx

from bunraku.client import BadAnswer, Client
from bunraku.core.errors import ApiError


def _connected(command: Callable[..., None]) -> Callable[..., None]:
    """Options that name a server and an app; failures become one line and exit status 1."""

    @click.option("--base-url", envvar="BUNRAKU_URL", default="http://127.0.0.1:8080", show_default=True)
    @click.option("--app-id", envvar="BUNRAKU_APP_ID", type=int, required=True)
    @click.option("--secret", envvar="BUNRAKU_SERVER_SECRET", required=True, help="ServerSecret.")
    @wraps(command)
    def run(base_url: str, app_id: int, secret: str, **options: Any) -> None:
        try:
            with Client(base_url, app_id, secret) as api:
                command(api, **options)
        except ApiError as error:
            raise click.ClickException(f"{error.code} {error.message}") from None
        except (httpx.HTTPError, BadAnswer) as error:
            raise click.ClickException(f"{base_url}: {error}") from None

    return run


@click.command()
@_connected
def tasks(api: Client) -> None:
    """List the app's running stream tasks."""
    for task in api.running():
        since = datetime.fromtimestamp(task["CreateTime"]).astimezone().isoformat(timespec="seconds")
        click.echo(f"{task['TaskId']}  {task['Status']}  {since}  {task['RoomId']} / {task['StreamId']}")


@click.command()
@click.argument("human")
@click.option("--room", required=True, help="RoomId.")
@click.option("--stream", required=True, help="StreamId.")
@click.option("--size", default="720x1280", show_default=True)
@click.option("--background", help="#RRGGBB")
@_connected
def create(api: Client, human: str, room: str, stream: str, size: str, background: str | None) -> None:
    """Bring HUMAN (a DigitalHumanId or name) to life; prints the TaskId."""
    found = [h for h in api.digital_humans() if human in (h["DigitalHumanId"], h["Name"])]
    width, _, height = size.partition("x")
    if not width.isdigit() or not height.isdigit():
        raise click.BadParameter("size is WIDTHxHEIGHT")
    click.echo(
        api.create(
            found[0]["DigitalHumanId"] if found else human,
            room_id=room,
            stream_id=stream,
            size=(int(width), int(height)),
            background=background,
        )
    )


@click.command()
@click.argument("task")
@click.argument("text")
@click.option("--voice", default="en-us-ava", show_default=True, help="TimbreId.")
@click.option("--now", is_flag=True, help="Interrupt what is being said.")
@_connected
def say(api: Client, task: str, text: str, voice: str, now: bool) -> None:
    """Speak TEXT; prints the DriveId."""
    click.echo(api.speak(task, text, timbre_id=voice, interrupt=now))


@click.command()
@click.argument("task")
@_connected
def interrupt(api: Client, task: str) -> None:
    """Fall silent and empty the queue."""
    api.interrupt(task)


@click.command()
@click.argument("task_ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Stop every task that is listed.")
@_connected
def stop(api: Client, task_ids: tuple[str, ...], everything: bool) -> None:
    """End stream tasks."""
    for task in [t["TaskId"] for t in api.running()] if everything else task_ids:
        api.stop(task)


@click.command()
@_connected
def check(api: Client) -> None:
    """Check a server against the contract; prints one line a rule, exits 1 when one fails."""
    from bunraku.check import run

    failed = 0
    for rule, fault in run(api):
        failed += fault is not None
        click.echo(f"{'FAIL' if fault else 'ok  '}  {rule}{f': {fault}' if fault else ''}")
    if failed:
        raise click.ClickException(f"{failed} rules failed")


COMMANDS = (tasks, create, say, interrupt, stop, check)
