"""How near a task's next run is, by labels: for people who label."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import TrainingRun
from roost_cloud.labels.deciding import count_new
from roost_cloud.runs import policies, store

__all__ = ["Awaited", "awaited"]

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Awaited(NamedTuple):
    """How near it is.

    Attributes:
        new: samples that people have labelled since the last run was opened, or ever.
        opens_at: so many open a run; None: none is opened by their number.
        run: the one that is open, by id.
        run_had: labels that it had when it found them too few; None: it has not.
        run_wanted: that a run needs.
    """

    new: int
    opens_at: int | None
    run: str | None
    run_had: int | None
    run_wanted: int


def awaited(session: Session, tenant: str, task: str) -> Awaited:
    """How near a task's next run is."""
    policy, open_one = policies.get(session, tenant, task), store.open_run_of(session, tenant, task)
    of_task = (TrainingRun.tenant == tenant, TrainingRun.task == task)
    last = session.scalar(select(func.max(TrainingRun.opened_at)).where(*of_task))
    wanted = policy.labels_wanted if open_one is None else store.policy_of(open_one).labels_wanted
    return Awaited(
        new=count_new(session, tenant, task, last or _EVER),
        opens_at=policy.new_labels,
        run=None if open_one is None else open_one.id,
        run_had=None if open_one is None else open_one.labels_had,
        run_wanted=wanted,
    )
