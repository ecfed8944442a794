"""How SQLite finds what is asked of it: the steps of its plan for each SELECT."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

__all__ = ["plans_of"]


@contextmanager
def plans_of(session: Session) -> Iterator[list[list[str]]]:
    """A list that holds, behind the block, a plan for each SELECT in it: a line to a step."""
    asked: list[tuple[str, Any]] = []
    plans: list[list[str]] = []
    connection = session.connection()

    def note(*told: Any) -> None:
        asked.append(told[2:4])

    event.listen(connection, "before_cursor_execute", note)
    yield plans
    event.remove(connection, "before_cursor_execute", note)
    for statement, parameters in asked:
        if statement.startswith("SELECT"):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append([step for *_, step in plan])
