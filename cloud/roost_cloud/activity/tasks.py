"""Which tasks a tenant has, and what their answers and contestants came to."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from roost_cloud.activity.additions import SKETCHES, TaskSums
from roost_cloud.activity.hours import HourSpan
from roost_cloud.db.tables import CloudTask, TaskHour, TaskPolicy
from roost_cloud.errors import NotFoundError

__all__ = ["check_task", "of_answers", "of_contestants", "page"]


def page(session: Session, tenant: str, *, limit: int, after: str | None = None) -> Sequence[str]:
    """Names of the tasks that the cloud runs or devices have told of, behind `after`, at most `limit`."""
    names = union(
        select(CloudTask.name.label("name")).where(CloudTask.tenant == tenant),
        select(TaskPolicy.task).where(TaskPolicy.tenant == tenant),
        select(TaskHour.task).where(TaskHour.tenant == tenant),
    ).subquery()
    query = select(names.c.name).order_by(names.c.name)
    if after is not None:
        query = query.where(names.c.name > after)
    return session.scalars(query.limit(limit)).all()


def check_task(session: Session, tenant: str, task: str) -> None:
    """Whether anything is known of a task.

    Raises:
        NotFoundError: nothing is.
    """
    places = (
        select(CloudTask.name).where(CloudTask.tenant == tenant, CloudTask.name == task),
        select(TaskPolicy.task).where(TaskPolicy.tenant == tenant, TaskPolicy.task == task),
        select(TaskHour.task).where(TaskHour.tenant == tenant, TaskHour.task == task),
    )
    if all(session.scalar(query.limit(1)) is None for query in places):
        raise NotFoundError("task", task)


def of_contestants(session: Session, tenant: str, task: str, span: HourSpan) -> dict[str, TaskSums]:
    """By contestant, in the order of names; under the empty one what the task's answers came to."""
    columns = (TaskHour.contestant, TaskHour.count.label("inputs"), TaskHour.timed, TaskHour.missed)
    rows = session.execute(
        select(*columns, *(getattr(TaskHour, name) for name in SKETCHES)).where(
            TaskHour.tenant == tenant, TaskHour.task == task, TaskHour.hour.in_(span.hours)
        )
    )
    found: defaultdict[str, TaskSums] = defaultdict(TaskSums)
    for row in rows:
        _add(found[row.contestant], row, SKETCHES)
    return dict(sorted(found.items()))


def of_answers(session: Session, tenant: str, tasks: Sequence[str] | None, span: HourSpan) -> dict[str, TaskSums]:
    """What tasks' answers came to, by task; `tasks` None: of all."""
    of_answers = select(
        TaskHour.task,
        TaskHour.count.label("inputs"),
        TaskHour.timed,
        TaskHour.missed,
        TaskHour.reasons,
        TaskHour.latency,
    )
    query = of_answers.where(TaskHour.tenant == tenant, TaskHour.contestant == "", TaskHour.hour.in_(span.hours))
    if tasks is not None:
        query = query.where(TaskHour.task.in_(tasks))
    found: defaultdict[str, TaskSums] = defaultdict(TaskSums)
    for row in session.execute(query):
        _add(found[row.task], row, ("reasons", "latency"))
    return dict(found)


def _add(sums: TaskSums, row: Any, sketches: Sequence[str]) -> None:
    sums.count += row.inputs
    sums.timed += row.timed
    sums.missed += row.missed
    for name in sketches:
        sums.merge(name, getattr(row, name))
