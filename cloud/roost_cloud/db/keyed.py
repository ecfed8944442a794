"""Rows by keys of several columns, so that SQLite finds the index too.

`(tenant, device) IN (…)` says it whole, and PostgreSQL needs no more. SQLite looks through all rows of the table, of
all tenants, for that; for columns that are asked for one by one it does not. The text of the query stays the same,
however many keys there are, so that it is compiled once. Rows of many samples at a time: see `among.py`.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, tuple_
from sqlalchemy.orm import InstrumentedAttribute

__all__ = ["keyed"]

_PAIR: Final = 2  # columns


def keyed(columns: tuple[InstrumentedAttribute[Any], ...], keys: Collection[tuple[Any, ...]]) -> ColumnElement[bool]:
    """The condition that a row's columns are one of these keys.

    Args:
        columns: as an index has them from its first on, or all but a first that is asked for by `==`.
        keys: their values, in the same order; some hundreds at most.
    """
    # Of more than two, the last would be tried with each of those before it.
    alone = columns if len(columns) == _PAIR else columns[:-1]
    by_column = (column.in_(sorted({key[at] for key in keys})) for at, column in enumerate(alone))
    return and_(*by_column, tuple_(*columns).in_(list(keys)))
