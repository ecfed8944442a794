"""`roost bundle push|pull|list|alias|history|delete`: bundles between this machine and the cloud's registry."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.errors import NotFoundError
from roost_cloud.registry.reference import BadReferenceError, parse_reference
from roost_cloud.transfer import Registry, pull_bundle, push_bundle

__all__ = ["alias", "delete", "history", "list_bundles", "pull", "push"]

_Name = Annotated[str, typer.Argument(help="The bundle's name.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
    with connect(context) as cloud, _bar("pushing") as bar:
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
    with connect(context) as cloud, _bar("pulling") as bar:
        registry = Registry(cloud)
        name, version = _resolve(registry, reference)
        pulled = pull_bundle(registry, name, version, out, have=have or (), progress=bar)
    typer.echo(f"  received {pulled.received_bytes:,} bytes; {pulled.present_bytes:,} were here")
    typer.echo(f"{out}: {pulled.bundle.reference}")


def list_bundles(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="A bundle's name: list its versions.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """List the registry's bundles, or one bundle's versions, the newest first."""
    with connect(context) as cloud:
        registry = Registry(cloud)
        if name is None:
            bundles = list(registry.bundles())
            rows = [(one.name, str(one.versions), f"{one.updated_at:%Y-%m-%d %H:%M}") for one in bundles]
            _show(("bundle", "versions", "newest"), rows, bundles, as_json=as_json)
            return
        versions = list(registry.versions(name))
        _show(
            ("version", "aliases", "bytes", "pushed", "digest"),
            [
                (
                    one.version,
                    " ".join(one.aliases),
                    f"{one.size_bytes:,}",
                    f"{one.created_at:%Y-%m-%d %H:%M}",
                    one.digest,
                )
                for one in versions
            ],
            versions,
            as_json=as_json,
        )


def alias(
    context: typer.Context,
    name: _Name,
    alias: Annotated[str, typer.Argument(help="The alias, such as `stable`.")],
    version: Annotated[str, typer.Argument(help="The version it shall point at.")],
) -> None:
    """Point an alias at a version; every move is kept."""
    with connect(context) as cloud:
        moved = Registry(cloud).move_alias(name, alias, version)
    typer.echo(f"{name}@{moved.alias} is {name}:{moved.version}")


def history(
    context: typer.Context,
    name: _Name,
    alias: Annotated[str, typer.Argument(help="The alias.")],
    *,
    as_json: _Json = False,
) -> None:
    """Show every move of an alias, the newest first."""
    with connect(context) as cloud:
        moves = list(Registry(cloud).alias_history(name, alias))
    rows = [
        (f"{one.moved_at:%Y-%m-%d %H:%M:%S}", one.from_version or "-", one.to_version or "-", one.moved_by)
        for one in moves
    ]
    _show(("when", "from", "to", "who"), rows, moves, as_json=as_json)


def delete(context: typer.Context, reference: Annotated[str, typer.Argument(help="NAME:VERSION.")]) -> None:
    """Delete a version that no alias points at. Its name will never be another bundle's."""
    name, sign, version = parse_reference(reference)
    if sign != ":":
        raise BadReferenceError(f"{reference!r} is an alias: say which version, as {name}:VERSION")
    with connect(context) as cloud:
        Registry(cloud).delete_version(name, version)
    typer.echo(f"{name}:{version}: deleted")


def _resolve(registry: Registry, reference: str) -> tuple[str, str]:
    """Name and version, following an alias to where it points now."""
    name, sign, which = parse_reference(reference)
    if sign == ":":
        return name, which
    for one in registry.aliases(name):
        if one.alias == which:
            return name, one.version
    raise NotFoundError("alias", reference)


def _show(headings: Sequence[str], rows: Iterable[Sequence[str]], items: Any, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(items)).decode())
        return
    from rich.console import Console  # noqa: PLC0415 - only tables need it
    from rich.table import Table  # noqa: PLC0415 - only tables need it

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(markup=False, highlight=False).print(table)


class _Bar:
    """A progress bar; on no terminal, none."""

    def __init__(self, bars: Any, title: str) -> None:
        self._bars = bars
        self._task = bars.add_task(title, total=0)
        self._total_bytes = 0
        self._lock = Lock()

    def expect(self, more_bytes: int) -> None:
        """See `Progress.expect`."""
        with self._lock:
            self._total_bytes += more_bytes
            self._bars.update(self._task, total=self._total_bytes)

    def moved(self, more_bytes: int) -> None:
        """See `Progress.moved`."""
        self._bars.update(self._task, advance=more_bytes)


@contextmanager
def _bar(title: str) -> Iterator[_Bar]:
    from rich.console import Console  # noqa: PLC0415 - only transfers draw bars
    from rich.progress import (  # noqa: PLC0415 - only transfers draw bars
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    said = TextColumn("{task.description}")
    columns = (said, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield _Bar(bars, title)
