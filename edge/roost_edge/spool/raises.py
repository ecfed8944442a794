"""What turned out to be worth more than it was kept for; written with whatever is written next."""

import sqlite3
from collections.abc import Sequence

import msgspec

from roost_edge.spool import entries
from roost_edge.spool.entries import Row
from roost_edge.spool.tally import Tally

__all__ = ["Raises"]


class Raises:
    """Those that are still to be written."""

    def __init__(self) -> None:
        self._due: dict[str, tuple[int, float]] = {}  # by sample: its priority, and how much likelier to be kept

    def add(self, sample: str, priority: int, likelier: float) -> None:
        """Raise a sample, once more perhaps: the highest priority holds, and it is likelier by all of them.

        Args:
            sample: it.
            priority: that it has from now on, if it is higher than its own.
            likelier: by how much likelier than was said it was to be kept.
        """
        before, so_far = self._due.get(sample, (priority, 1.0))
        self._due[sample] = (max(priority, before), likelier * so_far)

    def write(self, connection: sqlite3.Connection) -> list[Row]:
        """Write them, within a transaction: those that are still there, are in no list, and were worth less.

        Returns:
            The rows as they were, for `written`.
        """
        found = [entries.by_sample(connection, sample) for sample in self._due]
        rows = [
            row for row in found if row is not None and row.shard is None and row.priority < self._due[row.sample][0]
        ]
        connection.executemany(
            "UPDATE entry SET priority = ?, probability = min(1.0, probability * ?) WHERE id = ?",
            [(*self._due[row.sample], row.id) for row in rows],
        )
        return rows

    def written(self, rows: Sequence[Row], tally: Tally) -> None:
        """It is committed: count them, and forget all that were due."""
        before = [entries.held(row) for row in rows]
        after = [msgspec.structs.replace(entries.held(row), priority=self._due[row.sample][0]) for row in rows]
        tally.changed(before, after)
        self._due.clear()
