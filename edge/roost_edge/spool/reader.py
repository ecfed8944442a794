"""The spool as the uploading thread sees it (`interface.SpoolReader`), with a connection of its own.

It never removes a segment and never appends to one: that is the other thread's. A frame may be moved by compaction
between a look at the index and one at the segment; then the index knows where it is now.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from roost_edge.spool import entries
from roost_edge.spool.entries import Row
from roost_edge.spool.errors import EntryDamagedError, EntryGoneError, SpoolUnreadableError
from roost_edge.spool.frame import FrameError, Head, open_frame, open_record
from roost_edge.spool.index import reading, transaction
from roost_edge.spool.interface import Entry, Identify, SealLimits, ShardList, Stored
from roost_edge.spool.removal import Removal, drop_damaged, unseal
from roost_edge.spool.sealing import Waiting, due_task, fitting
from roost_edge.spool.segments import LOST, Segments
from roost_edge.spool.tally import Tally

__all__ = ["Reader"]

_Bytes = TypeVar("_Bytes")


class Reader:
    """See `interface.SpoolReader`.

    Args:
        connection: of this thread.
        segments: where the bytes are.
        tally: counts entries.
        boot: whose outbox tells of what is found damaged.
        sealed_limit_bytes: that lists may hold.
        time_s: the running time, as the other thread last knew it.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        segments: Segments,
        tally: Tally,
        boot: int,
        *,
        sealed_limit_bytes: int,
        time_s: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._segments = segments
        self._tally = tally
        self._boot = boot
        self._sealed_limit_bytes = sealed_limit_bytes
        self._time_s = time_s

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # ---- lists

    def holds_any(self) -> bool:
        """Whether there is an entry."""
        with reading():
            return self._connection.execute("SELECT 1 FROM entry LIMIT 1").fetchone() is not None

    def seal(self, limits: SealLimits, identify: Identify, wanted: Sequence[str] | None = None) -> ShardList | None:
        """Commit the next list that is due, or that is wanted; see `SpoolReader`."""
        while (rows := self._due(limits) if wanted is None else self._wanted(limits, wanted)) is not None:
            sealed = [entries.to_entry(row, self._time_s()) for row in rows]
            try:
                name = identify(rows[0].task, sealed)
            except (EntryDamagedError, EntryGoneError):
                continue
            if self._seal(name, rows):
                return ShardList(shard=name, task=rows[0].task, entries=sealed)
        return None

    def _due(self, limits: SealLimits) -> list[Row] | None:
        if self._tally.sealed_bytes >= self._sealed_limit_bytes:
            return None
        with reading():
            task = due_task(self._waiting(), limits)
            if task is None:
                return None
            rows = entries.open_rows(self._connection, limits.entries, task=task)
        return fitting(rows, limits.size_bytes) or None

    def _wanted(self, limits: SealLimits, samples: Sequence[str]) -> list[Row] | None:
        if self._tally.sealed_bytes >= self._sealed_limit_bytes:
            return None
        rows = [row for row in self._rows_of(samples) if row.shard is None]
        rows = [row for row in rows if row.task == rows[0].task]
        return fitting(rows[: limits.entries], limits.size_bytes) or None

    def _rows_of(self, samples: Sequence[str]) -> list[Row]:
        """Of these samples the entries that are still here, in order of receipt."""
        with reading():
            found = [entries.by_sample(self._connection, sample) for sample in samples]
        return sorted((row for row in found if row is not None), key=lambda row: row.id)

    def _waiting(self) -> list[Waiting]:
        rows = self._connection.execute(
            "SELECT task, count(*), sum(record_bytes + payload_bytes), min(time_s), min(id) FROM entry"
            " WHERE shard IS NULL GROUP BY task ORDER BY min(id)"
        )
        time_s = self._time_s()
        return [Waiting(task, count, size_bytes, time_s - since_s) for task, count, size_bytes, since_s, _ in rows]

    def _seal(self, name: str, rows: Sequence[Row]) -> bool:
        """Make them a list, unless one of them has changed since."""
        with transaction(self._connection):
            current = [entries.by_id(self._connection, row.id) for row in rows]
            unchanged = [now for row, now in zip(rows, current, strict=True) if now is not None and _same(row, now)]
            if len(unchanged) < len(rows):
                return False
            cursor = self._connection.execute("INSERT INTO shard (name, task) VALUES (?, ?)", (name, rows[0].task))
            self._connection.executemany(
                "UPDATE entry SET shard = ? WHERE id = ?", [(cursor.lastrowid, row.id) for row in rows]
            )
        before = [entries.held(row) for row in unchanged]  # they may have been moved since
        self._tally.changed(before, [msgspec.structs.replace(one, sealed=True) for one in before])
        return True

    def shards(self, wanted: Sequence[str] | None = None) -> list[str]:
        """Those sealed, oldest first; see `SpoolReader`."""
        with reading():
            found = self._connection.execute("SELECT id, name FROM shard ORDER BY id").fetchall()
        if wanted is None or not found:
            return [name for _, name in found]
        holding = {row.shard for row in self._rows_of(wanted)}
        return [name for number, name in found if number in holding]

    def entries_of(self, shard: str) -> ShardList | None:
        """A list as it was sealed."""
        with reading():
            found = self._connection.execute("SELECT id, task FROM shard WHERE name = ?", (shard,)).fetchone()
            if found is None:
                return None
            rows = entries.of_shard(self._connection, found[0])
        time_s = self._time_s()
        return ShardList(shard=shard, task=found[1], entries=[entries.to_entry(row, time_s) for row in rows])

    def committed(self, shard: str) -> None:
        """Forget its entries."""
        removal = Removal(self._connection, self._segments, self._tally, self._boot)
        with transaction(self._connection):
            found = self._connection.execute("SELECT id FROM shard WHERE name = ?", (shard,)).fetchone()
            if found is None:
                return
            rows = entries.of_shard(self._connection, found[0])
            removal.take(rows, None)
            self._connection.execute("DELETE FROM shard WHERE id = ?", found)
        removal.finish()
        self._tally.happened("committed", len(rows))

    def dissolve(self, shard: str) -> None:
        """Give its entries back."""
        unseal(self._connection, self._tally, shard)

    # ---- bytes

    def read(self, entry: Entry) -> Stored:
        """Record and payload, checked."""
        return self._checked(entry, lambda row: open_frame(self._segments.read(row.place)))

    def read_record(self, entry: Entry) -> bytes:
        """The record alone, checked."""
        return self._checked(
            entry, lambda row: open_record(self._segments.read(row.place, row.frame_bytes - row.payload_bytes))
        )

    def _checked(self, entry: Entry, look: Callable[[Row], tuple[Head, _Bytes]]) -> _Bytes:
        row = self._row(entry)
        while True:
            try:
                head, found = look(row)
            except FrameError:
                pass
            except OSError as error:
                if error.errno not in LOST:
                    raise SpoolUnreadableError(f"{entry.sample}: {error.strerror or error}") from error
            else:
                if (head.sample, head.task, head.sha256) == (row.sample, row.task, row.sha256):
                    return found
            before, row = row, self._row(entry)
            if row.place == before.place:
                drop_damaged(self._connection, self._segments, self._tally, self._boot, [row.id])
                raise EntryDamagedError(f"{entry.sample}: its bytes are not what they were")

    def _row(self, entry: Entry) -> Row:
        with reading():
            row = entries.by_id(self._connection, entry.id)
        if row is None:
            raise EntryGoneError(f"{entry.sample} has been dropped or committed")
        return row


def _same(row: Row, now: Row) -> bool:
    """Whether what a list says of an entry still holds; where its bytes are is not in it."""
    return (row.probability, row.shard) == (now.probability, now.shard)
