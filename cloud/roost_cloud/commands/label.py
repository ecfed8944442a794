"""`roost label add|import|list|queue|status|agreement|settings`: what people say that samples show."""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.given import read_sample
from roost_cloud.commands.label_sheet import QueuedSample, check_free, write_sheet
from roost_cloud.commands.moments import moment_of
from roost_cloud.commands.output import AsJson, show, show_fields, show_json, show_table, when

__all__ = ["app"]

_PAGE_MAX: Final = 1000

app = typer.Typer(no_args_is_help=True, help="Labels: what people and programs say that samples show.")

_Task = Annotated[str, typer.Argument(metavar="TASK")]
_By = Annotated[str | None, typer.Option(metavar="PERSON", help="Who says so; default: whoever is logged in.")]
_NewLabel = Annotated[
    list[str] | None,
    typer.Option(metavar="LABEL", help="May join the task's labels; others that it lacks are refused."),
]


class _Label(msgspec.Struct, frozen=True):
    device: str
    sample: str
    task: str
    label: str | None
    kind: str
    source: str
    confidence: float | None
    drawn: str | None
    labelled_at: datetime


class _Recorded(msgspec.Struct, frozen=True):
    added: int
    unchanged: int
    joined: list[str]

    @property
    def words(self) -> str:
        """What became of labels."""
        joined = f", new to the task: {', '.join(self.joined)}" if self.joined else ""
        return f"{self.added:,} labels added, {self.unchanged:,} said already{joined}"


class _Queued(msgspec.Struct, frozen=True):
    items: list[QueuedSample]
    until: datetime
    labels: list[str]


class _Summary(msgspec.Struct, frozen=True):
    space: list[str]
    states: dict[str, int]
    labels: dict[str, int]
    kinds: dict[str, int]
    sources: dict[str, int]


class _Pair(msgspec.Struct, frozen=True):
    first: str
    second: str
    samples: int
    same: int
    kappa: float | None


class _Agreement(msgspec.Struct, frozen=True):
    samples: int
    alpha: float | None
    pairs: list[_Pair]


@app.command()
def add(
    context: typer.Context,
    sample: Annotated[str, typer.Argument(metavar="DEVICE/SAMPLE", help="As `roost samples list` shows it.")],
    label: Annotated[str | None, typer.Argument(metavar="LABEL")] = None,
    *,
    cannot_tell: Annotated[bool, typer.Option("--cannot-tell", help="You have looked, and cannot tell.")] = False,
    new_label: Annotated[bool, typer.Option("--new-label", help="The label may join the task's.")] = False,
    by: _By = None,
) -> None:
    """Say what a sample shows; it outweighs what you said before, and stays beside what others say."""
    device, name = read_sample(sample)
    if cannot_tell == (label is not None):
        raise typer.BadParameter("say a LABEL, or --cannot-tell")
    body = {
        "labels": [{"device": device, "sample": name, "label": label}],
        "by": by,
        "new_labels": [label] if new_label and label is not None else [],
    }
    with connect(context) as cloud:
        done = cloud.call("POST", "/labels", _Recorded, body=body)
    typer.echo(done.words)


@app.command("import")
def import_labels(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV: device, sample, label; perhaps at, confidence.", dir_okay=False)],
    *,
    by: _By = None,
    teacher: Annotated[
        str | None, typer.Option(metavar="NAME", help="A program's labels, which people's word outweighs.")
    ] = None,
    new_label: _NewLabel = None,
) -> None:
    """Import labels from a table, all or none; lines without a label are passed over. Twice is as good as once."""
    body = {"csv": _text(file), "by": by, "teacher": teacher, "new_labels": new_label or []}
    with connect(context) as cloud:
        done = cloud.call("POST", "/labels/import", _Recorded, body=body)
    typer.echo(done.words)


@app.command("list")
def list_labels(
    context: typer.Context,
    *,
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    device: Annotated[str | None, typer.Option(help="Only of this device.")] = None,
    source: Annotated[str | None, typer.Option(help="Only by this person or program.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what was said, the newest first, replaced words too."""
    query = {"task": task, "device": device, "source": source, "limit": min(limit, _PAGE_MAX)}
    columns = {
        "SAMPLE": lambda one: f"{one.device}/{one.sample}",
        "TASK": lambda one: one.task,
        "LABEL": lambda one: one.label or "cannot tell",
        "BY": lambda one: one.source,
        "KIND": lambda one: one.kind,
        "WHEN": lambda one: when(one.labelled_at),
    }
    with connect(context) as cloud:
        show_table(islice(cloud.each("/labels", _Label, query=query), limit), columns, as_json=as_json)


@app.command()
def queue(  # noqa: PLR0913 - a command has as many arguments as options
    context: typer.Context,
    task: _Task,
    *,
    count: Annotated[int, typer.Option(min=1, max=200, help="How many samples.")] = 20,
    device: Annotated[list[str] | None, typer.Option(help="Only of these devices.")] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="Only received since: 2026-11-24, or 7d.")] = None,
    second_opinions: Annotated[
        bool, typer.Option("--second-opinions", help="Only what one other person has labelled.")
    ] = False,
    rollout: Annotated[
        str | None, typer.Option(help="Only inputs on which this rollout's candidate disagrees with what runs now.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=1, max=1440, help="For so long nobody else gets them.")] = 60,
    out: Annotated[
        Path | None, typer.Option(help="Put the inputs here, with labels.csv to fill in and import.", file_okay=False)
    ] = None,
    by: _By = None,
    as_json: AsJson = False,
) -> None:
    """Take samples to label: half at random, the rest where a label tells most. What models say is not shown."""
    body: dict[str, Any] = {
        "task": task,
        "count": count,
        "by": by,
        "devices": device or None,
        "since": None if since is None else moment_of(since, datetime.now(UTC)).isoformat(),
        "second_opinions": second_opinions,
        "rollout": rollout,
        "for_s": minutes * 60,
    }
    if out is not None:
        check_free(out)  # before the samples are taken
    with connect(context) as cloud:
        taken = cloud.call("POST", "/labels/queue", _Queued, body=body)
        if out is not None:
            write_sheet(cloud, out, taken.items)
    if as_json:
        show_json(taken)
        return
    for one in taken.items if out is None else ():
        typer.echo(f"{one.device}/{one.sample}")
    told = (
        f"{len(taken.items)} samples, yours until {when(taken.until)}; labels: {', '.join(taken.labels) or 'none yet'}"
    )
    typer.echo(told if out is None else f"{told}\nfill in {out / 'labels.csv'} and `roost label import` it")


@app.command()
def status(context: typer.Context, task: _Task, *, as_json: AsJson = False) -> None:
    """Show how a task's labels stand."""
    with connect(context) as cloud:
        found = cloud.get("/labels/summary", _Summary, query={"task": task})
    if as_json:
        show_json(found)
        return
    show_fields(
        [
            ("labels of the task", ", ".join(found.space) or "none yet"),
            ("samples", _counted(found.states)),
            ("labelled", _counted(found.labels)),
            ("by", _counted(found.kinds)),
            ("said", _counted(found.sources)),
        ]
    )


@app.command()
def agreement(context: typer.Context, task: _Task, *, as_json: AsJson = False) -> None:
    """Show how far people agree, beyond what chance would do: 1 is always, 0 no more than chance."""
    with connect(context) as cloud:
        found = cloud.get("/labels/agreement", _Agreement, query={"task": task})
    if as_json:
        show_json(found)
        return
    typer.echo(f"{found.samples} samples were labelled by two or more; Krippendorff's alpha {_figure(found.alpha)}")
    columns = {
        "PERSON": lambda one: one.first,
        "AND": lambda one: one.second,
        "SAMPLES": lambda one: str(one.samples),
        "ALIKE": lambda one: str(one.same),
        "KAPPA": lambda one: _figure(one.kappa),
    }
    if found.pairs:
        show_table(found.pairs, columns, as_json=False)


@app.command()
def settings(
    context: typer.Context,
    task: _Task,
    *,
    teacher: Annotated[list[str] | None, typer.Option(help="Believe these, and no others.")] = None,
    no_teachers: Annotated[bool, typer.Option("--no-teachers", help="Believe none.")] = False,
    min_confidence: Annotated[float | None, typer.Option(min=0, max=1, help="That a teacher needs.")] = None,
    second_opinions: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of labelled samples that a second person sees.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or change what counts as a label of a task's."""
    if teacher and no_teachers:
        raise typer.BadParameter("say --teacher NAME, or --no-teachers")
    changes = {
        "teachers": [] if no_teachers else teacher or None,
        "min_confidence": min_confidence,
        "second_opinions": second_opinions,
    }
    said = {name: value for name, value in changes.items() if value is not None}
    query = {"task": task}
    with connect(context) as cloud:
        found = cloud.get("/labels/settings", dict[str, Any], query=query)
        if said:
            found = cloud.call("PUT", "/labels/settings", dict[str, Any], body=found | said, query=query)
    teachers = ", ".join(found["teachers"])
    told = f"believed from {found['min_confidence']} on: {teachers}" if teachers else "no teacher is believed"
    show(found, as_json=as_json, text=f"{told}; {found['second_opinions']:.0%} are seen by two")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def _figure(value: float | None) -> str:
    return "cannot be told" if value is None else f"{value:.2f}"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file} is no text in UTF-8: {error}") from error
