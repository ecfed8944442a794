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

__all__ = ["AsJson", "number", "printable", "show", "show_fields", "show_json", "show_table", "when"]

_Item = TypeVar("_Item")

_PIPED_WIDTH: Final = 1000  # whatever reads a pipe has no use for folded lines

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, whole, for programs.")]


def show(item: object, *, as_json: bool, text: str) -> None:
    """Print one thing: as JSON, or as the text given."""
    if as_json:
        show_json(item)
    else:
        typer.echo(text)


def show_json(value: object) -> None:
    """Print anything for programs."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def show_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print what is known of one thing, a name and a value a line."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields:
        table.add_row(name, _text(value))
    _print(table)


def show_table(items: Iterable[_Item], columns: Mapping[str, Callable[[_Item], str | None]], *, as_json: bool) -> None:
    """Print a list.

    Args:
        items: what the cloud gave.
        columns: by heading, what to show of an item; None shows as a dash.
        as_json: print the items themselves.
    """
    if as_json:
        show_json(list(items))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(columns):
        table.add_column(heading, overflow="fold", no_wrap=number == 0)  # what is copied into the next command
    for item in items:
        table.add_row(*(_text(cell(item) or "–") for cell in columns.values()))
    _print(table)


def when(moment: datetime | None) -> str | None:
    """A moment for people, UTC, to the minute."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def number(value: float | None) -> str | None:
    """A figure to three places that count."""
    return None if value is None else f"{value:.3g}"


def printable(text: str) -> str:
    """What others said, with nothing in it that a terminal obeys."""
    return "".join(char if char.isprintable() else "�" for char in text)


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)


def _text(text: str) -> Text:
    """What others named: no markup of ours, and nothing that a terminal obeys."""
    return Text(printable(text))
