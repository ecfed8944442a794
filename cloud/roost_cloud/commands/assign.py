"""`roost assign`: what devices shall run."""

from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from roost_cloud.client import ApiClient, RemoteError
from roost_cloud.commands.assigned import Assignment, fetch_standing, standing_rows
from roost_cloud.commands.connect import connect
from roost_cloud.commands.given import read_given
from roost_cloud.commands.output import AsJson, show_fields, show_json
from roost_shared.errors import ConfigError

__all__ = ["assign"]


class _Enrolled(msgspec.Struct, frozen=True):
    device: str
    status: str


def assign(
    context: typer.Context,
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DEVICE]... FILE",
            help="FILE: TOML, [tasks.NAME] as in agent.toml, bundles NAME:VERSION or NAME@ALIAS; - for stdin.",
            show_default=False,
        ),
    ] = None,
    *,
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="All devices with it; repeatable.")
    ] = None,
    show: Annotated[str | None, typer.Option("--show", metavar="DEVICE", help="Assign nothing: show one's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what devices shall run; each is told within a second, and installs it by itself."""
    if show is not None:
        if given or label:
            raise typer.BadParameter("it assigns nothing: say --show DEVICE alone", param_hint="--show")
        _show(context, show, as_json=as_json)
        return
    *devices, file = given or [""]
    if not file or bool(devices) == bool(label):
        raise typer.BadParameter("say which DEVICE, or --label KEY=VALUE, and FILE")
    document = _document(Path(file))
    with connect(context) as cloud:
        chosen = devices or _labelled(cloud, label or [])
        results = [_assign(cloud, device, document, quiet=as_json) for device in chosen]
    if as_json:
        show_json(results)
    elif not results:
        typer.echo("no enrolled device has these labels", err=True)
    if not results or any("error" in one for one in results):
        raise typer.Exit(1)


def _assign(cloud: ApiClient, device: str, document: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Assign, and say what happened; another device's refusal is not this one's."""
    try:
        reply = cloud.send("PUT", f"/devices/{quote(device, safe='')}/assignment", msgspec.json.encode(document))
    except RemoteError as error:
        if not quiet:
            typer.echo(f"{device}: {error.code}: {error}", err=True)
        return {"device": device, "error": {"code": error.reason, "message": error.text}}
    made = msgspec.json.decode(reply.data, type=Assignment)
    created = reply.status == HTTPStatus.CREATED
    if not quiet:
        bundles = " ".join(one.partition("@")[0] for one in made.bundles) or "no bundle"
        typer.echo(f"{device}: assignment {made.version}, {bundles if created else 'as before'}")
    return {"device": device, "version": made.version, "created": created}


def _labelled(cloud: ApiClient, labels: list[str]) -> list[str]:
    found = cloud.each("/devices", _Enrolled, query={"label": labels, "limit": 1000})
    return [one.device for one in found if one.status == "enrolled"]


def _document(file: Path) -> dict[str, Any]:
    raw = read_given(file)
    others = sorted(raw.keys() - {"tasks"})
    if others:
        problem, remedy = "it is no part of an assignment", "Leave [tasks.NAME] alone in the file"
        raise ConfigError(where=str(file), key=others[0], problem=problem, remedy=remedy)
    if "tasks" not in raw:
        raise ConfigError(
            where=str(file), key="tasks", problem="missing", remedy="Write [tasks.NAME]; `tasks = {}` for nothing"
        )
    return raw


def _show(context: typer.Context, device: str, *, as_json: bool) -> None:
    with connect(context) as cloud:
        standing = fetch_standing(cloud, device)
    if as_json:
        show_json(standing)
        return
    show_fields([("device", device), *standing_rows(standing)])
