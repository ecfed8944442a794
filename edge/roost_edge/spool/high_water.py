"""How far the index has ever known the segments: what lies behind was never in it, all before it that is not has gone.

Segments are written in one direction, so that one place says it: the end of the last entry there is, or of the last
that went, whichever is further. Only what goes needs to be written down. Digests cannot tell what has gone: they are
forgotten after a day, and the bytes of small inputs stay until the whole segment goes.
"""

import sqlite3
from collections.abc import Sequence

from roost_edge.spool.frame import padded
from roost_edge.spool.segments import Place, Segments

__all__ = ["begin_here", "last_gone_from", "reached", "rise"]

_FURTHEST = "SELECT segment, place + frame_bytes FROM entry ORDER BY segment DESC, place DESC LIMIT 1"


def rise(connection: sqlite3.Connection, segments: Segments, gone: Sequence[Place]) -> None:
    """What was there goes: to be called in the transaction that removes it."""
    if not gone:
        return
    last = max(gone)
    end = padded(last.offset + last.size_bytes)
    # What is not on the disk cannot come back; and a damaged row may have any number in it.
    if segments.size_bytes(last.segment) >= last.offset + last.size_bytes:
        connection.execute(
            "UPDATE high_water SET segment = ?1, place = ?2 WHERE (segment, place) < (?1, ?2)", (last.segment, end)
        )


def reached(connection: sqlite3.Connection) -> tuple[int, int] | None:
    """Segment and offset behind which nothing was ever known; None if an earlier version did not write it down."""
    gone = connection.execute("SELECT segment, place FROM high_water").fetchone()
    if gone is None:
        return None
    segment, end = connection.execute(_FURTHEST).fetchone() or (0, 0)
    return max((segment, padded(end)), tuple(gone))


def last_gone_from(connection: sqlite3.Connection) -> int:
    """The last segment that anything has gone from, be it there or not: its number must not come again."""
    found = connection.execute("SELECT segment FROM high_water").fetchone()
    return 0 if found is None else int(found[0])


def begin_here(connection: sqlite3.Connection, segments: Segments) -> None:
    """Count all that is in the segments now as known."""
    last = max(segments.numbers(), default=0)
    connection.execute("INSERT INTO high_water (segment, place) VALUES (?, ?)", (last, segments.size_bytes(last)))
