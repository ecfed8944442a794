"""Tells the cloud what is in the outbox: batches one way, watermarks the other. For the thread that appends."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from roost_edge.spool import entries, outbox
from roost_edge.spool.entries import Row
from roost_edge.spool.go_back_n import GoBackN
from roost_edge.spool.index import reading, transaction
from roost_edge.spool.outbox import OutboxRow
from roost_edge.spool.removal import record_of
from roost_edge.spool.segments import Segments
from roost_edge.spool.tally import Tally
from roost_shared.records import MAX_BATCH_BYTES, Batch

__all__ = ["Teller"]

_RECORDS_AT_ONCE: Final = 256  # of a look into the outbox
_RECORD_OVERHEAD_BYTES: Final = 5  # of MessagePack, at most
_BATCH_OVERHEAD_BYTES: Final = 128


class Teller:
    """The outbox on its way.

    Args:
        connection: of the thread that appends.
        segments: hold the records of entries.
        tally: counts.
        limit_bytes: of records that the outbox itself holds.
    """

    def __init__(self, connection: sqlite3.Connection, segments: Segments, tally: Tally, limit_bytes: int) -> None:
        self._connection = connection
        self._segments = segments
        self._tally = tally
        self._limit_bytes = limit_bytes
        self._sender = GoBackN()

    def link_up(self, now_ns: int) -> None:
        """There is a new link to the cloud: records are sent from the watermark on."""
        self._sender.connected(now_ns)

    def link_down(self) -> None:
        """There is none."""
        self._sender.disconnected()

    def next_batch(self, now_ns: int) -> Batch | None:
        """The records to send now, as far as `MAX_BATCH_BYTES`; None while there is nothing to send or to wait for.

        Raises:
            SpoolError: the index or a record cannot be read.
        """
        if not self._sender.may_send(now_ns):
            return None
        with reading():
            rows = outbox.following(self._connection, *self._sender.position, _RECORDS_AT_ONCE)
            if not rows:
                return None
            boot, first = rows[0].boot, rows[0].sequence
            name = outbox.boot_name(self._connection, boot)
            oldest = outbox.oldest_of(self._connection, boot)
        records = self._records(rows)
        self._sender.sent(boot, first + len(records) - 1, now_ns)
        return Batch(boot=name, first=first, oldest=min(oldest, first), records=records)

    def next_look_ns(self) -> int | None:
        """When `next_batch` may have something to send again by time alone; None: only when something happens."""
        return self._sender.next_look_ns()

    def watermark(self, boot: str, sequence: int, now_ns: int) -> None:
        """The cloud has this boot's records up to this one: they leave the outbox.

        Raises:
            SpoolError: the index cannot be written; they will be sent again.
        """
        with transaction(self._connection):
            covered = outbox.cover(self._connection, boot, sequence)
        if covered is None:
            return
        number, sequence, freed_bytes = covered
        self._tally.outbox_grew(-freed_bytes)
        self._sender.covered(number, sequence, now_ns)

    def _records(self, rows: Sequence[OutboxRow]) -> list[bytes]:
        """As many of the first as go into one batch; they are of one boot, and in a row."""
        records: list[bytes] = []
        size_bytes = _BATCH_OVERHEAD_BYTES
        for number, row in enumerate(rows):
            if row.boot != rows[0].boot or row.sequence != rows[0].sequence + number:
                break
            record = self._record(row)
            size_bytes += len(record) + _RECORD_OVERHEAD_BYTES
            if size_bytes > MAX_BATCH_BYTES and records:
                break
            records.append(record)
        return records

    def _record(self, row: OutboxRow) -> bytes:
        """The other thread may take an entry away between two looks; its record is in the outbox then."""
        while row.record is None and row.entry is not None:
            with reading():
                entry = entries.by_id(self._connection, row.entry)
            record = None if entry is None else record_of(self._segments, entry)
            if record is not None:
                return record
            if entry is not None:
                self._replace_damaged(row, entry)
            looked_for = row.entry
            with reading():
                row = outbox.row(self._connection, row.boot, row.sequence)
            if entry is None and row.entry == looked_for:  # nobody took it away: a failing card has changed the number
                with transaction(self._connection):
                    outbox.hold(self._connection, row.boot, row.sequence, outbox.nothing("damaged"))
                return self._counted_as_damaged()
        return row.record or b""

    def _replace_damaged(self, row: OutboxRow, entry: Row) -> None:
        """Its record cannot be read any more, unless it has just gone elsewhere."""
        with transaction(self._connection):
            now = entries.by_id(self._connection, entry.id)
            if now is None or now.place != entry.place:
                return
            outbox.hold(self._connection, row.boot, row.sequence, outbox.nothing("damaged"))
        self._counted_as_damaged()

    def _counted_as_damaged(self) -> bytes:
        """A record is lost; what there is in its place."""
        nothing = outbox.nothing("damaged")
        self._tally.outbox_grew(len(nothing))
        self._tally.happened("records_damaged")
        return nothing

    def squeeze(self) -> None:
        """Keep the outbox within its bytes.

        Raises:
            SpoolError: the index cannot be written.
        """
        excess_bytes = self._tally.outbox_bytes - self._limit_bytes
        if excess_bytes <= 0:
            return
        with transaction(self._connection):
            wanted_bytes = excess_bytes + self._limit_bytes // 4
            freed_bytes, emptied, lost = outbox.squeeze(self._connection, wanted_bytes)
        self._tally.outbox_grew(-freed_bytes)
        self._tally.happened("outbox_thinned", emptied)
        self._tally.happened("outbox_lost", lost)
