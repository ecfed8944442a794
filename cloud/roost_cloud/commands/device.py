"""`roost device list|show|why|label|revoke|delete|enrol`."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal
from urllib.parse import quote

import msgspec
import typer

from roost_cloud.commands.assigned import Standing, fetch_standing, standing_rows
from roost_cloud.commands.connect import connect
from roost_cloud.commands.device_why import DeviceRollout, fetch_rollouts, why_rows
from roost_cloud.commands.output import AsJson, show, show_fields, show_json, show_table, when

__all__ = ["app"]

_HOUR_S: Final = 3600

app = typer.Typer(no_args_is_help=True, help="Devices: who is in the fleet, and who is not any more.")

_Device = Annotated[str, typer.Argument(metavar="DEVICE", help="Its name.")]
_Labels = Annotated[list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Repeatable.")]


class _Record(msgspec.Struct, frozen=True):
    device: str
    labels: dict[str, str]
    status: str
    state: str
    last_seen: datetime | None
    boot: str | None
    session: int | None
    agent_version: str | None
    problem: str | None
    certificate_expires_at: datetime | None
    enrolled_at: datetime
    assignment: int
    following: str

    @property
    def assigned(self) -> str | None:
        """Its newest assignment and how it follows that; None for none."""
        return f"{self.assignment} {self.following}" if self.assignment else None


class Why(msgspec.Struct, frozen=True):
    """All that says why a device runs what it runs."""

    device: _Record
    standing: Standing
    rollouts: list[DeviceRollout]


class _Enrolment(msgspec.Struct, frozen=True):
    id: str
    token: str
    device: str
    url: str
    expires_at: datetime


@app.command("list")
def list_devices(
    context: typer.Context,
    *,
    label: _Labels = None,
    state: Annotated[Literal["online", "offline", "never"] | None, typer.Option(help="Only these.")] = None,
    as_json: AsJson = False,
) -> None:
    """List devices; of several labels, all must match."""
    columns = {
        "DEVICE": lambda one: one.device,
        "STATE": lambda one: one.state if one.status == "enrolled" else one.status,
        "LAST SEEN": lambda one: when(one.last_seen),
        "AGENT": lambda one: one.agent_version,
        "ASSIGNMENT": lambda one: one.assigned,
        "PROBLEM": lambda one: one.problem,
        "CERTIFICATE UNTIL": lambda one: when(one.certificate_expires_at),
        "LABELS": lambda one: _labels_text(one.labels),
    }
    with connect(context) as cloud:
        query = {"label": label, "state": state, "limit": 1000}
        show_table(cloud.each("/devices", _Record, query=query), columns, as_json=as_json)


@app.command("show")
def show_device(context: typer.Context, device: _Device, *, as_json: AsJson = False) -> None:
    """Show all that is known of a device."""
    with connect(context) as cloud:
        record, standing = cloud.get(_path(device), _Record), fetch_standing(cloud, device)
    _show(record, as_json=as_json, more=standing_rows(standing))


@app.command()
def why(context: typer.Context, device: _Device, *, as_json: AsJson = False) -> None:
    """Tell why a device runs what it runs: what it was assigned, what it made of it, and the rollouts it was in."""
    with connect(context) as cloud:
        told = Why(cloud.get(_path(device), _Record), fetch_standing(cloud, device), fetch_rollouts(cloud, device))
    if as_json:
        show_json(told)
    else:
        show_fields(why_rows(told.device.state, told.device.last_seen, told.standing, told.rollouts))


@app.command()
def label(
    context: typer.Context,
    device: _Device,
    labels: Annotated[list[str], typer.Argument(metavar="KEY=VALUE|KEY-...", help="Sets a label; KEY- removes one.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Change a device's labels; those not named stay."""
    changes: dict[str, str | None] = {}
    for text in labels:
        if "=" not in text and text.endswith("-"):
            changes[text.removesuffix("-")] = None
        else:
            changes |= _parsed([text])
    with connect(context) as cloud:
        _show(cloud.call("PATCH", _path(device), _Record, body={"labels": changes}), as_json=as_json)


@app.command()
def revoke(context: typer.Context, device: _Device) -> None:
    """Take a device's identity back: it is cut off, and only `enrol --replace` brings it back."""
    with connect(context) as cloud:
        cloud.call("POST", f"{_path(device)}/revoke", _Record)
    typer.echo(f"device {device} is revoked")


@app.command()
def delete(context: typer.Context, device: _Device) -> None:
    """Forget a revoked device."""
    with connect(context) as cloud:
        cloud.call("DELETE", _path(device), type(None))
    typer.echo(f"device {device} is deleted")


@app.command()
def enrol(
    context: typer.Context,
    device: _Device,
    *,
    label: _Labels = None,
    hours: Annotated[float, typer.Option(help="How long the token is good for.", min=1 / 60, max=720)] = 24,
    replace: Annotated[
        bool, typer.Option("--replace", help="The device was lost, or gets a new card: its old key goes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a token that lets a device in, once, and print the line to run there."""
    body = {
        "device": device,
        "labels": _parsed(label or []),
        "expires_in_s": round(hours * _HOUR_S),
        "replace": replace,
    }
    with connect(context) as cloud:
        made = cloud.call("POST", "/enrolments", _Enrolment, body=body)
    show(made, as_json=as_json, text=f"roost-agent enrol --url {made.url} --token {made.token}")


def _path(device: str) -> str:
    return f"/devices/{quote(device, safe='')}"


def _parsed(labels: list[str]) -> dict[str, str]:
    for text in labels:
        if "=" not in text:
            raise typer.BadParameter(f"{text!r} has no '=': write KEY=VALUE")
    return dict(text.split("=", 1) for text in labels)


def _labels_text(labels: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in labels.items())


def _show(record: _Record, *, as_json: bool, more: Iterable[tuple[str, str]] = ()) -> None:
    if as_json:
        show(record, as_json=True, text="")
        return
    rows: list[tuple[str, str | None]] = [
        ("status", record.status),
        ("state", record.state),
        ("last seen", when(record.last_seen)),
        ("agent", record.agent_version),
        ("boot", record.boot),
        ("session", None if record.session is None else str(record.session)),
        ("problem", record.problem),
        ("enrolled", when(record.enrolled_at)),
        ("certificate until", when(record.certificate_expires_at)),
        *((f"label {key}", value) for key, value in record.labels.items()),
        *more,
    ]
    show_table(rows, {"DEVICE": lambda row: row[0], record.device: lambda row: row[1]}, as_json=False)
