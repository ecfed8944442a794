"""Entries leave the spool: their rows go, their records stay until the cloud has them, their space is given back.

Bytes are freed only after the index has forgotten them for good. Should the power go in between, they are found and
freed at the next start.
"""

import contextlib
import sqlite3
from collections.abc import Sequence

import msgspec

from roost_edge.spool import entries, high_water, outbox
from roost_edge.spool.entries import Row
from roost_edge.spool.errors import SpoolUnreadableError
from roost_edge.spool.frame import FrameError, open_record
from roost_edge.spool.index import transaction
from roost_edge.spool.segments import LOST, Segments
from roost_edge.spool.tally import Held, Tally
from roost_shared.records import DropReason

__all__ = ["Removal", "drop_damaged", "record_of", "unseal"]


class Removal:
    """One removal of any number of entries: `take` within a transaction, then `finish` after it.

    Args:
        connection: of the thread that removes.
        segments: where their bytes are.
        tally: counts them.
        boot: whose outbox tells of those that were dropped.
    """

    def __init__(self, connection: sqlite3.Connection, segments: Segments, tally: Tally, boot: int) -> None:
        self._connection = connection
        self._segments = segments
        self._tally = tally
        self._boot = boot
        self._held: list[Held] = []
        self._grown_bytes = 0
        self._dropped: list[tuple[DropReason, int]] = []

    def take(self, rows: Sequence[Row], reason: DropReason | None) -> int:
        """Delete rows, and say why unless the cloud has them; the bytes that this frees."""
        for row in rows:
            if outbox.is_waiting(self._connection, row.boot, row.sequence, row.id):
                record = record_of(self._segments, row) or outbox.nothing("damaged")
                outbox.hold(self._connection, row.boot, row.sequence, record)
                self._grown_bytes += len(record)
        high_water.rise(self._connection, self._segments, [row.place for row in rows])
        entries.remove(self._connection, rows)
        if reason is not None and rows:
            notes = outbox.dropped_notes([row.sample for row in rows], reason)
            self._grown_bytes += outbox.put(self._connection, self._boot, notes)
            self._dropped.append((reason, len(rows)))
        held = [entries.held(row) for row in rows]
        self._held += held
        return sum(one.place.size_bytes for one in held)

    def finish(self) -> None:
        """It is committed: count it, and free the space."""
        self._tally.removed(self._held)
        self._tally.outbox_grew(self._grown_bytes)
        for reason, times in self._dropped:
            self._tally.dropped(reason, times)
        with contextlib.suppress(OSError):  # freed at the next start, or with the whole segment
            self._segments.free(one.place for one in self._held)


def record_of(segments: Segments, row: Row) -> bytes | None:
    """An entry's record, None if it is damaged.

    Raises:
        SpoolUnreadableError: it cannot be read just now.
    """
    try:
        head, record = open_record(segments.read(row.place, row.frame_bytes - row.payload_bytes))
    except FrameError:
        return None
    except OSError as error:
        if error.errno not in LOST:
            raise SpoolUnreadableError(f"{row.sample}: {error.strerror or error}") from error
        return None
    return record if head.sample == row.sample else None


def drop_damaged(
    connection: sqlite3.Connection, segments: Segments, tally: Tally, boot: int, numbers: Sequence[int]
) -> None:
    """Drop entries whose bytes are wrong, by id. The lists that they were in hold no longer."""
    removal = Removal(connection, segments, tally, boot)
    with transaction(connection):
        rows = [row for row in (entries.by_id(connection, number) for number in numbers) if row is not None]
        unsealed = [row for shard in {row.shard for row in rows if row.shard} for row in _unseal(connection, shard)]
        removal.take([msgspec.structs.replace(row, shard=None) for row in rows], "damaged")
    _count_unsealed(tally, unsealed)
    removal.finish()


def unseal(connection: sqlite3.Connection, tally: Tally, shard: str) -> None:
    """Give the entries of a list back."""
    with transaction(connection):
        found = connection.execute("SELECT id FROM shard WHERE name = ?", (shard,)).fetchone()
        rows = [] if found is None else _unseal(connection, found[0])
    _count_unsealed(tally, rows)


def _unseal(connection: sqlite3.Connection, shard: int) -> list[Row]:
    rows = entries.of_shard(connection, shard)
    connection.execute("UPDATE entry SET shard = NULL WHERE shard = ?", (shard,))
    connection.execute("DELETE FROM shard WHERE id = ?", (shard,))
    return rows


def _count_unsealed(tally: Tally, rows: Sequence[Row]) -> None:
    before = [entries.held(row) for row in rows]
    tally.changed(before, [msgspec.structs.replace(one, sealed=False) for one in before])
