"""`roost device why`: why a device runs what it runs, from the newest reason to the oldest."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec

from roost_cloud.client import ApiClient
from roost_cloud.commands.assigned import Standing, standing_rows
from roost_cloud.commands.output import when

__all__ = ["WORDS", "DeviceRollout", "fetch_rollouts", "why_rows"]

WORDS: Final = {
    "none": "nothing is assigned to it",
    "unknown": "it has not said what it runs, or runs what this cloud never assigned",
    "following": "it runs what it was assigned, and has proven it",
    "refused": "it will not run what it was assigned",
    "stale": "it believes nothing new: its look at what is released ended badly",
    "pending": "it has yet to take what it was assigned, or is still trying it",
}


class _Event(msgspec.Struct, frozen=True):
    at: datetime
    became: str
    code: str | None
    message: str | None


class DeviceRollout(msgspec.Struct, frozen=True):
    """A rollout that a device was in."""

    rollout: str
    task: str
    bundle: str
    before: str
    state: str
    target: str | None
    rollout_state: str
    reason: str
    code: str | None
    message: str | None
    events: list[_Event]


def fetch_rollouts(cloud: ApiClient, device: str) -> list[DeviceRollout]:
    """Ask for a device's rollouts, the newest first.

    Raises:
        RemoteError, ApiUnreachableError, ApiAnswerError: as the client raises.
    """
    return cloud.get(f"/devices/{quote(device, safe='')}/rollouts", list[DeviceRollout])


def why_rows(
    state: str, last_seen: datetime | None, standing: Standing, rollouts: Sequence[DeviceRollout]
) -> list[tuple[str, str]]:
    """A name and a value a line.

    Args:
        state: of its connection.
        last_seen: when it was last heard of.
        standing: what it is assigned and reports.
        rollouts: that it was in, the newest first.
    """
    seen = "it has never been connected" if state == "never" else f"it is {state}, last heard of {when(last_seen)}"
    rows = [("in short", WORDS.get(standing.following, standing.following)), ("connection", seen)]
    if standing.report is not None and standing.report.problem is not None:
        rows.append(("because", str(standing.report.problem)))
    rows += standing_rows(standing)
    for one in rollouts:
        bundle = one.bundle.partition("@")[0]
        rows.append(
            ("rollout", f"{one.rollout} of {bundle} in place of {one.before}: {one.rollout_state}, {one.reason}")
        )
        why = f" ({one.code}: {one.message})" if one.code else ""
        rows.append(("  here", f"{one.state}{why}"))
        rows += [("", _line(event)) for event in one.events]
    return rows


def _line(event: _Event) -> str:
    why = " ".join(word for word in (event.code, event.message) if word)
    return f"{when(event.at)} {event.became}" + (f": {why}" if why else "")
