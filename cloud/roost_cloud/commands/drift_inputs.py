"""`roost drift inputs`: kept inputs that a device is to bring before anything else."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.moments import moment_of
from roost_cloud.commands.output import AsJson, show_table, when
from roost_shared.topics import check_name

__all__ = ["inputs"]


def inputs(
    context: typer.Context,
    alarm: Annotated[str | None, typer.Argument(metavar="ALARM", help="Those of its device and time.")] = None,
    *,
    device: Annotated[str | None, typer.Option(help="Or: of this device, with --task and --since.")] = None,
    task: Annotated[str | None, typer.Option(help="Of this task.")] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="From then: 2026-11-24T12:00Z, or 2h ago.")] = None,
    until: Annotated[str, typer.Option(metavar="WHEN", help="Until then.")] = "0s",
    as_json: AsJson = False,
) -> None:
    """Have a device bring kept inputs before anything else; with nothing, show what was asked for and what is here."""
    with connect(context) as cloud:
        if alarm is not None:
            path = f"/alarms/{check_name(alarm, 'alarm')}/inputs"
            found = [cloud.call("POST", path, dict[str, Any])]
        elif device and task and since:
            now = datetime.now(UTC)
            span = {"since": moment_of(since, now).isoformat(), "until": moment_of(until, now).isoformat()}
            found = [cloud.call("POST", "/wanted", dict[str, Any], body={"device": device, "task": task, **span})]
        elif device or task or since:
            raise typer.BadParameter("say which alarm's, or --device, --task and --since")
        else:
            found = cloud.get("/wanted", list[dict[str, Any]])
    columns = {
        "DEVICE": lambda one: one["device"],
        "TASK": lambda one: one["task"],
        "SINCE": lambda one: when(datetime.fromisoformat(one["since"])),
        "UNTIL": lambda one: when(datetime.fromisoformat(one["until"])),
        "SAMPLES": lambda one: str(one["samples"]),
        "HERE": lambda one: str(one["here"]),
        "WAITING": lambda one: str(one["waiting"]),
        "DROPPED": lambda one: str(one["dropped"]),
        "NOT KEPT": lambda one: str(one["not_kept"]),
    }
    show_table(found, columns, as_json=as_json)
