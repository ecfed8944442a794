"""`roost bundle push|pull|list|show|alias|history|delete`: bundles between this machine and the cloud's registry."""

from pathlib import Path
from typing import Annotated

import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.lineage_text import fields_of
from roost_cloud.commands.output import AsJson, show_fields, show_json, show_table, when
from roost_cloud.commands.transfer_bar import transfer_bar
from roost_cloud.errors import NotFoundError
from roost_cloud.registry.reference import BadReferenceError, parse_reference
from roost_cloud.transfer import Registry, pull_bundle, push_bundle

__all__ = ["alias", "delete", "history", "list_bundles", "pull", "push", "resolve", "show"]

_Name = Annotated[str, typer.Argument(help="The bundle's name.")]


def push(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The bundle's folder.", exists=True, file_okay=False)],
    *,
    alias: Annotated[str | None, typer.Option(help="Point this alias at it, such as `stable`.")] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Send also what is there: mends what the object store has damaged.")
    ] = False,
) -> None:
    """Push a bundle to the registry: only what it lacks, and on from where an interrupted push stopped."""
    with connect(context) as cloud, transfer_bar("pushing") as bar:
        registry = Registry(cloud)
        pushed = push_bundle(registry, folder, bar, anew=anew)
        if alias is not None:
            registry.move_alias(pushed.bundle.config.name, alias, pushed.bundle.config.version)
    state = "pushed" if pushed.created else "was there already"
    typer.echo(f"  sent {pushed.sent_bytes:,} bytes; {pushed.present_bytes:,} were there")
    typer.echo(f"{pushed.bundle.reference}: {state}" + (f", and is {alias} now" if alias else ""))


def pull(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="NAME:VERSION or NAME@ALIAS.")],
    *,
    out: Annotated[Path, typer.Option(help="The folder to make.", file_okay=False)],
    have: Annotated[
        list[Path] | None, typer.Option(help="A bundle on this machine whose blobs may be used; repeatable.")
    ] = None,
) -> None:
    """Pull a bundle into a folder that roost-agent can use; an interrupted pull goes on where it stopped."""
    with connect(context) as cloud, transfer_bar("pulling") as bar:
        registry = Registry(cloud)
        name, version = resolve(registry, reference)
        pulled = pull_bundle(registry, name, version, out, have=have or (), progress=bar)
    typer.echo(f"  received {pulled.received_bytes:,} bytes; {pulled.present_bytes:,} were here")
    typer.echo(f"{out}: {pulled.bundle.reference}")


def list_bundles(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="A bundle's name: list its versions.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the registry's bundles, or one bundle's versions, the newest first."""
    with connect(context) as cloud:
        registry = Registry(cloud)
        if name is None:
            show_table(
                registry.bundles(),
                {
                    "BUNDLE": lambda one: one.name,
                    "VERSIONS": lambda one: str(one.versions),
                    "NEWEST (UTC)": lambda one: when(one.updated_at),
                },
                as_json=as_json,
            )
        else:
            show_table(
                registry.versions(name),
                {
                    "VERSION": lambda one: one.version,
                    "ALIASES": lambda one: " ".join(one.aliases),
                    "BYTES": lambda one: f"{one.size_bytes:,}",
                    "PUSHED (UTC)": lambda one: when(one.created_at),
                    "DIGEST": lambda one: one.digest,
                },
                as_json=as_json,
            )


def show(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="NAME:VERSION, NAME@ALIAS, or as an answer names it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show a version of the registry: where it comes from, and what came of it."""
    with connect(context) as cloud:
        registry = Registry(cloud)
        name, version = resolve(registry, reference)
        found = registry.whole_version(name, version)
    if as_json:
        show_json(found)
    else:
        show_fields(fields_of(found))


def alias(
    context: typer.Context,
    name: _Name,
    alias: Annotated[str, typer.Argument(help="The alias, such as `stable`.")],
    version: Annotated[str | None, typer.Argument(help="The version it shall point at.")] = None,
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Remove the alias instead; no task may name it.")] = False,
) -> None:
    """Point an alias at a version, or delete it; every move is kept."""
    if delete is (version is not None):
        raise typer.BadParameter("Say the version it shall point at, or --delete.")
    with connect(context) as cloud:
        registry = Registry(cloud)
        if version is None:
            registry.delete_alias(name, alias)
            typer.echo(f"{name}@{alias}: deleted")
            return
        moved = registry.move_alias(name, alias, version)
    typer.echo(f"{name}@{moved.alias} is {name}:{moved.version}")


def history(
    context: typer.Context,
    name: _Name,
    alias: Annotated[str, typer.Argument(help="The alias.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show every move of an alias, the newest first."""
    columns = {
        "WHEN (UTC)": lambda one: when(one.moved_at),
        "FROM": lambda one: one.from_version,
        "TO": lambda one: one.to_version,
        "WHO": lambda one: one.moved_by,
    }
    with connect(context) as cloud:
        show_table(Registry(cloud).alias_history(name, alias), columns, as_json=as_json)


def delete(context: typer.Context, reference: Annotated[str, typer.Argument(help="NAME:VERSION.")]) -> None:
    """Delete a version that no alias points at. Its name will never be another bundle's."""
    name, sign, version = parse_reference(reference)
    if sign != ":":
        raise BadReferenceError(f"{reference!r} is an alias: say which version, as {name}:VERSION")
    with connect(context) as cloud:
        Registry(cloud).delete_version(name, version)
    typer.echo(f"{name}:{version}: deleted")


def resolve(registry: Registry, reference: str) -> tuple[str, str]:
    """Name and version, following an alias to where it points now.

    A version may have its digest behind it, as answers have it.

    Raises:
        BadReferenceError: it names no version.
        NotFoundError: there is no such alias, or the version has another digest.
    """
    reference, said, digest = reference.partition("@sha256:")
    name, sign, which = parse_reference(reference)
    if said and registry.version(name, which).digest != f"sha256:{digest}":
        raise NotFoundError("bundle version", f"{reference}{said}{digest}")
    if sign == ":":
        return name, which
    for one in registry.aliases(name):
        if one.alias == which:
            return name, one.version
    raise NotFoundError("alias", reference)
