"""`roost alarm list|ack|resolve|mute`; `roost drift explain` says what one is about."""

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Final

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.moments import moment_of
from roost_cloud.commands.output import AsJson, show_table, when
from roost_shared.topics import check_name

__all__ = ["app"]

_PAGE_MAX: Final = 1000

app = typer.Typer(no_args_is_help=True, help="Alarms: findings that need somebody's time.")

_Alarm = Annotated[str, typer.Argument(metavar="ALARM", help="As `list` shows it.")]
_Note = Annotated[str | None, typer.Option(help="What to say of it, for the record.")]


class _Alarms(msgspec.Struct, frozen=True):
    id: str
    device: str
    task: str
    kind: str
    state: str
    is_muted: bool
    cause: str
    summary: str
    since: datetime
    opened_at: datetime
    last_exceeded_at: datetime
    muted_until: datetime | None
    contestant: str | None
    bundle: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None

    @property
    def words(self) -> str:
        """How it stands."""
        return f"{self.state}, muted until {when(self.muted_until)}" if self.is_muted else self.state


@app.command("list")
def list_alarms(
    context: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones, too.")] = False,
    kind: Annotated[str | None, typer.Option(help="Only input, label_mix, model or event_rate.")] = None,
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    device: Annotated[str | None, typer.Option(help="Only of this device.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List alarms, the newest first."""
    query = {"kind": kind, "task": task, "device": device, "limit": str(min(limit, _PAGE_MAX))}
    query |= {} if everything else {"unresolved": "true"}
    columns = {
        "ALARM": lambda one: one.id,
        "DEVICE": lambda one: one.device,
        "TASK": lambda one: one.task,
        "KIND": lambda one: one.kind,
        "STATE": lambda one: one.words,
        "SINCE": lambda one: when(one.since),
        "WHAT": lambda one: one.summary,
    }
    with connect(context) as cloud:
        show_table(islice(cloud.each("/alarms", _Alarms, query=query), limit), columns, as_json=as_json)


@app.command()
def ack(context: typer.Context, alarm: _Alarm, note: _Note = None) -> None:
    """Say that somebody sees to it."""
    _act(context, alarm, "acknowledge", {"note": note})


@app.command()
def resolve(context: typer.Context, alarm: _Alarm, note: _Note = None) -> None:
    """Say that it is over: if it is so again, another comes."""
    _act(context, alarm, "resolve", {"note": note})


@app.command()
def mute(
    context: typer.Context,
    alarm: _Alarm,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="2026-11-24T12:00Z, or for how long from now: 12h, 7d.")
    ] = None,
    *,
    off: Annotated[bool, typer.Option("--off", help="Tell of it again.")] = False,
    note: _Note = None,
) -> None:
    """Tell nobody of it until a time."""
    if off == (until is not None):
        raise typer.BadParameter("say --until WHEN, or --off")
    _act(context, alarm, "mute", {"until": None if until is None else _ahead(until).isoformat(), "note": note})


def _ahead(text: str) -> datetime:
    """A moment to come: where others take `7d` for a week ago, here it is in a week."""
    now = datetime.now(UTC)
    moment = moment_of(text, now)
    return moment if "-" in text else now + (now - moment)


def _act(context: typer.Context, alarm: str, action: str, body: dict[str, Any]) -> None:
    with connect(context) as cloud:
        done = cloud.call("POST", f"/alarms/{check_name(alarm, 'alarm')}/{action}", _Alarms, body=body)
    typer.echo(f"alarm {done.id} of {done.device}: {done.words}")
