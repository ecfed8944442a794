"""Inserting what somebody else may be inserting at this moment."""

from typing import Any, cast

from sqlalchemy import CursorResult
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from roost_cloud.db.base import Base

__all__ = ["insert_absent"]


def insert_absent(session: Session, table: type[Base], **values: Any) -> bool:
    """Insert a row, unless one of its keys is taken; waits for whoever is inserting the same.

    Returns:
        Whether it was inserted. If not, a row with that key was there a moment ago.
    """
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**values).on_conflict_do_nothing()
    statement = statement.execution_options(preserve_rowcount=True)  # else PostgreSQL's driver has forgotten it
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
