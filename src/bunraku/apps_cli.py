"""``bunraku apps``: the operator's commands about tenants, asked of a running server's console."""

from __future__ import annotations

from typing import Any

import click
import httpx

SLOW = 180.0  # s beyond the wait for callbacks: ending tasks, other processes, files, many rows


def ask(base_url: str, password: str | None, method: str, path: str, **options: Any) -> Any:
    """The answer's JSON. Raises ``ClickException`` in one line for whatever goes wrong."""
    origin = {"Origin": base_url.rstrip("/")}
    try:
        with httpx.Client(base_url=base_url, headers=origin, trust_env=False) as client:
            if password is not None:
                _good(client.post("/console/login", json={"password": password}))
            return _good(client.request(method, path, **options))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise click.ClickException(f"{base_url}: {error or type(error).__name__}") from None


def _good(answer: httpx.Response) -> Any:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if answer.status_code != 200 or not isinstance(body, dict):
        told = body.get("error") if isinstance(body, dict) else None
        raise click.ClickException(str(told or f"HTTP {answer.status_code}; is this Bunraku's console?"))
    return body


def operator(command: Any) -> Any:
    options = (
        click.option("--base-url", envvar="BUNRAKU_URL", default="http://127.0.0.1:8080", show_default=True),
        click.option("--password", envvar="BUNRAKU_CONSOLE__PASSWORD", help="Operator password."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def apps() -> None:
    """Look after tenants on a running server."""


@apps.command("list")
@operator
def show(base_url: str, password: str | None) -> None:
    """List the apps."""
    for app in ask(base_url, password, "GET", "/console/state")["apps"]:
        notes = ["" if app["editable"] else "in the file", "" if app["enabled"] else "disabled"]
        click.echo("  ".join([str(app["appId"]), app["name"], *filter(None, notes)]))


@apps.command()
@click.argument("app_id", type=click.IntRange(1, 4294967295))
@click.option("--data", is_flag=True, help="Erase everything that is stored of it, too.")
@click.option(
    "--wait",
    type=click.FloatRange(0, 120),
    default=10.0,
    show_default=True,
    help="Seconds its callbacks have to be taken.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@operator
def delete(app_id: int, data: bool, wait: float, yes: bool, base_url: str, password: str | None) -> None:
    """End an app: its calls are refused, and its stream tasks end with their callbacks.

    With --data also for an app that the server does not know any more.
    """
    if not yes:
        click.confirm(f"Delete app {app_id}{' and all its data' if data else ''}?", abort=True)
    asked = {"json": {"data": data, "wait": wait}, "timeout": wait + SLOW}
    removed = ask(base_url, password, "POST", f"/console/apps/{app_id}/delete", **asked)
    if removed["undelivered"]:
        click.echo(f"{removed['undelivered']} callbacks were not taken")
    for table, rows in removed["rows"].items():
        click.echo(f"{rows:>8}  {table}")
    if removed["files"]:
        click.echo(f"{removed['files']:>8}  files")
    if removed["filesLeft"]:
        raise click.ClickException(
            f"app {app_id} is gone, but not all of its files ({removed['filesLeft']}): run this again"
        )
    click.echo(f"app {app_id} is gone")
