"""Makes room in the spool: by thinning as far as that reaches, then oldest first."""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

from roost_edge.spool import entries
from roost_edge.spool.entries import Row
from roost_edge.spool.index import transaction
from roost_edge.spool.removal import Removal
from roost_edge.spool.segments import Segments
from roost_edge.spool.tally import Tally
from roost_edge.spool.thinning import CHANCE, is_tossed_for, next_class, survives

__all__ = ["Room"]

_ROWS: Final = 500  # of one look


class Room:
    """Who goes, decided by `thinning`; for the thread that appends.

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

    def make(self, wanted_bytes: int, highest: int | None = None) -> None:
        """Free as much, or all that may go.

        Args:
            wanted_bytes: to free.
            highest: the class that the room is for; None: any may have to go.

        Raises:
            SpoolError: the index cannot be written; what was freed before stays so.
        """
        while wanted_bytes > 0:
            priority = next_class(self._tally.open_bytes(), highest=highest)
            if priority is None:
                return
            freed_bytes, goes_on = self._thin(priority, wanted_bytes)
            if not goes_on:
                return  # the other thread has just sealed what there was
            wanted_bytes -= freed_bytes

    def _thin(self, priority: int, wanted_bytes: int) -> tuple[int, bool]:
        removal = Removal(self._connection, self._segments, self._tally, self._boot)
        with transaction(self._connection):
            freed, tossed = self._round(removal, priority)
            if not tossed:
                freed += self._oldest(removal, priority, wanted_bytes)
        removal.finish()
        return freed, tossed or freed > 0

    def _round(self, removal: Removal, priority: int) -> tuple[int, bool]:
        """One round in a class: bytes freed, and whether it tossed for any."""
        self._connection.execute("UPDATE state SET round = round + 1")
        (number,) = self._connection.execute("SELECT round FROM state").fetchone()
        highest = entries.highest_probability(self._connection, priority)
        freed, tossed, last = 0, False, 0
        while rows := entries.of_class(self._connection, priority, last, _ROWS):
            last = rows[-1].id
            some = [row for row in rows if is_tossed_for(row.probability, highest)]
            stays = {row.id for row in some if survives(row.sample, round_number=number)}
            self._lower([row for row in some if row.id in stays])
            freed += removal.take([row for row in some if row.id not in stays], "thinned")
            tossed = tossed or bool(some)
        return freed, tossed

    def _lower(self, rows: list[Row]) -> None:
        self._connection.executemany(
            "UPDATE entry SET probability = ? WHERE id = ?", [(row.probability * CHANCE, row.id) for row in rows]
        )

    def _oldest(self, removal: Removal, priority: int, wanted_bytes: int) -> int:
        freed = 0
        while freed < wanted_bytes and (rows := entries.of_class(self._connection, priority, 0, _ROWS)):
            freed += removal.take(list(_enough(rows, wanted_bytes - freed)), "quota")
        return freed


def _enough(rows: Iterable[Row], wanted_bytes: int) -> Iterator[Row]:
    for row in rows:
        if wanted_bytes <= 0:
            return
        wanted_bytes -= row.frame_bytes
        yield row
