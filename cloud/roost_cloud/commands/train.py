"""`roost train start|status|log|approve|cancel|policy`: from labels to a better model."""

import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import typer

from roost_cloud.client import ApiClient, Page
from roost_cloud.commands.connect import connect
from roost_cloud.commands.given import read_given
from roost_cloud.commands.moments import moment_of
from roost_cloud.commands.output import AsJson, printable, show, show_fields, show_json, show_table, when
from roost_cloud.commands.run_bar import follow as follow_run
from roost_cloud.commands.run_text import Run, WholeRun, fields_of
from roost_shared.topics import check_name

__all__ = ["app"]

_PAGE_MAX: Final = 1000
_EVERY_S: Final = 1.0

app = typer.Typer(no_args_is_help=True, help="Training: runs that make a better model of labelled samples.")

_Run = Annotated[str, typer.Argument(metavar="RUN", help="As `status` shows it.")]
_Task = Annotated[str, typer.Argument(help="Of which task.")]
_Note = Annotated[str | None, typer.Option(help="What to say of it, for the record.")]
_Follow = Annotated[bool, typer.Option("--follow", help="Stay until it has ended or waits for somebody.")]
_Bundle = Annotated[
    str | None,
    typer.Option(metavar="NAME@ALIAS", help="What to start from, or NAME:VERSION; default as the policy says."),
]
_Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the trainer's own.")
]


class _Line(msgspec.Struct, frozen=True):
    number: int
    at: datetime
    attempt: int
    text: str


@app.command()
def start(
    context: typer.Context,
    task: _Task,
    bundle: _Bundle = None,
    *,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="When the world changed: 2026-11-24T12:00Z, or 7d ago.")
    ] = None,
    device: Annotated[list[str] | None, typer.Option(help="On which it changed; repeatable; default on all.")] = None,
    mode: Annotated[
        str | None, typer.Option(help="train: wait for approval before it is registered; auto: do not.")
    ] = None,
    trainer: Annotated[str | None, typer.Option(help="Another than the policy's.")] = None,
    parameters: _Set = None,
    labels: Annotated[int | None, typer.Option(min=1, help="Without so many it waits.")] = None,
    follow: _Follow = False,
) -> None:
    """Open a run."""
    body = {
        "task": check_name(task, "task"),
        "bundle": bundle,
        "since": None if since is None else moment_of(since, datetime.now(UTC)).isoformat(),
        "devices": device or None,
        "mode": mode,
        "trainer": trainer,
        "parameters": _parameters(parameters) if parameters else None,
        "labels_wanted": labels,
    }
    with connect(context) as cloud:
        run = cloud.call("POST", "/runs", Run, body=body)
        typer.echo(f"run {run.id}: {run.candidate} from {run.incumbent}, {run.state}")
        if follow:
            _follow(cloud, run.id)


@app.command()
def status(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="One run, whole; without it they are listed.")
    ] = None,
    *,
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    follow: _Follow = False,
    as_json: AsJson = False,
) -> None:
    """Show runs that are open, or all, the newest first; or one of them whole."""
    with connect(context) as cloud:
        if run is not None:
            _show(cloud, check_name(run, "run"), follow=follow, as_json=as_json)
            return
        query = {"task": task, "limit": min(limit, _PAGE_MAX), "is_open": None if everything else "true"}
        columns = {
            "RUN": lambda one: one.id,
            "TASK": lambda one: one.task,
            "STATE": lambda one: one.state,
            "FROM": lambda one: one.incumbent,
            "OPENED": lambda one: when(one.opened_at),
            "WHY": lambda one: one.reason,
            "NOW": lambda one: one.words,
        }
        show_table(islice(cloud.each("/runs", Run, query=query), limit), columns, as_json=as_json)


@app.command()
def log(context: typer.Context, run: _Run, *, follow: _Follow = False) -> None:
    """Print what a run's processes said."""
    path, seen = f"/runs/{check_name(run, 'run')}", 0
    with connect(context) as cloud:
        while True:
            found = cloud.get(path, Run)  # before its lines: what it says last is not missed
            while True:
                page = cloud.get(f"{path}/log", Page[_Line], query={"after": seen, "limit": _PAGE_MAX})
                for line in page.items:
                    typer.echo(f"{line.at:%H:%M:%S} {line.attempt}: {printable(line.text)}")
                    seen = line.number
                if page.next is None:
                    break
            if not follow or found.is_at_rest:
                return
            time.sleep(_EVERY_S)


@app.command()
def approve(context: typer.Context, run: _Run, note: _Note = None, *, follow: _Follow = False) -> None:
    """Let a run go on: begin one that is proposed, or register what has passed the gate."""
    with connect(context) as cloud:
        _act(cloud, run, "approve", note)
        if follow:
            _follow(cloud, run)


@app.command()
def cancel(context: typer.Context, run: _Run, note: _Note = None) -> None:
    """End a run, whatever it is at; nothing of it gets into the registry."""
    with connect(context) as cloud:
        _act(cloud, run, "cancel", note)


@app.command()
def policy(
    context: typer.Context,
    task: _Task,
    file: Annotated[
        Path | None, typer.Argument(help="TOML with what is to be changed; - is standard input.", dir_okay=False)
    ] = None,
    *,
    mode: Annotated[
        Literal["tell", "train", "auto"] | None,
        typer.Option(help="tell: only propose runs; train: wait before registering; auto: go on by itself."),
    ] = None,
    bundle: _Bundle = None,
    trainer: Annotated[str | None, typer.Option(help="Which trainer.")] = None,
    every_days: Annotated[float | None, typer.Option(help="Open a run so long after the last.")] = None,
    new_labels: Annotated[int | None, typer.Option(help="Open a run when so many are new.")] = None,
    labels: Annotated[int | None, typer.Option(min=1, help="Without so many a run waits.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show or change what opens a task's runs, how far they go by themselves, and within which limits."""
    path = f"/training/policies/{check_name(task, 'task')}"
    said = {
        "mode": mode,
        "bundle": bundle,
        "trainer": trainer,
        "every_days": every_days,
        "new_labels": new_labels,
        "labels_wanted": labels,
    }
    changes = ({} if file is None else read_given(file)) | {name: one for name, one in said.items() if one is not None}
    with connect(context) as cloud:
        found = cloud.get(path, dict[str, Any])
        if changes:
            found = cloud.call("PUT", path, dict[str, Any], body=found | changes)
    lines = [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in found.items() if value is not None]
    show(found, as_json=as_json, text="\n".join(lines))


def _parameters(given: list[str]) -> dict[str, Any]:
    """Parameters as they were given: numbers and true and false as such, all else as text."""
    found: dict[str, Any] = {}
    for one in given:
        name, sign, text = one.partition("=")
        if not sign:
            raise typer.BadParameter(f"--set {one}: write KEY=VALUE")
        try:
            value = msgspec.json.decode(text)
        except msgspec.DecodeError:
            value = text
        found[name] = value if isinstance(value, bool | int | float) else text
    return found


def _act(cloud: ApiClient, run: str, action: str, note: str | None) -> None:
    done = cloud.call("POST", f"/runs/{check_name(run, 'run')}/{action}", Run, body={"note": note})
    typer.echo(f"run {done.id} of {done.task}: {done.state}")


def _follow(cloud: ApiClient, run: str) -> None:
    follow_run(lambda: cloud.get(f"/runs/{run}", Run))
    found = cloud.get(f"/runs/{run}", WholeRun)
    words = found.words or (found.steps[-1].why if found.went_wrong else "")
    typer.echo(f"run {found.id}: {found.state}{f': {printable(words)}' if words else ''}")
    if found.went_wrong:
        raise typer.Exit(1)


def _show(cloud: ApiClient, run: str, *, follow: bool, as_json: bool) -> None:
    if follow:
        follow_run(lambda: cloud.get(f"/runs/{run}", Run))
    found = cloud.get(f"/runs/{run}", WholeRun)
    if as_json:
        show_json(found)
    else:
        show_fields(fields_of(found))
