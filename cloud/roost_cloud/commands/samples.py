"""`roost samples list|show|export`."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.given import read_sample
from roost_cloud.commands.moments import moment_of
from roost_cloud.commands.output import AsJson, show_fields, show_json, show_table, when
from roost_cloud.commands.transfer_bar import transfer_bar
from roost_cloud.export import Format, export_samples
from roost_shared.records import KeptFor

__all__ = ["app"]

_PAGE_MAX: Final = 1000

app = typer.Typer(no_args_is_help=True, help="Samples: what devices thought worth remembering.")

_Task = Annotated[str | None, typer.Option(help="Only of this task.")]
_Label = Annotated[str | None, typer.Option(help="Only answered so.")]
_Contestant = Annotated[str | None, typer.Option(help="Only answered by this one.")]
_MinConfidence = Annotated[float | None, typer.Option(min=0, max=1, help="Only answered as surely as that, or more.")]
_MaxConfidence = Annotated[float | None, typer.Option(min=0, max=1, help="Only answered as surely as that, or less.")]
_Disagreement = Annotated[
    bool | None, typer.Option("--disagreement/--agreement", help="Only where contestants disagreed, or did not.")
]
_Device = Annotated[str | None, typer.Option(help="Only of this device.")]
_Since = Annotated[str | None, typer.Option(metavar="WHEN", help="Only received since: 2026-11-24, or 7d ago.")]
_Until = Annotated[str | None, typer.Option(metavar="WHEN", help="Only received before.")]
_KeptFor = Annotated[KeptFor | None, typer.Option(help="Only kept for this reason.")]


class _Place(msgspec.Struct, frozen=True):
    shard: str
    offset: int
    size_bytes: int
    sha256: str
    media_type: str
    probability: float
    committed_at: datetime


class _Score(msgspec.Struct, frozen=True):
    contestant: str
    label: str | None
    confidence: float | None
    elapsed_ms: float
    error: str | None = None


class _Sample(msgspec.Struct, frozen=True):
    device: str
    sample: str
    task: str
    label: str | None
    confidence: float | None
    contestant: str | None
    reason: str
    deadline_met: bool
    elapsed_ms: float
    disagreement: bool
    captured_at: str
    received_at: datetime
    kept_for: list[str]
    probability: float
    recorded: str
    content_type: str | None
    size_bytes: int | None
    sha256: str | None
    policy: str | None
    dropped: str | None
    input: _Place | None

    @property
    def where(self) -> str:
        """Where its input is."""
        if self.input is not None:
            return "cloud"
        if self.size_bytes is None:
            return "not kept"
        return self.dropped or "device"


class _Whole(_Sample, frozen=True):
    candidates: list[_Score]
    late: list[_Score]


@app.command("list")
def list_samples(  # noqa: PLR0913 - a command's options
    context: typer.Context,
    *,
    task: _Task = None,
    label: _Label = None,
    contestant: _Contestant = None,
    min_confidence: _MinConfidence = None,
    max_confidence: _MaxConfidence = None,
    disagreement: _Disagreement = None,
    device: _Device = None,
    since: _Since = None,
    until: _Until = None,
    kept_for: _KeptFor = None,
    has_input: Annotated[
        bool | None, typer.Option("--input/--no-input", help="Only with their input in the cloud, or without.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List samples, the newest first."""
    said = _said(
        task=task,
        label=label,
        contestant=contestant,
        min_confidence=min_confidence,
        max_confidence=max_confidence,
        disagreement=disagreement,
        device=device,
        since=since,
        until=until,
        kept_for=kept_for,
        has_input=has_input,
    )
    columns: dict[str, Callable[[_Sample], str | None]] = {
        "SAMPLE": lambda one: f"{one.device}/{one.sample}",
        "TASK": lambda one: one.task,
        "LABEL": lambda one: one.label,
        "CONFIDENCE": lambda one: _rounded(one.confidence),
        "BY": lambda one: one.contestant,
        "KEPT FOR": lambda one: " ".join(one.kept_for),
        "RECEIVED": lambda one: when(one.received_at),
        "INPUT": lambda one: one.where,
    }
    with connect(context) as cloud:
        listed = cloud.each("/samples", _Sample, query={**_query(said), "limit": min(limit, _PAGE_MAX)})
        show_table(islice(listed, limit), columns, as_json=as_json)


@app.command("show")
def show_sample(
    context: typer.Context,
    sample: Annotated[str, typer.Argument(metavar="DEVICE/SAMPLE", help="As `list` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a sample."""
    device, name = read_sample(sample)
    path = f"/samples/{quote(device, safe='')}/{quote(name, safe='')}"
    with connect(context) as cloud:
        if as_json:
            show_json(cloud.get(path, dict[str, Any]))  # whatever a newer cloud may tell besides
            return
        whole = cloud.get(path, _Whole)
    fields = [
        ("sample", sample),
        ("task", whole.task),
        ("answer", f"{whole.label} {_rounded(whole.confidence) or ''} by {whole.contestant} ({whole.reason})"),
        *((f"scored by {one.contestant}", _score(one)) for one in whole.candidates),
        *((f"late by {one.contestant}", _score(one)) for one in whole.late),
        ("captured", f"{whole.captured_at} by the device's clock"),
        ("received", when(whole.received_at) or ""),
        ("kept for", " ".join(whole.kept_for) or "nothing"),
        ("probability", str(whole.probability if whole.input is None else whole.input.probability)),
        ("input", whole.where),
    ]
    show_fields(fields)


@app.command()
def export(  # noqa: PLR0913 - a command's options
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The folder to make, or to go on with.", file_okay=False)],
    *,
    kind: Annotated[
        Format, typer.Option("--format", help="Files and samples.jsonl, or tars that WebDataset reads.")
    ] = "folder",
    task: _Task = None,
    label: _Label = None,
    contestant: _Contestant = None,
    min_confidence: _MinConfidence = None,
    max_confidence: _MaxConfidence = None,
    disagreement: _Disagreement = None,
    device: _Device = None,
    since: _Since = None,
    until: _Until = None,
    kept_for: _KeptFor = None,
) -> None:
    """Export samples whose inputs are in the cloud, with labels, scores and weights; interrupted, it goes on."""
    said = _said(
        task=task,
        label=label,
        contestant=contestant,
        min_confidence=min_confidence,
        max_confidence=max_confidence,
        disagreement=disagreement,
        device=device,
        since=since,
        until=until,
        kept_for=kept_for,
    )
    with connect(context) as cloud, transfer_bar("exporting") as bar:
        exported = export_samples(cloud, out, kind, _query(said), bar, said=said)
    typer.echo(f"{out}: {exported.samples:,} samples, {exported.size_bytes:,} bytes of inputs")


def _said(**options: str | float | bool | None) -> dict[str, str | None]:
    """Options as they were given, each a text as the API takes it; moments not yet."""
    return {
        name: value if value is None or isinstance(value, str) else str(value).lower()
        for name, value in options.items()
    }


def _query(said: dict[str, str | None]) -> dict[str, str | None]:
    """As the API takes it."""
    now = datetime.now(UTC)
    moments = {name: said[name] for name in ("since", "until")}
    return said | {name: text and moment_of(text, now).isoformat() for name, text in moments.items()}


def _score(one: _Score) -> str:
    if one.error:
        return f"{one.error} after {one.elapsed_ms:.0f} ms"
    return f"{one.label} {_rounded(one.confidence) or ''} after {one.elapsed_ms:.0f} ms"


def _rounded(confidence: float | None) -> str | None:
    return None if confidence is None else f"{confidence:.3f}"
