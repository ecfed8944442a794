"""`roost tenant create|list`: for the platform's people."""

from datetime import datetime
from typing import Annotated

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.output import AsJson, show, show_table, when
from roost_cloud.commands.token import IssuedToken

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Tenants: whoever must never see another's things.")


class _Tenant(msgspec.Struct, frozen=True):
    name: str
    created_at: datetime


class _Created(_Tenant, frozen=True):
    admin_token: IssuedToken


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="a-z, 0-9, '.', '_', '-'.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a tenant, and print its first admin's token, this once."""
    with connect(context) as cloud:
        fingerprint = cloud.pinned_root()  # before there is a token that an error would swallow
        made = cloud.call("POST", "/tenants", _Created, body={"name": name})
    pinned = "" if fingerprint is None else f" --ca-fingerprint {fingerprint}"
    # Under a name of its own: the platform's token, which is shown once, stays beside it.
    login = f"roost login {cloud.url}{pinned} --profile {made.name} --token {made.admin_token.token}"
    show(made, as_json=as_json, text=f"tenant {made.name}; its admin gets in by: {login}")


@app.command("list")
def list_tenants(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the tenants."""
    with connect(context) as cloud:
        columns = {"TENANT": lambda one: one.name, "CREATED": lambda one: when(one.created_at)}
        show_table(cloud.each("/tenants", _Tenant), columns, as_json=as_json)
