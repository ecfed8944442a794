"""How commands show what the cloud told them: a table for people, or JSON for programs."""

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["AsJson", "show", "show_table", "when"]

_Item = TypeVar("_Item")

_PIPED_WIDTH: Final = 1000  # whatever reads a pipe has no use for folded lines

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, whole, for programs.")]


def show(item: object, *, as_json: bool, text: str) -> None:
    """Print one thing: as JSON, or as the text given."""
    typer.echo(_json(item) if as_json else text)


def show_table(items: Iterable[_Item], columns: Mapping[str, Callable[[_Item], str | None]], *, as_json: bool) -> None:
    """Print a list.

    Args:
        items: what the cloud gave.
        columns: by heading, what to show of an item; None shows as a dash.
        as_json: print the items themselves.
    """
    if as_json:
        typer.echo(_json(list(items)))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(columns):
        table.add_column(heading, overflow="fold", no_wrap=number == 0)  # what is copied into the next command
    for item in items:
        # As Text: what others named is no markup of ours.
        table.add_row(*(Text(_printable(cell(item) or "–")) for cell in columns.values()))
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)


def when(moment: datetime | None) -> str | None:
    """A moment for people, UTC, to the minute."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in text)
