"""`roost drift fleet|reference`: where devices stand among each other; shown, and no reason for alarm."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec
import typer

from roost_cloud.client import ApiClient, RemoteError
from roost_cloud.commands.connect import connect
from roost_cloud.commands.output import AsJson, number, show, show_table, when
from roost_shared.topics import check_name

__all__ = ["among", "among_all", "cohort_among", "fleet", "reference"]

_SMALL: Final = "drift.fleet_small"
_Answer = TypeVar("_Answer")


def among_all(cloud: ApiClient, task: str, device: str | None = None) -> dict[str, dict[str, Any]]:
    """Where the devices of a task, or one, stand among the others, by name; none, where too few are commissioned."""
    found = _if_told(lambda: cloud.get("/drift/fleet", list[dict[str, Any]], query={"task": task, "device": device}))
    return {one["device"]: one for one in found or ()}


def cohort_among(cloud: ApiClient, task: str, label: str) -> dict[str, Any] | None:
    """Where the devices of a label stand, together, among those without it; None where that cannot be told."""
    query = {"task": task, "label": label}
    return next(iter(_if_told(lambda: cloud.get("/drift/cohort", list[dict[str, Any]], query=query)) or ()), None)


def _if_told(ask: Callable[[], _Answer]) -> _Answer | None:
    """An answer; None where too few devices are commissioned for one."""
    try:
        return ask()
    except RemoteError as error:
        if error.reason != _SMALL:
            raise
        return None


def among(cloud: ApiClient, task: str, device: str) -> dict[str, Any] | None:
    """Where a device stands among the others; None where that cannot be told."""
    return among_all(cloud, task, device).get(device)


def fleet(
    context: typer.Context,
    task: Annotated[str, typer.Argument(help="Of which task.")],
    label: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only devices that have it.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show where devices stand among the others, in the fleet's own deviations: no reason for alarm by itself."""
    query = urlencode({"task": check_name(task, "task"), "label": label or []}, doseq=True)
    with connect(context) as cloud:
        found = cloud.get(f"/drift/fleet?{query}", list[dict[str, Any]])
        if label:
            found += cloud.get(f"/drift/cohort?{query}", list[dict[str, Any]])
    columns = {
        "DEVICE": lambda one: one.get("device") or f"all {len(one['devices'])} of {' '.join(one['labels'])}",
        "FARTHEST": lambda one: one["farthest"],
        "DEVIATIONS": lambda one: number(max(one["deviations"].values(), key=abs)),
        "DISTANCE": lambda one: number(one["distance"]),
        "AS FAR OFF": lambda one: f"{one['share']:.1%}",
        "AMONG": lambda one: f"{one['of_devices']} {'devices' if one['by'] == 'fleet' else 'of the bundle'}",
        "LAST": lambda one: when(datetime.fromisoformat(one["at"])),
    }
    show_table(found, columns, as_json=as_json)


def reference(
    context: typer.Context, task: Annotated[str, typer.Argument(help="Of which task.")], *, as_json: AsJson = False
) -> None:
    """Print how devices differ, for the spec of a bundle that brings it along: where one of few devices stands."""
    with connect(context) as cloud:
        found = cloud.get("/drift/reference", list[dict[str, Any]], query={"task": check_name(task, "task")})
    if not found:
        raise typer.BadParameter(f"no device of task {task} is commissioned")
    lines = [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in found[0].items()]
    show(found[0], as_json=as_json, text="\n".join(["[fleet_reference]", *lines]))
