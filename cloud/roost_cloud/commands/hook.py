"""`roost hook add|list|delete`: whom to tell of what happens."""

from datetime import datetime
from typing import Annotated

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.output import AsJson, show, show_table, when
from roost_shared.topics import check_name

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Hooks: whom to tell of what happens, by webhook or MQTT.")


class _Hook(msgspec.Struct, frozen=True):
    id: str
    way: str
    url: str | None
    events: list[str]
    created_at: datetime
    created_by: str
    pending: int
    accepted: int
    given_up: int
    secret: str | None = None


@app.command()
def add(
    context: typer.Context,
    where: Annotated[str, typer.Argument(metavar="URL|mqtt", help="https://… of a webhook; or mqtt, for the broker.")],
    event: Annotated[list[str] | None, typer.Option(help="Only of these, as alarm; repeatable.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Have somebody told from now on; a webhook's secret is shown once."""
    body = {"way": "mqtt"} if where == "mqtt" else {"way": "webhook", "url": where}
    with connect(context) as cloud:
        hook = cloud.call("POST", "/hooks", _Hook, body={**body, "events": event or []})
    lines = [f"hook {hook.id}: {hook.url or 'MQTT, roost/1/TENANT/events/+'}"]
    lines += [f"secret, shown this once: {hook.secret}"] if hook.secret is not None else []
    show(hook, as_json=as_json, text="\n".join(lines))


@app.command("list")
def list_hooks(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List hooks, and how tellings of the last two weeks fared."""
    columns = {
        "HOOK": lambda one: one.id,
        "WAY": lambda one: one.way,
        "URL": lambda one: one.url,
        "EVENTS": lambda one: " ".join(one.events) or "all",
        "PENDING": lambda one: str(one.pending),
        "ACCEPTED": lambda one: str(one.accepted),
        "GIVEN UP": lambda one: str(one.given_up),
        "ADDED": lambda one: when(one.created_at),
    }
    with connect(context) as cloud:
        show_table(cloud.each("/hooks", _Hook), columns, as_json=as_json)


@app.command()
def delete(context: typer.Context, hook: Annotated[str, typer.Argument(help="As `list` shows it.")]) -> None:
    """Tell them no more, not even what is on its way."""
    with connect(context) as cloud:
        cloud.call("DELETE", f"/hooks/{check_name(hook, 'hook')}", type(None))
    typer.echo(f"hook {hook}: deleted")
