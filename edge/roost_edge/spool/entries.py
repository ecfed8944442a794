"""The index's rows of entries: how they are read and written, and no more."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from roost_edge.spool.interface import Entry, NewEntry
from roost_edge.spool.segments import Place
from roost_edge.spool.tally import Held
from roost_shared.magic import MAGIC_BYTES

__all__ = ["Row", "by_id", "by_sample", "check", "every", "held", "highest_probability", "insert", "of_class"]
__all__ += ["of_segment", "of_shard", "open_rows", "remove", "shards_before", "to_entry"]

_COLUMNS: Final = (
    "id, sample, task, priority, probability, segment, place, frame_bytes, record_bytes, payload_bytes, sha256,"
    " content_type, start, time_s, boot, sequence, shard"
)


_Count = Annotated[int, Meta(ge=0)]
_Size = Annotated[int, Meta(ge=0, lt=1 << 32)]  # as a frame's head can say it


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One of them, as its columns are."""

    id: int
    sample: str
    task: str
    priority: _Count
    probability: Annotated[float, Meta(gt=0, le=1)]
    segment: _Count
    offset: _Count
    frame_bytes: _Size
    record_bytes: _Size
    payload_bytes: _Size
    sha256: Annotated[bytes, Meta(min_length=32, max_length=32)]
    content_type: str | None
    start: Annotated[bytes, Meta(max_length=MAGIC_BYTES)]
    time_s: _Count
    boot: _Count  # of its record in the outbox, as `sequence` is
    sequence: _Count
    shard: int | None

    @property
    def place(self) -> Place:
        """Where its frame is."""
        return Place(self.segment, self.offset, self.frame_bytes)


def held(row: Row) -> Held:
    """What the tally needs of it."""
    return Held(row.place, row.priority, row.shard is not None)


def to_entry(row: Row, time_s: float) -> Entry:
    """What others see of it."""
    return Entry(
        id=row.id,
        sample=row.sample,
        task=row.task,
        priority=row.priority,
        probability=row.probability,
        record_bytes=row.record_bytes,
        payload_bytes=row.payload_bytes,
        sha256=row.sha256,
        content_type=row.content_type,
        start=row.start,
        age_s=max(0, int(time_s) - row.time_s),
    )


def insert(
    connection: sqlite3.Connection, entry: NewEntry, place: Place, time_s: float, boot: int, sequence: int
) -> int:
    """A new row; its id."""
    cursor = connection.execute(
        f"INSERT INTO entry ({_COLUMNS[4:]}) VALUES ({', '.join('?' * 16)})",  # noqa: S608 - our own columns
        (
            entry.sample,
            entry.task,
            entry.priority,
            entry.probability,
            place.segment,
            place.offset,
            place.size_bytes,
            len(entry.record),
            len(entry.payload),
            entry.sha256,
            entry.content_type,
            bytes(entry.payload[:MAGIC_BYTES]),
            int(time_s),
            boot,
            sequence,
            None,
        ),
    )
    assert cursor.lastrowid is not None  # noqa: S101 - for mypy: an INSERT has just gone well
    return cursor.lastrowid


def by_id(connection: sqlite3.Connection, number: int) -> Row | None:
    """The row of an entry, if it is still there."""
    return _one(connection, "id = ?", number)


def by_sample(connection: sqlite3.Connection, sample: str) -> Row | None:
    """The row of a sample, if it is kept."""
    return _one(connection, "sample = ?", sample)


def of_shard(connection: sqlite3.Connection, shard: int) -> list[Row]:
    """The rows of a list, in its order."""
    return _rows(connection, "shard = ? ORDER BY id", shard)


def shards_before(connection: sqlite3.Connection, time_s: float) -> list[int]:
    """The lists whose last entry came before then."""
    found = connection.execute(
        "SELECT shard FROM entry WHERE shard IS NOT NULL GROUP BY shard HAVING max(time_s) < ?", (time_s,)
    )
    return [shard for (shard,) in found.fetchall()]


def open_rows(connection: sqlite3.Connection, count: int, *, task: str | None = None, after_id: int = 0) -> list[Row]:
    """The first rows that are in no list."""
    if task is None:
        return _rows(connection, "shard IS NULL AND id > ? ORDER BY id LIMIT ?", after_id, count)
    return _rows(connection, "shard IS NULL AND id > ? AND task = ? ORDER BY id LIMIT ?", after_id, task, count)


def of_class(connection: sqlite3.Connection, priority: int, after_id: int, count: int) -> list[Row]:
    """The first rows of a class that are in no list."""
    return _rows(
        connection, "shard IS NULL AND priority = ? AND id > ? ORDER BY id LIMIT ?", priority, after_id, count
    )


def highest_probability(connection: sqlite3.Connection, priority: int) -> float:
    """Of a class's rows that are in no list; 0 if there are none."""
    found = connection.execute(
        "SELECT coalesce(max(probability), 0) FROM entry WHERE shard IS NULL AND priority = ?", (priority,)
    )
    return float(found.fetchone()[0])


def of_segment(connection: sqlite3.Connection, number: int) -> list[Row]:
    """The rows whose frames are in a segment, in its order."""
    return _rows(connection, "segment = ? ORDER BY place", number)


def every(connection: sqlite3.Connection) -> Iterator[Row]:
    """All rows, in order of receipt, as the index has them."""
    for columns in connection.execute(f"SELECT {_COLUMNS} FROM entry ORDER BY id"):  # noqa: S608 - our own columns
        yield Row(*columns)


def check(row: Row) -> None:
    """See that it can be a row at all.

    Raises:
        msgspec.ValidationError: it cannot.
    """
    msgspec.convert(msgspec.structs.astuple(row), Row)


def remove(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Delete rows."""
    connection.executemany("DELETE FROM entry WHERE id = ?", [(row.id,) for row in rows])


def _one(connection: sqlite3.Connection, where: str, *values: object) -> Row | None:
    rows = _rows(connection, where, *values)
    return rows[0] if rows else None


def _rows(connection: sqlite3.Connection, where: str, *values: object) -> list[Row]:
    cursor = connection.execute(f"SELECT {_COLUMNS} FROM entry WHERE {where}", values)  # noqa: S608 - our own words
    return [Row(*columns) for columns in cursor.fetchall()]
