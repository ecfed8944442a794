"""What a device is assigned and reports, as commands read and show it."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from roost_cloud.client import ApiClient
from roost_cloud.commands.output import when

__all__ = ["Assignment", "Standing", "fetch_standing", "standing_rows"]


class Assignment(msgspec.Struct, frozen=True):
    """A version."""

    device: str
    version: int
    document: dict[str, Any]
    bundles: list[str]
    issued_at: datetime
    issued_by: str


class _Problem(msgspec.Struct, frozen=True):
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class _Running(msgspec.Struct, frozen=True):
    bundle: str | None
    state: str
    error: _Problem | None


class _Install(msgspec.Struct, frozen=True):
    task: str
    contestant: str
    bundle: str
    phase: str
    error: _Problem | None
    fetched_bytes: int
    size_bytes: int
    evidence: dict[str, Any]


class _Report(msgspec.Struct, frozen=True):
    version: int
    confirmed: bool
    desired: int
    trust: str
    problem: _Problem | None
    tasks: dict[str, dict[str, _Running]]
    installs: list[_Install]
    received_at: datetime


class Standing(msgspec.Struct, frozen=True):
    """What a device is assigned, what it reports, and how they differ in a word."""

    device: str
    following: str
    newest: Assignment | None
    report: _Report | None


def fetch_standing(cloud: ApiClient, device: str) -> Standing:
    """Ask for it.

    Raises:
        RemoteError, ApiUnreachableError, ApiAnswerError: as the client raises.
    """
    return cloud.get(f"/devices/{quote(device, safe='')}/assignment", Standing)


def standing_rows(standing: Standing) -> list[tuple[str, str]]:
    """A name and a value a line."""
    newest, report = standing.newest, standing.report
    rows = [("assignment", "none" if newest is None else f"{newest.version}, {standing.following}")]
    if newest is not None:
        rows.append(("assigned", f"{when(newest.issued_at)} by {newest.issued_by}"))
        rows += [("bundle", bundle) for bundle in newest.bundles]
    if report is None:
        return [*rows, ("reported", "nothing yet")]
    proven = "proven" if report.confirmed else "on trial"
    in_force = f"assignment {report.version}, {proven}" if report.version else "no assignment"
    rows.append(("reported", f"{in_force}; trust {report.trust}; {when(report.received_at)}"))
    if report.problem is not None:
        rows.append(("problem", str(report.problem)))
    rows += [
        (f"runs {task}/{name}", _joined(one.state, one.bundle, one.error))
        for task, contestants in report.tasks.items()
        for name, one in contestants.items()
    ]
    rows += [(f"install {one.task}/{one.contestant}", _install(one)) for one in report.installs]
    return rows


def _install(one: _Install) -> str:
    fetched = f"{one.fetched_bytes} of {one.size_bytes} bytes" if one.phase == "downloading" else ""
    figures = " ".join(f"{name}={value}" for name, value in one.evidence.items())
    return _joined(one.phase, one.bundle, fetched, figures, one.error)


def _joined(*words: object) -> str:
    return " ".join(str(word) for word in words if word)
