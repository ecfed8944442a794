"""Documents that people change, a row each: put whole, with when and by whom."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from roost_cloud.db.base import Base
from roost_cloud.db.insert import insert_absent

__all__ = ["put_document"]


def put_document(session: Session, table: type[Base], document: Any, *, actor: str, now: datetime, **key: str) -> bool:
    """Make a row's document another, or the row if there is none.

    Args:
        session: its transaction.
        table: has `document`, `updated_at` and `updated_by` beside its primary key.
        document: as its column takes it.
        actor: who changes it.
        now: when.
        key: the primary key, in its order.

    Returns:
        Whether that changed anything: to what it is already is no change.
    """
    if insert_absent(session, table, document=document, updated_at=now, updated_by=actor, **key):
        return True
    row: Any = session.get_one(table, tuple(key.values()), with_for_update=True)
    if row.document == document:
        return False
    row.document, row.updated_at, row.updated_by = document, now, actor
    return True
