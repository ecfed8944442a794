"""Whether a task is due for a training run, and why. Pure.

One run of a task is open at a time. A cause that comes while one is open folds into it: an alarm joins the run's
lineage as long as the run has no snapshot yet; after that it is considered anew when the run has ended, as a date and
a number of labels are.

>>> from datetime import UTC
>>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
>>> policy = RunPolicy(mode="train", every_days=7, new_labels=50)
>>> quiet = Situation(alarms=(), last_opened_at=noon, began_at=noon, new_labels=10)
>>> due(policy, quiet, noon + timedelta(days=1)) is None
True
>>> due(policy, quiet, noon + timedelta(days=7)).reason
'7 days have gone by since the last run'
>>> due(policy, quiet._replace(new_labels=50), noon + timedelta(days=1)).reason
'50 labels are new since the last run'
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from roost_cloud.runs.policy import RunPolicy

__all__ = ["Cause", "Due", "Finding", "Situation", "due"]

Cause = Literal["alarm", "schedule", "labels", "person"]


class Finding(NamedTuple):
    """An alarm that has neither opened a run nor joined one."""

    id: str
    device: str
    since: datetime
    summary: str
    bundle: str | None


class Situation(NamedTuple):
    """How a task without an open run stands.

    Attributes:
        alarms: unresolved, of the input or the model, that no run has seen to.
        last_opened_at: when its last run was; None: it has had none.
        began_at: when its policy was made, by which the first date counts.
        new_labels: since the last run was opened, or ever.
    """

    alarms: Sequence[Finding]
    last_opened_at: datetime | None
    began_at: datetime
    new_labels: int


class Due(NamedTuple):
    """Why a run is to be opened."""

    cause: Cause
    reason: str
    alarms: Sequence[Finding] = ()

    @property
    def since(self) -> datetime | None:
        """When the world changed, as far as the cause tells."""
        return min((alarm.since for alarm in self.alarms), default=None)

    @property
    def devices(self) -> list[str] | None:
        """On which it changed, as far as the cause tells; None: it does not."""
        return sorted({alarm.device for alarm in self.alarms}) or None


def due(policy: RunPolicy, situation: Situation, now: datetime) -> Due | None:
    """Why a run is to be opened now; None: there is no reason."""
    if policy.alarms and situation.alarms:
        first, *others = situation.alarms
        more = f", and {len(others)} more" if others else ""
        return Due("alarm", f"{first.summary or f'alarm {first.id}'}{more}", tuple(situation.alarms))
    if policy.new_labels is not None and situation.new_labels >= policy.new_labels:
        return Due("labels", f"{situation.new_labels} labels are new since the last run")
    if policy.every_days is not None:
        last = situation.last_opened_at or situation.began_at
        if now - last >= timedelta(days=policy.every_days):
            since = "the last run" if situation.last_opened_at else "the policy was made"
            return Due("schedule", f"{policy.every_days:g} days have gone by since {since}")
    return None
