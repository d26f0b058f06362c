"""``bunraku voices``: voices that one app has for itself, asked of a running server's console."""

from __future__ import annotations

import click

from bunraku.apps_cli import ask, operator


@click.group()
def voices() -> None:
    """Look after the voices of single apps on a running server."""


_app = click.option(
    "--app", "app_id", type=click.IntRange(1, 4294967295), required=True, help="AppId of whose voices."
)


@voices.command("list")
@_app
@operator
def show(app_id: int, base_url: str, password: str | None) -> None:
    """List an app's own voices."""
    for voice in ask(base_url, password, "GET", f"/console/voices/{app_id}")["voices"]:
        source = voice.get("folder") or f"{voice['baseUrl']} {' '.join(voice['voices'])}"
        click.echo(f"{voice['name']}  {voice['digitalHumanId']}  {voice['kind']}  {source}")


@voices.command()
@click.argument("name")
@_app
@click.option("--human", required=True, help="DigitalHumanId whose timbres they become.")
@click.option("--piper", "folder", help="Folder with piper voices; the same on every node.")
@click.option("--openai", "server", help="OpenAI-compatible server, up to and with /v1.")
@click.option("--voice", "names", multiple=True, help="A voice of that server; may be repeated.")
@click.option("--api-key", envvar="BUNRAKU_VOICE_API_KEY", help="That server's; better in the environment.")
@click.option("--model", default="tts-1", show_default=True)
@click.option("--language", default="en-US", show_default=True, help="BCP 47 tag.")
@click.option("--sample-rate", default=24000, show_default=True, help="Of the server's PCM.")
@operator
def add(
    name: str,
    app_id: int,
    human: str,
    folder: str | None,
    server: str | None,
    names: tuple[str, ...],
    api_key: str | None,
    model: str,
    language: str,
    sample_rate: int,
    base_url: str,
    password: str | None,
) -> None:
    """Give an app the voices NAME; prints their TimbreIds. Only it lists and uses them."""
    if (folder is None) == (server is None):
        raise click.UsageError("one of --piper and --openai is needed")
    form: dict[str, object] = {"name": name, "digitalHumanId": human}
    if folder is not None:
        form |= {"kind": "piper", "folder": folder}
    else:
        form |= {"kind": "openai", "baseUrl": server, "voices": list(names), "model": model}
        form |= {"language": language, "sampleRate": sample_rate, "apiKey": api_key}
    made = ask(base_url, password, "POST", f"/console/voices/{app_id}", json=form)
    for timbre in made["timbres"]:
        click.echo(timbre)
    if not made["timbres"]:
        click.echo("no voices were found there", err=True)


@voices.command()
@click.argument("name")
@_app
@operator
def remove(name: str, app_id: int, base_url: str, password: str | None) -> None:
    """Take the voices NAME away; what they are saying they say to the end."""
    ask(base_url, password, "POST", f"/console/voices/{app_id}/{name}/delete")
