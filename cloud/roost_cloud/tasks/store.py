"""Tasks in the database, changed with a record of who changed them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import CloudTask as Row
from roost_cloud.errors import NotFoundError
from roost_cloud.people import audit
from roost_cloud.tasks.document import CloudTask, encode_task
from roost_cloud.tasks.resolution import check_bundles

__all__ = ["delete", "get", "page", "put"]


def put(session: Session, tenant: str, name: str, task: CloudTask, *, actor: str, now: datetime) -> Row:
    """Make a task, or change it; to what it says already is no change.

    Raises:
        UnknownBundleError: a contestant names a bundle that the tenant's registry lacks.
    """
    check_bundles(session, tenant, task)
    document = encode_task(task)
    while True:
        stated = {"document": document, "version": 1, "updated_at": now, "updated_by": actor}
        created = insert_absent(session, Row, tenant=tenant, name=name, **stated)
        row = session.get(Row, (tenant, name), with_for_update=True)
        if row is not None:
            break  # else it was deleted since
    if not created:
        if row.document == document:
            return row
        row.document, row.updated_at, row.updated_by = document, now, actor
        row.version += 1
    _note(session, row, "task.set", actor=actor, now=now, bundles=[one.bundle for one in task.contestants])
    return row


def get(session: Session, tenant: str, name: str) -> Row:
    """A task.

    Raises:
        NotFoundError: the tenant has none of that name.
    """
    row = session.get(Row, (tenant, name))
    if row is None:
        raise NotFoundError("task", name)
    return row


def page(session: Session, tenant: str, *, limit: int, after: str | None = None) -> Sequence[Row]:
    """A tenant's tasks by name, behind `after`, at most `limit`."""
    query = select(Row).where(Row.tenant == tenant)
    if after is not None:
        query = query.where(Row.name > after)
    return session.scalars(query.order_by(Row.name).limit(limit)).all()


def delete(session: Session, tenant: str, name: str, *, actor: str, now: datetime) -> None:
    """Remove a task: nobody scores its questions from now on.

    Raises:
        NotFoundError: as `get`.
    """
    row = session.get(Row, (tenant, name), with_for_update=True)
    if row is None:
        raise NotFoundError("task", name)
    _note(session, row, "task.delete", actor=actor, now=now)
    session.delete(row)


def _note(session: Session, row: Row, action: str, *, actor: str, now: datetime, **detail: Any) -> None:
    audit.record(
        session,
        tenant=row.tenant,
        actor=actor,
        action=action,
        subject=row.name,
        now=now,
        version=row.version,
        **detail,
    )
