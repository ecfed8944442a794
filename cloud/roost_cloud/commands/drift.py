"""`roost drift …`: devices against their own beginnings."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.drift_fleet import among, among_all, cohort_among, fleet, reference
from roost_cloud.commands.drift_inputs import inputs
from roost_cloud.commands.drift_text import explained
from roost_cloud.commands.moments import moment_of
from roost_cloud.commands.output import AsJson, number, show, show_fields, show_json, show_table, when
from roost_shared.config_file import read_toml
from roost_shared.topics import check_name

__all__ = ["app"]

_PAGE: Final = 1000

app = typer.Typer(no_args_is_help=True, help="Drift: whether the world has changed since devices were commissioned.")

app.command()(inputs)
app.command()(fleet)
app.command()(reference)

_Task = Annotated[str | None, typer.Option(help="Only of this task.")]


class _Kind(msgspec.Struct, frozen=True):
    kind: str
    contestant: str | None
    bundle: str | None
    standing: str
    windows: int
    windows_wanted: int
    days: float
    days_wanted: float
    baseline_since: datetime
    baseline_by: str
    note: str | None
    problem: str | None
    unsteady: str | None
    distance: float | None
    threshold: float | None
    last_at: datetime
    alarm: str | None

    @property
    def words(self) -> str:
        """How it stands."""
        if self.standing == "commissioning" and self.windows >= self.windows_wanted:
            return f"commissioning {self.days:.1f} of {self.days_wanted:g} days"
        if self.standing == "commissioning":
            return f"commissioning {self.windows} of {self.windows_wanted}"
        return f"alarmed {self.alarm}" if self.alarm else self.standing.replace("_", " ")


class _Stream(msgspec.Struct, frozen=True):
    device: str
    task: str
    kinds: list[_Kind]


class _Simulated(msgspec.Struct, frozen=True):
    alarms_a_week_allowed: float
    kind: str
    streams: int
    decisions: int
    weeks: float
    alarms: int
    alarms_a_week: float | None
    raised: int
    is_promised: bool


class _Promise(msgspec.Struct, frozen=True):
    task: str
    kind: str
    devices: int
    alarms_a_week: float
    weeks: float
    weeks_wanted: float
    is_promised: bool

    @property
    def words(self) -> str:
        """What can be said of it."""
        if self.is_promised:
            return f"kept, by {self.weeks:.1f} recorded weeks"
        return f"cannot be promised yet: {self.weeks:.1f} of {self.weeks_wanted:.1f} recorded weeks"


@app.command()
def status(
    context: typer.Context,
    *,
    task: _Task = None,
    device: Annotated[str | None, typer.Option(help="Only of this device.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how devices stand: commissioning, fine, exceeding, alarmed; and among the others, which alarms nobody."""
    with connect(context) as cloud:
        found = list(cloud.each("/drift/status", _Stream, query={"task": task, "device": device, "limit": _PAGE}))
        budget = cloud.get("/drift/budget", list[_Promise])
        stands = {of: among_all(cloud, of) for of in sorted({one.task for one in found})}
    if as_json:
        show_json({"streams": found, "budget": budget, "among": stands})
        return
    _show_streams(found, stands)
    shown = [one for one in budget if task in (None, one.task)]
    if shown:
        columns = {
            "TASK": lambda one: one.task,
            "KIND": lambda one: one.kind,
            "DEVICES": lambda one: str(one.devices),
            "ALARMS A WEEK": lambda one: number(one.alarms_a_week),
            "BUDGET": lambda one: one.words,
        }
        show_table(shown, columns, as_json=False)


def _show_streams(found: list[_Stream], stands: dict[str, dict[str, dict[str, Any]]]) -> None:
    rows = [(stream, kind) for stream in found for kind in stream.kinds]
    show_table(
        rows,
        {
            "DEVICE": lambda row: row[0].device,
            "TASK": lambda row: row[0].task,
            "KIND": lambda row: row[1].kind,
            "BY": lambda row: row[1].contestant,
            "STANDING": lambda row: row[1].words,
            "DISTANCE": lambda row: number(row[1].distance),
            "THRESHOLD": lambda row: number(row[1].threshold),
            "AS FAR FROM OTHERS": lambda row: _share(stands[row[0].task], row[0].device, row[1].kind),
            "LAST": lambda row: when(row[1].last_at),
        },
        as_json=False,
    )
    problems = {(stream.task, kind.kind): kind.problem for stream, kind in rows if kind.problem is not None}
    for (of, its), problem in problems.items():
        typer.echo(f"{of} {its} is not judged: {problem}")
    for stream, kind in rows:
        if kind.unsteady is not None:
            typer.echo(
                f"{stream.device} {stream.task} {kind.kind}: {kind.unsteady}; roost drift rebaseline, once steady"
            )


@app.command()
def alarms(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what is not resolved; what devices of one cohort have at one time is one."""
    with connect(context) as cloud:
        found = cloud.get("/drift/together", list[dict[str, Any]])
    columns = {
        "SINCE": lambda one: when(datetime.fromisoformat(one["found"][0]["since"])),
        "TASK": lambda one: one["found"][0]["task"],
        "KIND": lambda one: one["found"][0]["kind"],
        "COHORT": lambda one: one["label"],
        "DEVICES": lambda one: " ".join(one["devices"]),
        "WHAT": lambda one: one["found"][0]["summary"],
        "ALARMS": lambda one: " ".join(one["alarms"]),
    }
    show_table(found, columns, as_json=as_json)


@app.command()
def explain(
    context: typer.Context,
    alarm: Annotated[str, typer.Argument(metavar="ALARM", help="As `roost alarm list` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what moved, by how many deviations, whose fault it is, since when, and samples that show it."""
    with connect(context) as cloud:
        found = cloud.get(f"/alarms/{check_name(alarm, 'alarm')}", dict[str, Any])
        is_input, label = found["kind"] == "input", (found["together"] or {}).get("label")
        found["among"] = among(cloud, found["task"], found["device"]) if is_input else None
        found["cohort_among"] = cohort_among(cloud, found["task"], label) if is_input and label else None
    if as_json:
        show_json(found)
        return
    show_fields(explained(found))


@app.command()
def simulate(
    context: typer.Context,
    budget: Annotated[list[float], typer.Option(help="False alarms a week; repeatable.")],
    *,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only decisions made since: 2026-11-24, or 4w ago.")
    ] = None,
    task: _Task = None,
    as_json: AsJson = False,
) -> None:
    """Replay the recorded decisions under other budgets: how many alarms a week there would have been, by kind."""
    moment = None if since is None else moment_of(since, datetime.now(UTC)).isoformat()
    found: list[_Simulated] = []
    with connect(context) as cloud:
        for each in budget:
            query = {"budget": str(each), "since": moment, "task": task}
            found += cloud.get("/drift/simulation", list[_Simulated], query=query)
    columns = {
        "BUDGET": lambda one: f"{one.alarms_a_week_allowed:g}",
        "KIND": lambda one: one.kind,
        "ALARMS A WEEK": lambda one: number(one.alarms_a_week),
        "ALARMS": lambda one: str(one.alarms),
        "THERE WERE": lambda one: str(one.raised),
        "STREAMS": lambda one: str(one.streams),
        "DECISIONS": lambda one: str(one.decisions),
        "WEEKS": lambda one: f"{one.weeks:.2f}",
        "PROMISED": lambda one: "yes" if one.is_promised else "not yet",
    }
    show_table(found, columns, as_json=as_json)


@app.command()
def rebaseline(
    context: typer.Context,
    task: Annotated[str, typer.Argument(help="Of which task.")],
    device: Annotated[list[str] | None, typer.Option(help="On this device; repeatable.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="On devices that have it.")] = None,
    note: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
) -> None:
    """Take what comes from now on as the new normal, and resolve alarms about what was."""
    if not device and not label:
        raise typer.BadParameter("say on which devices: --device or --label")
    body = {"task": check_name(task, "task"), "devices": device or [], "labels": label or [], "note": note}
    with connect(context) as cloud:
        done = cloud.call("POST", "/drift/rebaseline", dict[str, list[str]], body=body)
    devices = " ".join(done["devices"]) or "no device"
    typer.echo(f"task {task}: begun anew on {devices}; {len(done['resolved'])} alarms resolved")


@app.command()
def settings(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(help="TOML with what is to be changed; without one they are shown.", dir_okay=False),
    ] = None,
    *,
    budget: Annotated[float | None, typer.Option(help="False alarms a week, over all devices and tasks.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show or change the budget, how large decisions are, and how long commissioning is."""
    with connect(context) as cloud:
        found = cloud.get("/drift/settings", dict[str, Any])
        changes = ({} if file is None else read_toml(file)) | ({} if budget is None else {"alarms_a_week": budget})
        if changes:
            found = cloud.call("PUT", "/drift/settings", dict[str, Any], body=found | changes)
    lines = [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in found.items()]
    show(found, as_json=as_json, text="\n".join(lines))


def _share(stands: dict[str, dict[str, Any]], device: str, kind: str) -> str | None:
    """Of devices like these, how many stand as far off as a device does."""
    return f"{stands[device]['share']:.1%}" if kind == "input" and device in stands else None
