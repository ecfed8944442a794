"""`roost drift`: whether the world has changed since devices were commissioned, from the windows they have told of."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.moments import moment_of
from roost_cloud.commands.output import AsJson, show_fields, show_json, show_table, when
from roost_cloud.errors import NotFoundError
from roost_cloud.replay.span import Span
from roost_shared.topics import check_name

if TYPE_CHECKING:
    from roost_cloud.drift.judgement import DeviceJudgement, Judgement

__all__ = ["app"]

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)

app = typer.Typer(no_args_is_help=True, help="Whether the world has changed since devices were commissioned.")

_Task = Annotated[str, typer.Option(help="Whose windows.")]
_Contestant = Annotated[str | None, typer.Option(help="Whose φ; of whom there are most windows if not given.")]
_Since = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="Commissioning begins with the first window since; of all, if not given."),
]
_Inputs = Annotated[int, typer.Option(min=1, help="Measured inputs that a decision takes at least.")]
_Every = Annotated[float, typer.Option(min=1, help="Seconds that a decision takes at least.")]
_Commissioning = Annotated[float, typer.Option(min=0, help="Days from a device's first window that are its baseline.")]
_Budget = Annotated[float, typer.Option(min=0.001, help="False alarms a week over all streams and kinds of drift.")]


class _Asked(msgspec.Struct, frozen=True):
    """What is judged, and by what."""

    task: str
    contestant: str | None
    since: str | None
    inputs: int
    every: float
    commissioning_days: float


@app.command()
def status(
    context: typer.Context,
    *,
    task: _Task,
    contestant: _Contestant = None,
    since: _Since = None,
    inputs: _Inputs = 100,
    every: _Every = 3600.0,
    commissioning_days: _Commissioning = 14.0,
    budget: _Budget = 2.0,
    as_json: AsJson = False,
) -> None:
    """List devices: commissioning, watched or in alarm, and what moved."""
    asked = _Asked(task, contestant, since, inputs, every, commissioning_days)
    found = _judge(context, asked, [budget])[0]
    if as_json:
        show_json(_document(found))
        return
    columns = {
        "DEVICE": lambda item: item[0],
        "STATE": lambda item: item[1].state,
        "BASELINE": lambda item: str(item[1].commissioned),
        "SINCE": lambda item: str(item[1].watched),
        "ALARM (UTC)": lambda item: _at(item[1]),
        "WHAT MOVED": lambda item: "; ".join(map(str, item[1].moved)) or None,
    }
    show_table(sorted(found.devices.items()), columns, as_json=False)
    for line in _in_words(found, budget):
        typer.echo(line)


@app.command()
def explain(
    context: typer.Context,
    device: str,
    *,
    task: _Task,
    contestant: _Contestant = None,
    since: _Since = None,
    inputs: _Inputs = 100,
    every: _Every = 3600.0,
    commissioning_days: _Commissioning = 14.0,
    budget: _Budget = 2.0,
    as_json: AsJson = False,
) -> None:
    """Tell of one device which statistics moved, by how many deviations, and in which windows."""
    asked = _Asked(task, contestant, since, inputs, every, commissioning_days)
    found = _judge(context, asked, [budget])[0]
    if device not in found.devices:
        raise NotFoundError("device with windows", device)
    judged = found.devices[device]
    if as_json:
        show_json(judged)
        return
    fields = [("state", judged.state), ("baseline", f"{judged.commissioned} decisions")]
    fields += [("since", f"{judged.watched} decisions")]
    if judged.distance is not None:
        fields.append(("distance", f"{judged.distance:.1f}"))
    if judged.state == "alarm":
        fields.append(("alarm", _at(judged) or ""))
        fields += [("moved", str(moved)) for moved in judged.moved]
        fields += [("windows", ", ".join(f"{boot}-{sequence}" for boot, sequence in judged.windows))]
    show_fields(fields)


@app.command()
def simulate(
    context: typer.Context,
    *,
    task: _Task,
    contestant: _Contestant = None,
    since: _Since = None,
    inputs: _Inputs = 100,
    every: _Every = 3600.0,
    commissioning_days: _Commissioning = 14.0,
    budget: Annotated[list[float], typer.Option(min=0.001, help="False alarms a week; repeatable.")],
    as_json: AsJson = False,
) -> None:
    """Judge the recorded windows under other budgets: which devices would be in alarm."""
    asked = _Asked(task, contestant, since, inputs, every, commissioning_days)
    judged = list(zip(budget, _judge(context, asked, budget), strict=True))
    if as_json:
        show_json([{"budget": one, **_document(found)} for one, found in judged])
        return
    for one, found in judged:
        in_alarm = sorted(name for name, device in found.devices.items() if device.state == "alarm")
        typer.echo(f"{one:g} a week: {', '.join(in_alarm) or 'no device'} in alarm")
        for line in _in_words(found, one):
            typer.echo(f"  {line}")


def _judge(context: typer.Context, asked: _Asked, budgets: list[float]) -> "list[Judgement]":
    from roost_cloud.drift.decisions import decide  # noqa: PLC0415 - loads numpy, which no other command needs
    from roost_cloud.drift.judgement import judge  # noqa: PLC0415 - see above
    from roost_cloud.drift.source import read_windows  # noqa: PLC0415 - see above

    check_name(asked.task, "task")
    now = datetime.now(UTC)
    with connect(context) as cloud:
        # Not some days ago: what devices are judged against would move with the days, and drift along.
        since = _BEGINNING if asked.since is None else moment_of(asked.since, now)
        found = read_windows(cloud, asked.task, Span(since, now), asked.contestant)
    if found.unreadable:
        typer.echo(f"{found.unreadable} windows cannot be read: devices newer than this command?", err=True)
    decisions = {
        device: decide(windows, inputs=asked.inputs, seconds=asked.every) for device, windows in found.devices.items()
    }
    lasts_s = timedelta(days=asked.commissioning_days).total_seconds()
    return [judge(decisions, commissioning_s=lasts_s, budget_a_week=budget) for budget in budgets]


def _document(found: "Judgement") -> dict[str, object]:
    return {
        "devices": found.devices,
        "thresholds": [calibration for _, calibration in sorted(found.calibrations.items())],
        "why": sorted(set(found.why.values())),
    }


def _in_words(found: "Judgement", budget: float) -> list[str]:
    from roost_cloud.drift.budget import SHARES  # noqa: PLC0415 - see above

    words = [
        f"threshold {one.threshold:.1f}: {one.words(budget * SHARES['input'])}" for one in found.calibrations.values()
    ]
    return [*words, *sorted(set(found.why.values()))]


def _at(judged: "DeviceJudgement") -> str | None:
    return None if judged.alarm_at_s is None else when(datetime.fromtimestamp(judged.alarm_at_s, UTC))
