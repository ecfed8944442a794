"""Policies of training in the database, changed with a record of who changed them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.documents import put_document
from roost_cloud.db.tables import TrainingPolicy as Row
from roost_cloud.people import audit
from roost_cloud.runs.policy import RunPolicy, encode_policy, read_policy

__all__ = ["get", "is_stated", "page", "put"]


def get(session: Session, tenant: str, task: str) -> RunPolicy:
    """A task's; the defaults where none was said."""
    document = session.scalar(select(Row.document).where(Row.tenant == tenant, Row.task == task))
    return RunPolicy() if document is None else read_policy(document)


def is_stated(session: Session, tenant: str, task: str) -> bool:
    """Whether anybody has said what they want of a task."""
    return session.get(Row, (tenant, task)) is not None


def page(session: Session, tenant: str, *, limit: int, after: str | None = None) -> Sequence[Row]:
    """A tenant's policies by task, behind `after`, at most `limit`."""
    query = select(Row).where(Row.tenant == tenant)
    if after is not None:
        query = query.where(Row.task > after)
    return session.scalars(query.order_by(Row.task).limit(limit)).all()


def put(session: Session, tenant: str, task: str, policy: RunPolicy, *, actor: str, now: datetime) -> None:
    """Change a task's; runs opened from now on go by it. To what it is already is no change."""
    document = encode_policy(policy)
    if not put_document(session, Row, document, actor=actor, now=now, tenant=tenant, task=task):
        return
    audit.record(
        session,
        tenant=tenant,
        actor=actor,
        action="training.policy",
        subject=task,
        now=now,
        mode=policy.mode,
        bundle=policy.bundle,
    )
