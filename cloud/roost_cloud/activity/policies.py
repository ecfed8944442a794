"""The rules that a task is answered by: as devices told them, and as the cloud's own tasks have them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Sample, TaskPolicy
from roost_shared.rendezvous import PolicyDocument, PolicyDocumentError, PolicyError

__all__ = ["ToldPolicy", "told_policies"]

_MOST: Final = 20
_PARTS: Final = 256  # contestants, or rules, of a policy that is shown: to check one takes their square


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
    """None of a document that is no policy to us, whether its device is of another version or makes things up."""
    try:
        document = PolicyDocument.decode(data)
        if max(len(document.contestants), len(document.rules)) > _PARTS:
            return None
        document.policy()
    except (PolicyDocumentError, PolicyError):
        return None
    return document
