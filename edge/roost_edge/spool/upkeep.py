"""What the spool does from time to time: lets go what is too old, and gives back the space of what has gone."""

import sqlite3
from typing import Final

from roost_edge.spool import entries
from roost_edge.spool.compaction import compact, worth_compacting
from roost_edge.spool.errors import unwritable
from roost_edge.spool.index import reading, transaction
from roost_edge.spool.limits import LIST_GRACE_S
from roost_edge.spool.removal import Removal
from roost_edge.spool.segments import Segments
from roost_edge.spool.tally import Tally

__all__ = ["Upkeep"]

_EXPIRED_AT_ONCE: Final = 1000


class Upkeep:
    """For the thread that appends.

    Args:
        connection: that thread's.
        segments: where entries are.
        tally: counts them.
        boot: whose outbox tells of what was dropped.
    """

    def __init__(self, connection: sqlite3.Connection, segments: Segments, tally: Tally, boot: int) -> None:
        self._connection = connection
        self._segments = segments
        self._tally = tally
        self._boot = boot

    def expire(self, time_s: float, age_s: float) -> None:
        """Let go what has been kept for longer than `age_s`; what is in a list, a while after that.

        Raises:
            SpoolError: the index cannot be written.
        """
        removal = Removal(self._connection, self._segments, self._tally, self._boot)
        with transaction(self._connection):
            rows = entries.open_rows(self._connection, _EXPIRED_AT_ONCE)
            removal.take([row for row in rows if time_s - row.time_s > age_s], "retention")
            for shard in entries.shards_before(self._connection, time_s - age_s - LIST_GRACE_S):
                removal.take(entries.of_shard(self._connection, shard), "retention")
                self._connection.execute("DELETE FROM shard WHERE id = ?", (shard,))
        removal.finish()

    def dead_bytes(self) -> int:
        """What segments take of the disk beyond what they hold.

        Raises:
            SpoolUnwritableError: the segments cannot be looked at.
        """
        try:
            numbers = self._segments.numbers()
            return sum(max(0, self._segments.allocated_bytes(n) - self._tally.in_segment(n)) for n in numbers)
        except OSError as error:
            raise unwritable(error) from error

    def tidy(self) -> None:
        """Remove segments that hold nothing any more, and make those that hold little hold nothing: one at a time.

        Raises:
            SpoolError: the disk does not let us.
        """
        try:
            for number in self._segments.numbers():
                if number == self._segments.active:
                    continue
                alive_bytes = self._tally.in_segment(number)
                if not alive_bytes and not self._is_used(number):
                    self._segments.remove(number)
                elif worth_compacting(self._segments.allocated_bytes(number), alive_bytes):
                    compact(self._connection, self._segments, self._tally, number)
                    return
        except OSError as error:
            raise unwritable(error) from error

    def _is_used(self, number: int) -> bool:
        """What the index says before a file goes: counts are no ground to remove one."""
        with reading():
            return bool(entries.of_segment(self._connection, number))
