"""`roost token create|list|revoke`: the tokens of one's own tenant, or of the platform."""

from datetime import datetime
from typing import Annotated, Final, Literal
from urllib.parse import quote

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.output import AsJson, show, show_table, when

__all__ = ["IssuedToken", "app"]

_DAY_S: Final = 86_400

app = typer.Typer(no_args_is_help=True, help="API tokens of people and programs.")


class _Token(msgspec.Struct, frozen=True):
    id: str
    name: str
    role: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class IssuedToken(_Token, frozen=True):
    """A token just made, and the only time its text is seen."""

    token: str


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="To tell tokens apart, such as 'CI of the meter team'.")],
    *,
    role: Annotated[Literal["viewer", "operator", "admin"], typer.Option(help="What it may do.")],
    days: Annotated[float | None, typer.Option(help="Days it lives; default for ever.", min=0.001, max=3660)] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token, and print it, this once."""
    body = {"name": name, "role": role, "expires_in_s": None if days is None else days * _DAY_S}
    with connect(context) as cloud:
        made = cloud.call("POST", "/tokens", IssuedToken, body=body)
    show(made, as_json=as_json, text=made.token)


@app.command("list")
def list_tokens(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the tokens there are and were, the newest first."""
    columns = {
        "ID": lambda one: one.id,
        "NAME": lambda one: one.name,
        "ROLE": lambda one: one.role,
        "CREATED": lambda one: when(one.created_at),
        "BY": lambda one: one.created_by,
        "EXPIRES": lambda one: when(one.expires_at),
        "LAST USED": lambda one: when(one.last_used_at),
        "REVOKED": lambda one: when(one.revoked_at),
    }
    with connect(context) as cloud:
        show_table(cloud.each("/tokens", _Token), columns, as_json=as_json)


@app.command()
def revoke(context: typer.Context, token: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """End a token's life, at once."""
    with connect(context) as cloud:
        cloud.call("DELETE", f"/tokens/{quote(token, safe='')}", type(None))
    typer.echo(f"token {token} is revoked")
