"""Which contestants of a task are judged, by the newest policy that any device of the tenant told of it."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import TaskPolicy
from roost_cloud.monitor.judged import Judged, judged_of
from roost_shared.rendezvous import PolicyDocument
from roost_shared.rendezvous.document import PolicyDocumentError

__all__ = ["judged_of_task"]


def judged_of_task(session: Session, tenant: str, task: str, seen: Collection[str]) -> Judged:
    """Whom to judge.

    Args:
        session: to read with.
        tenant: whose task.
        task: its name.
        seen: contestants that windows came of, for where there is no policy.
    """
    query = select(TaskPolicy.document).where(TaskPolicy.tenant == tenant, TaskPolicy.task == task)
    document = session.scalar(query.order_by(TaskPolicy.received_at.desc(), TaskPolicy.digest).limit(1))
    try:
        contestants = None if document is None else PolicyDocument.decode(document).contestants
    except PolicyDocumentError:  # of a device that speaks otherwise: names tell
        contestants = None
    return judged_of(contestants, seen)
