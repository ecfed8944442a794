"""Inserting what somebody else may be inserting at this moment: one row, or many of a table by one statement."""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import CursorResult, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from roost_cloud.db.base import Base

__all__ = ["insert_absent", "insert_all_absent"]


def insert_absent(session: Session, table: type[Base], **values: Any) -> bool:
    """Insert a row, unless one of its keys is taken; waits for whoever is inserting the same.

    Returns:
        Whether it was inserted. If not, a row with that key was there a moment ago.
    """
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**values).on_conflict_do_nothing()
    statement = statement.execution_options(preserve_rowcount=True)  # else PostgreSQL's driver has forgotten it
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def insert_all_absent(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, each with every column, but for those whose key is taken; waits as `insert_absent` does."""
    if not rows:
        return
    target = cast("Table", table.__table__)
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        # An array a column, in binary (`%b`): a row at a time, or arrays as text, take twice as long.
        columns = [[row[column.name] for row in rows] for column in target.columns]
        connection.exec_driver_sql(_from_arrays(target), tuple(columns))
    else:
        connection.execute(sqlite.insert(target).on_conflict_do_nothing(), list(rows))


@cache
def _from_arrays(table: Table) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy left it untyped
    quote = dialect.identifier_preparer.quote
    columns = ", ".join(quote(column.name) for column in table.columns)
    arrays = ", ".join(f"%b::{_array_of(column.type.compile(dialect))}" for column in table.columns)
    return f"INSERT INTO {quote(table.name)} ({columns}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608 - our own names


def _array_of(kind: str) -> str:
    return "text[]" if kind.startswith("VARCHAR") else f"{kind}[]"
