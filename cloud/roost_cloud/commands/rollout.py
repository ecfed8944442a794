"""`roost rollout start|list|status|watch|pause|resume|approve|abort|revert|events|rehearse`."""

import time
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from roost_cloud.commands.connect import connect
from roost_cloud.commands.given import read_given
from roost_cloud.commands.output import AsJson, show, show_fields, show_json, show_table, when
from roost_shared.topics import check_name

__all__ = ["app"]

_PAGE_MAX: Final = 1000
_EVERY_S: Final = 2.0
_OVER: Final = frozenset({"stopped", "aborted", "reverted", "finished"})

app = typer.Typer(no_args_is_help=True, help="Rollouts: from one bundle to the next, in stages, with proof, and back.")

_Rollout = Annotated[str, typer.Argument(metavar="ROLLOUT", help="As `list` shows it.")]


class _Counts(msgspec.Struct, frozen=True):
    confirmed: int = 0
    failed: int = 0
    under_way: int = 0
    waiting: int = 0
    unreachable: int = 0
    unseen: int = 0
    left: int = 0
    codes: list[tuple[str, int]] = []

    def __str__(self) -> str:
        """What there is, and nothing of what there is not."""
        named = ((name.replace("_", " "), getattr(self, name)) for name in self.__struct_fields__[:-1])
        said = ", ".join(f"{count} {name}" for name, count in named if count) or "nobody yet"
        codes = ", ".join(f"{code} {count}" for code, count in self.codes)
        return f"{said} ({codes})" if codes else said


class _Finding(msgspec.Struct, frozen=True):
    verdict: str
    says: list[str]


class _Labels(msgspec.Struct, frozen=True):
    wins: int = 0
    losses: int = 0
    teacher_wins: int = 0
    teacher_losses: int = 0

    def __str__(self) -> str:
        """What people and teachers decided, of what they were asked."""
        of_teachers = self.teacher_wins + self.teacher_losses
        teachers = f"; teachers: {self.teacher_wins} won, {self.teacher_losses} lost" if of_teachers else ""
        return f"{self.wins} won, {self.losses} lost{teachers}"


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    task: str
    contestant: str
    bundle: str
    state: str
    reason: str
    since: datetime
    stage: int
    stage_name: str | None
    stages: int
    waits_for: list[str]
    problem: str | None
    counts: _Counts
    finding: _Finding | None
    labels: _Labels
    predicted_disagreement: float | None
    created_at: datetime
    created_by: str
    looked_at: datetime | None
    ended_at: datetime | None
    plan: dict[str, Any] = {}
    devices: dict[str, int] = {}

    @property
    def at(self) -> str:
        """Which stage it is in."""
        return "not begun" if self.stage_name is None else f"{self.stage_name} ({self.stage + 1} of {self.stages})"

    @property
    def rows(self) -> list[tuple[str, str]]:
        """What is known of it, for people."""
        found = [
            ("rollout", self.id),
            ("of", f"{self.task}, contestant {self.contestant}: {self.bundle.partition('@')[0]}"),
            ("state", f"{self.state} since {when(self.since)}: {self.reason}"),
            ("stage", self.at),
            ("its devices", str(self.counts)),
        ]
        if self.finding is not None:
            found.append(("gate", f"{self.finding.verdict}: {'; '.join(self.finding.says)}"))
        if any(msgspec.structs.astuple(self.labels)):
            found.append(("labelled", f"where the two disagree: {self.labels}"))
        if self.waits_for:
            found.append(("waits for", "; ".join(self.waits_for)))
        if self.problem is not None:
            found.append(("problem", self.problem))
        if self.devices:
            found.append(("all devices", ", ".join(f"{count} {state}" for state, count in self.devices.items())))
        return found


class _Event(msgspec.Struct, frozen=True):
    number: int
    at: datetime
    actor: str
    device: str | None
    became: str
    stage: int
    code: str | None
    message: str | None


@app.command()
def start(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The plan, TOML; - is standard input.")],
    *,
    watch_it: Annotated[bool, typer.Option("--watch", help="Stay until it has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start a rollout by a plan; a director begins with it within seconds."""
    plan = read_given(file)
    with connect(context) as cloud:
        made = cloud.call("POST", "/rollouts", _Found, body={"plan": plan})
    show(made, as_json=as_json, text=f"rollout {made.id} of {made.bundle.partition('@')[0]} for task {made.task}")
    if watch_it:
        watch(context, made.id)


@app.command("list")
def list_rollouts(
    context: typer.Context,
    *,
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List rollouts, the newest first."""
    columns = {
        "ROLLOUT": lambda one: one.id,
        "TASK": lambda one: one.task,
        "BUNDLE": lambda one: one.bundle.partition("@")[0],
        "STATE": lambda one: one.state,
        "STAGE": lambda one: one.at,
        "DEVICES": lambda one: str(one.counts),
        "BEGUN": lambda one: when(one.created_at),
        "WHY": lambda one: one.reason,
    }
    query = {"task": task, "limit": str(min(limit, _PAGE_MAX))}
    with connect(context) as cloud:
        show_table(islice(cloud.each("/rollouts", _Found, query=query), limit), columns, as_json=as_json)


@app.command()
def status(context: typer.Context, rollout: _Rollout, *, as_json: AsJson = False) -> None:
    """Show how a rollout stands, and why it does not go on."""
    with connect(context) as cloud:
        found = cloud.call("GET", _path(rollout), _Found)
    if as_json:
        show_json(found)
    else:
        show_fields(found.rows)


@app.command()
def watch(context: typer.Context, rollout: _Rollout) -> None:
    """Follow a rollout until it has ended; exit status 1 unless it has finished."""
    console = Console()
    with connect(context) as cloud, Live(console=console, auto_refresh=False) as live:
        while True:
            found = cloud.call("GET", _path(rollout), _Found)
            lines = "\n".join(f"{name:<12} {value}" for name, value in found.rows)
            live.update(Text("".join(char if char.isprintable() or char == "\n" else "�" for char in lines)))
            live.refresh()
            if found.state in _OVER:
                break
            time.sleep(_EVERY_S)
    if found.state != "finished":
        raise typer.Exit(1)


@app.command()
def pause(context: typer.Context, rollout: _Rollout) -> None:
    """Start nobody until it is resumed; what is under way goes on."""
    _order(context, rollout, "pause")


@app.command()
def resume(context: typer.Context, rollout: _Rollout) -> None:
    """Go on where it was paused."""
    _order(context, rollout, "resume")


@app.command()
def approve(context: typer.Context, rollout: _Rollout) -> None:
    """Say that the next stage may begin."""
    _order(context, rollout, "approve")


@app.command()
def abort(context: typer.Context, rollout: _Rollout) -> None:
    """End it: what is under way goes back, what has confirmed stays."""
    _order(context, rollout, "abort")


@app.command()
def revert(context: typer.Context, rollout: _Rollout) -> None:
    """Take it back: every device returns to what it ran before."""
    _order(context, rollout, "revert")


@app.command()
def events(
    context: typer.Context,
    rollout: _Rollout,
    *,
    device: Annotated[str | None, typer.Option(help="Only of this device.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List every transition of a rollout and of its devices, in order."""
    columns = {
        "AT": lambda one: when(one.at),
        "WHO": lambda one: one.device or "the rollout",
        "BECAME": lambda one: one.became,
        "STAGE": lambda one: None if one.stage < 0 else str(one.stage + 1),
        "CODE": lambda one: one.code,
        "WHY": lambda one: one.message,
        "BY": lambda one: one.actor,
    }
    query = {"device": device, "limit": str(min(limit, _PAGE_MAX))}
    with connect(context) as cloud:
        found = cloud.each(f"{_path(rollout)}/events", _Event, query=query)
        show_table(islice(found, limit), columns, as_json=as_json)


@app.command()
def rehearse(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The plan; [fleet] and [candidate] say the rest.")],
    *,
    times: Annotated[int, typer.Option(min=1, max=10_000, help="How often it is played, by another seed.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the first.")] = 0,
    days: Annotated[float, typer.Option(min=0.1, max=366, help="After which one is broken off.")] = 14.0,
    as_json: AsJson = False,
) -> None:
    """Play a rollout over a made-up fleet, by the policy that runs real ones: how long, how many exposed, how sure."""
    from roost_cloud.commands.rehearsing import play, summary_rows  # noqa: PLC0415 - nobody else needs it loaded

    played = play(read_given(file), times=times, seed=seed, days=days)
    if as_json:
        show_json(played)
    else:
        show_fields(summary_rows(played))


def _order(context: typer.Context, rollout: str, what: str) -> None:
    with connect(context) as cloud:
        done = cloud.call("POST", f"{_path(rollout)}/{what}", _Found)
    typer.echo(f"rollout {done.id} of task {done.task}: {done.state}, {done.at}")


def _path(rollout: str) -> str:
    return f"/rollouts/{check_name(rollout, 'rollout')}"
