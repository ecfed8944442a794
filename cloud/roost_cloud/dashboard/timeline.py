"""What happened to a device, from all that knows of it, the newest first. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from roost_cloud.api.alarms import AlarmModel
from roost_cloud.api.assignments import AssignmentModel
from roost_cloud.api.rollout_models import DeviceRolloutModel
from roost_cloud.dashboard.words import bundle_of

__all__ = ["Happening", "timeline"]


class Happening(NamedTuple):
    """Something that happened.

    Attributes:
        at: when.
        by: who did it, or where it is known from.
        says: what it was.
        leads_to: the page that tells more.
    """

    at: datetime
    by: str
    says: str
    leads_to: tuple[str, ...] | None = None


def timeline(
    assigned: Iterable[AssignmentModel], rollouts: Iterable[DeviceRolloutModel], alarms: Iterable[AlarmModel]
) -> list[Happening]:
    """All of it in one order."""
    happened = [
        Happening(one.issued_at, one.issued_by, f"assignment {one.version}: {', '.join(map(bundle_of, one.bundles))}")
        for one in assigned
    ]
    for rollout in rollouts:
        for event in rollout.events:
            why = f" ({event.code}: {event.message})" if event.code else ""
            says = f"{bundle_of(rollout.bundle)} {event.became.replace('_', ' ')}{why}"
            happened.append(Happening(event.at, f"rollout {rollout.rollout}", says, ("rollouts", rollout.rollout)))
    for alarm in alarms:
        leads_to = ("alarms", alarm.id)
        happened.append(Happening(alarm.opened_at, "alarm", alarm.summary or alarm.kind, leads_to))
        if alarm.resolved_at is not None:
            happened.append(Happening(alarm.resolved_at, alarm.resolved_by or "monitor", "alarm resolved", leads_to))
    return sorted(happened, key=lambda one: one.at, reverse=True)
