"""The rules that a task is answered by: as devices told them, and as the cloud's own tasks have them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Sample, TaskPolicy
from roost_shared.rendezvous import PolicyDocument, PolicyDocumentError

__all__ = ["ToldPolicy", "told_policies"]

_MOST: Final = 20


@dataclass(frozen=True)
class ToldPolicy:
    """A policy that devices have answered by.

    Attributes:
        digest: names it.
        document: what it says.
        first_at: when the cloud first heard of it, by its own clock.
        is_newest: the newest answer that was told of was given by it.
    """

    digest: str
    document: PolicyDocument
    first_at: datetime
    is_newest: bool


def told_policies(session: Session, tenant: str, task: str) -> list[ToldPolicy]:
    """Those of a task that can be read, the one of the newest answer first, then those heard of last; some at most."""
    newest = session.scalar(
        select(Sample.policy)
        .where(Sample.tenant == tenant, Sample.task == task, Sample.policy.is_not(None))
        .order_by(Sample.received_at.desc())
        .limit(1)
    )
    of_task = select(TaskPolicy).where(TaskPolicy.tenant == tenant, TaskPolicy.task == task)
    rows = list(session.scalars(of_task.order_by(TaskPolicy.received_at.desc(), TaskPolicy.digest).limit(_MOST)))
    if newest is not None and newest not in {row.digest for row in rows}:
        rows += session.scalars(of_task.where(TaskPolicy.digest == newest))
    found = [
        ToldPolicy(row.digest, document, row.received_at, row.digest == newest)
        for row in rows
        if (document := _read(row.document)) is not None
    ]
    return sorted(found, key=lambda one: not one.is_newest)


def _read(data: bytes) -> PolicyDocument | None:
    """None of a document of a device that is newer or older than we are: there is nothing to draw of it."""
    try:
        return PolicyDocument.decode(data)
    except PolicyDocumentError:
        return None
