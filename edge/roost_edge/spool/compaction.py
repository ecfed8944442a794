"""Moves what still counts out of a segment that is mostly dead, so that the rest can be given back as a whole.

For file systems that cannot punch holes, and for entries smaller than a block, whose space no hole can free.
"""

import sqlite3
from typing import Final

from roost_edge.spool import entries, high_water
from roost_edge.spool.entries import Row
from roost_edge.spool.errors import SpoolError
from roost_edge.spool.frame import Frame, padded
from roost_edge.spool.index import transaction
from roost_edge.spool.segments import Segments
from roost_edge.spool.tally import Held, Tally

__all__ = ["compact", "worth_compacting"]

_LEAST_DEAD_BYTES: Final = 1 << 20
_MOST_ALIVE: Final = 0.5  # of what the segment takes


def worth_compacting(allocated_bytes: int, live_bytes: int) -> bool:
    """Whether a segment is mostly dead.

    >>> worth_compacting(16 << 20, 4 << 20), worth_compacting(16 << 20, 12 << 20), worth_compacting(4096, 0)
    (True, False, False)
    """
    return allocated_bytes - live_bytes >= _LEAST_DEAD_BYTES and live_bytes <= _MOST_ALIVE * allocated_bytes


def compact(connection: sqlite3.Connection, segments: Segments, tally: Tally, number: int) -> None:
    """Move the live entries of a segment that is not appended to. The file itself is the caller's to remove.

    Raises:
        SpoolError: the index cannot be written; all is where it was.
        OSError: the segments cannot.
    """
    rows = entries.of_segment(connection, number)
    if not rows:
        return
    places = segments.append([_as_it_is(segments, row) for row in rows])
    try:
        with transaction(connection):
            present = [entries.by_id(connection, row.id) for row in rows]
            connection.executemany(
                "UPDATE entry SET segment = ?, place = ? WHERE id = ?",
                [(place.segment, place.offset, row.id) for row, place in zip(rows, places, strict=True)],
            )
            # The other thread may have taken some away meanwhile: their copies are of what has gone.
            copies = [place for row, place in zip(present, places, strict=True) if row is None]
            high_water.rise(connection, segments, copies)
    except SpoolError:
        segments.take_back(places)
        raise
    moved = [(row, place) for row, place in zip(present, places, strict=True) if row is not None]
    tally.changed(
        [entries.held(row) for row, _ in moved],
        [Held(place, row.priority, row.shard is not None) for row, place in moved],
    )
    tally.happened("compacted")


def _as_it_is(segments: Segments, row: Row) -> Frame:
    """A frame's bytes unread: damaged or not, they are checked when they are served."""
    data = segments.read(row.place).ljust(row.frame_bytes, b"\0")
    return Frame((data, b"", b"", b"", bytes(padded(row.frame_bytes) - row.frame_bytes)), row.frame_bytes)
