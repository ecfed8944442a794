"""`roost dataset make|list|show`: snapshots of labelled samples."""

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Final

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.moments import moment_of
from roost_cloud.commands.output import AsJson, show_fields, show_json, show_table, when
from roost_shared.digest import DIGEST

__all__ = ["app"]

_PAGE_MAX: Final = 1000

app = typer.Typer(no_args_is_help=True, help="Datasets: snapshots of labelled samples, fixed by digest.")


class _Dataset(msgspec.Struct, frozen=True):
    digest: str
    task: str
    incumbent: str
    split: str
    items: int
    size_bytes: int
    summary: dict[str, Any]
    created_at: datetime
    created_by: str
    held_until: datetime


class _Item(msgspec.Struct, frozen=True):
    sample: str
    sha256: str
    media_type: str
    size_bytes: int
    label: str | None
    source: str
    weight: float
    device: str
    world: str
    part: str


@app.command()
def make(
    context: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK")],
    *,
    incumbent: Annotated[
        str, typer.Option(metavar="BUNDLE", help="To be better than: NAME@ALIAS, NAME:VERSION or a digest.")
    ],
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="When the world changed: 2026-11-24, or 7d ago; default: always."),
    ] = None,
    device: Annotated[list[str] | None, typer.Option(help="Devices on which it changed; default: all.")] = None,
    labels_min: Annotated[int, typer.Option(min=4, help="Labelled samples that it takes.")] = 10,
    unlabelled_max: Annotated[int, typer.Option(min=0, help="Unlabelled ones, for self-training.")] = 2000,
    held_days: Annotated[float, typer.Option(min=0.01, help="For so long its samples do not expire.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Make a snapshot of what is labelled now; where nothing has changed it is the same one again."""
    body = {
        "task": task,
        "incumbent": incumbent,
        "since": None if since is None else moment_of(since, datetime.now(UTC)).isoformat(),
        "devices": device or None,
        "labels_min": labels_min,
        "unlabelled_max": unlabelled_max,
        "held_days": held_days,
    }
    with connect(context) as cloud:
        _show(cloud.call("POST", "/datasets", _Dataset, body=body), as_json=as_json)


@app.command("list")
def list_datasets(
    context: typer.Context,
    *,
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List snapshots, the newest first."""
    columns = {
        "DATASET": lambda one: one.digest,
        "TASK": lambda one: one.task,
        "INPUTS": lambda one: f"{one.items:,}",
        "SPLIT": lambda one: f"by {one.split}",
        "MADE": lambda one: when(one.created_at),
        "BY": lambda one: one.created_by,
    }
    query = {"task": task, "limit": min(limit, _PAGE_MAX)}
    with connect(context) as cloud:
        show_table(islice(cloud.each("/datasets", _Dataset, query=query), limit), columns, as_json=as_json)


@app.command()
def show(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="As `list` shows it.")],
    *,
    items: Annotated[bool, typer.Option("--items", help="Every input of it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a snapshot holds."""
    if not DIGEST.fullmatch(dataset):
        raise typer.BadParameter(f"{dataset!r} is no digest: write sha256:…, as `roost dataset list` shows it")
    columns = {
        "INPUT": lambda one: one.sample,
        "WORLD": lambda one: one.world,
        "PART": lambda one: one.part,
        "LABEL": lambda one: one.label,
        "BY": lambda one: one.source or None,
        "WEIGHT": lambda one: f"{one.weight:g}",
    }
    with connect(context) as cloud:
        if items:
            path = f"/datasets/{dataset}/items"
            show_table(cloud.each(path, _Item, query={"limit": _PAGE_MAX}), columns, as_json=as_json)
        else:
            _show(cloud.get(f"/datasets/{dataset}", _Dataset), as_json=as_json)


def _show(one: _Dataset, *, as_json: bool) -> None:
    if as_json:
        show_json(one)
        return
    told = one.summary
    new, old = told["parts"]["new"], told["parts"]["old"]
    by_time = "device" if one.split == "device" else "time: near-duplicates may be in two parts"
    show_fields(
        [
            ("dataset", one.digest),
            ("task", one.task),
            ("incumbent", one.incumbent),
            ("changed world", f"{_counted(new)}; of {told['devices']} devices, split by {by_time}"),
            ("old world", _counted(old)),
            ("labels", _counted(told["labels"])),
            ("labelled by", _counted(told["sources"])),
            ("unlabelled", f"{told['unlabelled']:,}"),
            ("weights", f"{told['weights_clipped']:,} clipped to {told['weight_max']:g}"),
            ("left out", _counted(told["left_out"])),
            ("inputs", f"{one.items:,}, {one.size_bytes:,} bytes; kept from expiring until {when(one.held_until)}"),
            ("made", f"{when(one.created_at)} by {one.created_by}"),
        ]
    )


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items()) or "nothing"
